/*
 * The store over thousands of changes: what is served, what is logged, when
 * files are touched, and that memory comes back.
 */

#include "check.h"
#include "mecai_voucher_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <openssl/evp.h>

/* of the sanitizer's allocator; gcc ships its declaration not everywhere */
size_t __sanitizer_get_current_allocated_bytes(void);

enum { CYCLES = 1000, WARM_UP = 30 };

static char      root[128];
static char      place[256];
static char      name[64];
static X509     *certificate;
static mecai_access_t  zone;
static unsigned  lines;
static unsigned  file_calls;            /* of the rooms under test */

typedef struct {
    uint8_t  der[MECAI_SIZE_MAX];
    size_t   size;
} sample_t;

static sample_t  first, second, ahead, foreign, ocsp, damaged;


/* The Makefile links these in place of the originals (ld --wrap). */
#define WRAP(type, name, parameters, arguments)                                \
    type __real_##name parameters;                                             \
    type __wrap_##name parameters;                                             \
    type                                                                       \
    __wrap_##name parameters                                                   \
    {                                                                          \
        file_calls++;                                                          \
        return __real_##name arguments;                                        \
    }

WRAP(int, open, (const char *path, int flags, mode_t mode), (path, flags, mode))
WRAP(int, lstat, (const char *path, struct stat *status), (path, status))
WRAP(DIR *, fdopendir, (int fd), (fd))

static int64_t  clock_ms;               /* that no one sets */

int __wrap_clock_gettime(clockid_t id, struct timespec *now);
int
__wrap_clock_gettime(clockid_t id, struct timespec *now)
{
    CHECK(id == CLOCK_MONOTONIC);
    now->tv_sec = clock_ms / 1000;
    now->tv_nsec = clock_ms % 1000 * 1000000;
    return 0;
}


/* An errno that the next call shall fail with; 0: none. */
static int  fstatat_error, readdir_error, openat_error, fstat_error, read_error;


static unsigned  opened;
static bool      fill;              /* another process fills the zone then */


static bool
fails(int *error)
{
    file_calls++;
    errno = *error;
    *error = 0;
    return errno != 0;
}


int __real_fstat(int fd, struct stat *status);
int
__wrap_fstat(int fd, struct stat *status)
{
    return fails(&fstat_error) ? -1 : __real_fstat(fd, status);
}


ssize_t __real_read(int fd, void *buffer, size_t size);
ssize_t
__wrap_read(int fd, void *buffer, size_t size)
{
    return fails(&read_error) ? -1 : __real_read(fd, buffer, size);
}


/* The next malloc fails, of the rooms under test or of OpenSSL. */
static bool  no_memory[2];

static bool
has_memory(bool *none)
{
    bool  some = !*none;

    *none = false;
    return some;
}


void *__real_malloc(size_t size);
void *
__wrap_malloc(size_t size)
{
    return has_memory(&no_memory[0]) ? __real_malloc(size) : NULL;
}


static void *
openssl_malloc(size_t size, const char *file, int line)
{
    (void) file, (void) line;
    return has_memory(&no_memory[1]) ? __real_malloc(size) : NULL;
}


static void *
openssl_realloc(void *memory, size_t size, const char *file, int line)
{
    (void) file, (void) line;
    return has_memory(&no_memory[1]) ? realloc(memory, size) : NULL;
}


static void
openssl_free(void *memory, const char *file, int line)
{
    (void) file, (void) line;
    free(memory);
}


int __real_openat(int at, const char *path, int flags, mode_t mode);
int
__wrap_openat(int at, const char *path, int flags, mode_t mode)
{
    uint8_t  key[MECAI_HASH_SIZE] = { 0 };

    file_calls++;
    opened++;
    while (fill && mecai_zone_set(zone.zone, key) != NULL) {
        for (size_t i = 0; ++key[i] == 0; i++) { /* void */ }
    }
    fill = false;
    if (fails(&openat_error)) {
        return -1;
    }
    return __real_openat(at, path, flags, mode);
}


int __real_fstatat(int at, const char *path, struct stat *status, int flags);
int
__wrap_fstatat(int at, const char *path, struct stat *status, int flags)
{
    file_calls++;
    if (fstatat_error != 0) {
        errno = fstatat_error;
        fstatat_error = 0;
        return -1;
    }
    return __real_fstatat(at, path, status, flags);
}


struct dirent *__real_readdir(DIR *directory);
struct dirent *
__wrap_readdir(DIR *directory)
{
    file_calls++;
    if (readdir_error != 0) {
        errno = readdir_error;
        readdir_error = 0;
        return NULL;
    }
    return __real_readdir(directory);
}


static void
count_line(const char *line)
{
    CHECK(line[0] != '\0' && strpbrk(line, "\n\r\033\177\233") == NULL);
    lines++;
}


/* Renames content into place, as a sidecar does. */
static void
put(const char *file, const sample_t *sample)
{
    char   temporary[512], final[512];
    FILE  *stream;

    snprintf(temporary, sizeof(temporary), "%s/.new", place);
    snprintf(final, sizeof(final), "%s/%s", place, file);
    stream = fopen(temporary, "wb");
    CHECK(stream != NULL);
    CHECK(fwrite(sample->der, 1, sample->size, stream) == sample->size);
    CHECK(fclose(stream) == 0);
    CHECK(rename(temporary, final) == 0);
}


static void
take_away(const char *file)
{
    char  path[512];

    snprintf(path, sizeof(path), "%s/%s", place, file);
    CHECK(unlink(path) == 0);
}


/* Writes into the file itself, as a sidecar must not. */
static void
write_in_place(const char *file, const sample_t *sample, size_t size)
{
    char   path[512];
    FILE  *stream;

    snprintf(path, sizeof(path), "%s/%s", place, file);
    stream = fopen(path, "wb");
    CHECK(stream != NULL);
    CHECK(fwrite(sample->der, 1, size, stream) == size);
    CHECK(fclose(stream) == 0);
}


/* Sets the directory's modification time; files do not change. */
static void
touch_directory(time_t when)
{
    struct timespec  times[2] = { { .tv_sec = when }, { .tv_sec = when } };

    CHECK(utimensat(AT_FDCWD, place, times, 0) == 0);
}


static bool
file_is(const mecai_file_t *file, const sample_t *sample)
{
    static uint8_t  der[MECAI_SIZE_MAX];

    if (file == NULL || file->content == NULL || file->size != sample->size) {
        return false;
    }
    mecai_file_der(file, der);
    return memcmp(der, sample->der, file->size) == 0;
}


static bool
serves(const mecai_set_t *set, const sample_t *sample)
{
    return file_is(set->vouchers, sample);
}


static void
set_up(const char *directory, const char *scratch)
{
    uint8_t  hash[MECAI_HASH_SIZE], authority[MECAI_AUTHORITY_SIZE];
    char    *out;

    certificate = read_certificate(directory);
    first.size = read_sample(directory, "first.voucher", first.der,
                             sizeof(first.der));
    second.size = read_sample(directory, "second.voucher", second.der,
                              sizeof(second.der));
    ahead.size = read_sample(directory, "ahead.voucher", ahead.der,
                             sizeof(ahead.der));
    foreign.size = read_sample(directory, "cedar.voucher", foreign.der,
                               sizeof(foreign.der));
    ocsp.size = read_sample(directory, "ocsp.der", ocsp.der, sizeof(ocsp.der));
    damaged = first;
    damaged.der[damaged.size - 1] ^= 1;

    snprintf(root, sizeof(root), "%s/store-XXXXXX", scratch);
    CHECK(mkdtemp(root) != NULL);
    CHECK(X509_digest(certificate, EVP_sha256(), hash, NULL) == 1);
    out = place + sprintf(place, "%s/", root);
    for (size_t i = 0; i < sizeof(hash); i++) {
        out += sprintf(out, "%02x", hash[i]);
    }
    CHECK(mkdir(place, 0755) == 0);
    /* the authority's id stands in its VoucherInfo, right after version: 02
     * 01 01 04 08 */
    memcpy(authority,
           (uint8_t *) memmem(first.der, first.size, "\2\1\1\4\10", 5) + 5,
           sizeof(authority));
    out = name;
    for (size_t i = 0; i < sizeof(authority); i++) {
        out += sprintf(out, "%02x", authority[i]);
    }
    strcpy(out, ".voucher");
}


/* Returns what a handshake finds; it must touch no file for that. */
static const mecai_set_t *
find(mecai_store_t *store, time_t now)
{
    unsigned              before = file_calls;
    const mecai_known_t  *known = mecai_store_find(store, certificate, now);

    CHECK(known != NULL && file_calls == before);
    return mecai_zone_find(zone.zone, known->key);
}


static bool
refresh(mecai_store_t *store, time_t now)
{
    clock_ms += 1000;
    return mecai_store_refresh(store, now, 1, INT64_MAX);
}


/* Runs a round and returns what a handshake then finds. */
static const mecai_set_t *
look(mecai_store_t *store, time_t now)
{
    unsigned  before = file_calls;

    CHECK(refresh(store, now) && !zone_locked);
    CHECK(file_calls > before);
    return find(store, now);
}


/* Returns the descriptor that would be opened next. */
static int
next_descriptor(void)
{
    int  fd = open("/dev/null", O_RDONLY);

    CHECK(fd >= 0 && close(fd) == 0);
    return fd;
}


static unsigned
open_descriptors(void)
{
    unsigned  count = 0;

    for (int fd = 0; fd < 20 * CYCLES; fd++) {
        count += fcntl(fd, F_GETFD) != -1;
    }
    return count;
}


static size_t
zone_used(void)
{
    mecai_figures_t  figures;

    mecai_zone_figures(zone.zone, &figures);
    return figures.used;
}


static void
test_changes(mecai_store_t *store)
{
    size_t    before = 0, used = 0;
    unsigned  descriptors = open_descriptors();
    time_t    now = NOW;

    for (unsigned cycle = 0; cycle < CYCLES; cycle++) {
        const mecai_set_t  *set;

        if (cycle == WARM_UP) {
            before = __sanitizer_get_current_allocated_bytes();
            used = zone_used();
        }
        lines = 0;
        put(name, &first);
        put(MECAI_OCSP_NAME, &ocsp);
        set = look(store, ++now);
        CHECK(set != NULL && serves(set, &first) && lines == 0);
        CHECK(file_is(set->ocsp, &ocsp));

        put(name, &damaged);
        /* a handshake reads nothing */
        CHECK(serves(find(store, now), &first) && lines == 0);
        CHECK(serves(look(store, ++now), &first) && lines == 1);
        /* said once */
        CHECK(serves(look(store, ++now), &first) && lines == 1);

        put(name, &second);
        CHECK(serves(look(store, ++now), &second) && lines == 1);
        put(name, &foreign);
        CHECK(serves(look(store, ++now), &second) && lines == 2);

        take_away(name);
        take_away(MECAI_OCSP_NAME);
        set = look(store, ++now);
        CHECK(set->vouchers == NULL && set->file_count == 0
              && set->ocsp == NULL && lines == 2);
    }
    CHECK(__sanitizer_get_current_allocated_bytes() <= before);
    CHECK(zone_used() == used);
    CHECK(open_descriptors() == descriptors);
}


/*
 * A file that changes behind its directory's back is noticed while that is
 * younger than two seconds, as a rename would be that left no trace in a coarse
 * time stamp; later it is not.
 */
static void
test_settling(mecai_store_t *store)
{
    time_t  now = NOW + 50000;

    put(name, &first);
    touch_directory(now - 1);
    CHECK(serves(look(store, now), &first));
    write_in_place(name, &second, second.size);
    CHECK(serves(look(store, ++now), &second));
    write_in_place(name, &first, first.size);
    CHECK(serves(look(store, ++now), &second));
    put(name, &first);
    CHECK(serves(look(store, ++now), &first));
}


/* Whoever writes in place instead of renaming is read when he has finished. */
static void
test_half_written(mecai_store_t *store)
{
    time_t  now = NOW + 50000;

    lines = 0;
    put(name, &first);
    CHECK(serves(look(store, now), &first));
    write_in_place(name, &second, second.size / 2);
    touch_directory(now - 60);
    CHECK(serves(look(store, ++now), &first) && lines == 1);
    CHECK(serves(look(store, ++now), &first) && lines == 1);
    write_in_place(name, &second, second.size);
    touch_directory(now - 60);
    CHECK(serves(look(store, ++now), &second) && lines == 1);
}


/*
 * A voucher whose thisUpdate is an hour ahead waits, the one in service stays;
 * then it is taken: no file changes.
 */
static void
test_not_yet_valid(mecai_store_t *store)
{
    time_t  begin = NOW + 60 * 60 - MECAI_CLOCK_SKEW_SECONDS, now = NOW;

    put(name, &first);
    CHECK(serves(look(store, now), &first));
    lines = 0;
    put(name, &ahead);
    touch_directory(now - 60);
    CHECK(serves(look(store, ++now), &first) && lines == 1);
    CHECK(serves(look(store, ++now), &first));
    CHECK(serves(look(store, begin - 1), &first) && lines == 1);
    CHECK(serves(look(store, begin), &ahead) && lines == 1);
    CHECK(serves(look(store, begin + 1), &ahead));

    take_away(name);
    CHECK(look(store, ++now)->vouchers == NULL);
    put(name, &ahead);              /* none before it */
    CHECK(!serves(look(store, ++now), &ahead) && lines == 2);
    put(name, &damaged);            /* what waited is gone with its file */
    CHECK(!serves(look(store, ++now), &ahead) && lines == 3);
    CHECK(!serves(look(store, begin), &ahead) && lines == 3);
}


/* A clock that was far ahead at boot, or years behind: what it had refused is
 * taken when it is set, and no file changes. */
static void
test_clock_that_is_set(mecai_store_t *store)
{
    static const time_t  year = 365 * 24 * 60 * 60;

    put(name, &second);
    put(MECAI_OCSP_NAME, &ocsp);
    touch_directory(NOW - 60);
    lines = 0;
    CHECK(!serves(look(store, NOW + year), &second) && lines == 2);
    CHECK(look(store, NOW - year)->ocsp->content == NULL && lines == 2);
    CHECK(serves(look(store, NOW), &second) && lines == 2);
    CHECK(file_is(find(store, NOW)->ocsp, &ocsp));
    CHECK(find(store, NOW)->refused_count == 0);
    put(name, &foreign);            /* not for its time: once for all */
    look(store, NOW + 1);
    look(store, NOW + year);
    look(store, NOW);
    CHECK(lines == 3);
    take_away(MECAI_OCSP_NAME);
    take_away(name);
    CHECK(look(store, NOW)->vouchers == NULL);
}


static void
test_expiry(mecai_store_t *store)
{
    time_t  later = NOW + 24 * 60 * 60;

    put(name, &first);
    CHECK(serves(look(store, NOW), &first));
    lines = 0;
    put(name, &second);
    CHECK(serves(look(store, later), &first));
    /* too late to take the second; the first is in memory, and choosing
     * leaves it out */
    CHECK(lines == 1);
}


/* Whether somebody asks for a certificate without a directory is not known
 * here: the handshake says it. */
static void
test_lost_directory(mecai_store_t *store)
{
    time_t              now = NOW + 60000;
    const mecai_set_t  *set;
    char                moved[300];

    lines = 0;
    take_away(name);
    CHECK(rmdir(place) == 0);
    set = look(store, ++now);
    CHECK(set->vouchers == NULL && set->trouble == ENOENT && set->complete);
    CHECK(mkdir(place, 0755) == 0);
    put(name, &first);
    set = look(store, ++now);
    CHECK(serves(set, &first) && set->trouble == 0 && lines == 0);

    /* a link in its place is not followed, which is said once an hour */
    snprintf(moved, sizeof(moved), "%s.moved", place);
    CHECK(rename(place, moved) == 0 && symlink(moved, place) == 0);
    CHECK(look(store, ++now)->vouchers == NULL && lines == 1);
    CHECK(look(store, ++now)->trouble == ELOOP && lines == 1);
    look(store, now + MECAI_TELL_SECONDS);
    CHECK(lines == 2);
    CHECK(unlink(place) == 0 && rename(moved, place) == 0);
    take_away(name);
    CHECK(rmdir(place) == 0);
    CHECK(look(store, ++now)->trouble == ENOENT && lines == 2);
}


/* Out of descriptors: what is in service stays, and it is said once. */
static void
test_exhausted(mecai_store_t *store)
{
    time_t         now = NOW;
    struct rlimit  normal, tight;
    int            fd = next_descriptor();

    CHECK(mkdir(place, 0755) == 0);
    put(name, &first);
    CHECK(serves(look(store, now), &first));
    put(name, &second);
    lines = 0;
    CHECK(getrlimit(RLIMIT_NOFILE, &normal) == 0);
    tight = normal;
    /* none is left for the directory; then one, and none for its file */
    for (rlim_t spare = 0; spare < 2; spare++) {
        tight.rlim_cur = (rlim_t) fd + spare;
        CHECK(setrlimit(RLIMIT_NOFILE, &tight) == 0);
        CHECK(serves(look(store, ++now), &first) && lines == 1 + spare);
        CHECK(serves(look(store, ++now), &first) && lines == 1 + spare);
    }
    CHECK(setrlimit(RLIMIT_NOFILE, &normal) == 0);
    CHECK(serves(look(store, ++now), &second) && lines == 2);
}


/* What is not the file's fault is not held against it: the next round takes it,
 * and nothing changed meanwhile. */
static void
test_passing(mecai_store_t *store)
{
    int     *calls[] = { &openat_error, &read_error };
    time_t   now = NOW + 4 * MECAI_TELL_SECONDS;

    lines = 0;
    for (size_t i = 0; i < 2 * sizeof(calls) / sizeof(calls[0]); i++) {
        put(name, &first);
        CHECK(serves(look(store, ++now), &first));
        put(name, &second);
        touch_directory(now - 60);
        *calls[i / 2] = i % 2 ? EIO : ENOMEM;
        CHECK(serves(look(store, ++now), &first) && *calls[i / 2] == 0);
        CHECK(find(store, now)->refused_count == 0 && lines == 1);
        CHECK(serves(look(store, ++now), &second));
    }
    put(name, &first);              /* gone between its name and its opening */
    openat_error = ENOENT;
    now += MECAI_TELL_SECONDS;
    CHECK(serves(look(store, ++now), &second) && lines == 1);
    CHECK(serves(look(store, ++now), &first));
    put(name, &second);             /* whoever may not read it must change it */
    openat_error = EACCES;
    CHECK(serves(look(store, ++now), &first) && lines == 2);
    CHECK(serves(look(store, ++now), &first) && lines == 2);

    for (size_t i = 0; i < 2; i++) {
        put(name, &first);
        now += MECAI_TELL_SECONDS;
        CHECK(serves(look(store, ++now), &first));
        put(name, &second);
        lines = 0;
        no_memory[i] = true;
        CHECK(serves(look(store, ++now), &first) && !no_memory[i]);
        CHECK(find(store, now)->refused_count == 0 && lines == 1);
        CHECK(serves(look(store, ++now), &second) && lines == 1);
    }
    take_away(name);
}


/* A directory or file system that fails takes nothing out of service; a file
 * that went between its name and its look does. */
static void
test_failing(mecai_store_t *store)
{
    time_t  now = NOW + 2 * MECAI_TELL_SECONDS;

    put(name, &second);
    CHECK(serves(look(store, now), &second));
    lines = 0;
    touch_directory(now);
    readdir_error = EIO;
    CHECK(serves(look(store, ++now), &second) && lines == 1);
    CHECK(find(store, now)->trouble == EIO && readdir_error == 0);
    CHECK(serves(look(store, ++now), &second) && lines == 1);
    CHECK(find(store, now)->trouble == 0);
    fstatat_error = EIO;
    touch_directory(now);
    CHECK(serves(look(store, ++now), &second) && fstatat_error == 0);
    CHECK(find(store, now)->trouble == EIO);
    fstatat_error = ENOENT;
    CHECK(look(store, ++now)->vouchers == NULL && fstatat_error == 0);
    CHECK(lines == 1);
    take_away(name);
}


/*
 * A round in parts: each checks one file, and until it is complete what was in
 * service stays; nothing is checked twice.
 */
static void
test_parts(mecai_store_t *store)
{
    enum { FILES = 20 };

    time_t         now = NOW + 10;
    mecai_until_t  over = 0;
    unsigned       parts = 0;
    char           file[64];
    bool           complete = false;

    CHECK(serves(look(store, now), &second));
    for (unsigned i = 0; i < FILES; i++) {
        snprintf(file, sizeof(file), "%016x.voucher", i);
        put(file, &damaged);
    }
    take_away(name);
    lines = file_calls = 0;
    now++;
    clock_ms += 1000;
    while (!complete) {
        unsigned             told = lines;
        const mecai_file_t  *held = mecai_zone_known(find(store, now), name);

        CHECK(file_is(held, &second));
        /* others leave it alone, while this one is at it */
        complete = mecai_store_refresh(store, now, 1, over);
        CHECK(lines - told <= 1 && ++parts < 3 * FILES);
    }
    CHECK(lines == FILES && parts >= FILES);
    CHECK(find(store, now)->file_count == FILES);
    CHECK(mecai_zone_known(find(store, now), name) == NULL);
    for (unsigned i = 0; i < FILES; i++) {
        snprintf(file, sizeof(file), "%016x.voucher", i);
        take_away(file);
    }
    CHECK(look(store, ++now)->vouchers == NULL);
}


/* Two processes: what one looked at, the other leaves alone for the interval;
 * what one breaks off, the other does. */
static void
test_shared_reading(mecai_store_t *store)
{
    enum { INTERVAL_MS = 1000 };

    mecai_store_t  *other = mecai_store_create(root, &zone, count_line);
    time_t          now = NOW + 100;

    CHECK(other != NULL && mecai_store_keep(other, certificate));
    put(name, &first);
    CHECK(serves(look(store, now), &first));
    put(name, &second);
    file_calls = 0;
    clock_ms += INTERVAL_MS - 1;
    CHECK(mecai_store_refresh(other, now, INTERVAL_MS, INT64_MAX));
    CHECK(file_calls == 0 && serves(find(other, now), &first));
    CHECK(mecai_store_complete(other));
    clock_ms++;
    CHECK(mecai_store_refresh(other, now, INTERVAL_MS, INT64_MAX));
    CHECK(file_calls > 0 && serves(find(store, now), &second));

    put(name, &first);
    clock_ms += INTERVAL_MS;
    CHECK(!mecai_store_refresh(store, now, INTERVAL_MS, 0));
    mecai_store_destroy(other);
    CHECK(refresh(store, ++now) && serves(find(store, now), &first));
    take_away(name);
    CHECK(look(store, ++now)->vouchers == NULL);
}


/* A directory of names that are nobody's takes long: it is still one process
 * that reads it. A moment that is past by now takes nobody's turn away. */
static void
test_slow_reading(mecai_store_t *store)
{
    enum { JUNK = 20, INTERVAL_MS = 1000, STEP_MS = 600 };

    mecai_store_t  *other = mecai_store_create(root, &zone, count_line);
    mecai_set_t    *set = mecai_zone_find(zone.zone,
                           mecai_store_find(store, certificate, NOW)->key);
    char            file[64];
    unsigned        parts = 0, calls;
    int64_t         looked;

    CHECK(other != NULL && mecai_store_keep(other, certificate));
    for (unsigned i = 0; i < JUNK; i++) {
        snprintf(file, sizeof(file), "stranger-%u", i);
        put(file, &first);
    }
    clock_ms += INTERVAL_MS;
    while (!mecai_store_refresh(store, NOW, INTERVAL_MS, 0)) {
        calls = file_calls;
        clock_ms += STEP_MS;
        CHECK(mecai_store_refresh(other, NOW, INTERVAL_MS, INT64_MAX));
        CHECK(file_calls == calls && ++parts < 2 * JUNK);
    }
    CHECK(parts > JUNK);
    looked = set->looked;
    mecai_zone_look(set, looked - 1);
    CHECK(set->looked == looked);
    clock_ms = looked - 1;
    calls = file_calls;
    CHECK(mecai_store_refresh(other, NOW, INTERVAL_MS, INT64_MAX));
    CHECK(file_calls == calls && set->looked == looked);
    clock_ms += INTERVAL_MS;
    mecai_store_destroy(other);
    for (unsigned i = 0; i < JUNK; i++) {
        snprintf(file, sizeof(file), "stranger-%u", i);
        take_away(file);
    }
}


/* A process that is slow is overtaken: what it goes on with harms nothing. */
static void
test_overtaken(mecai_store_t *store)
{
    enum { FILES = 10 };

    mecai_store_t  *other = mecai_store_create(root, &zone, count_line);
    time_t          now = NOW + 200;
    char            file[64];

    CHECK(other != NULL && mecai_store_keep(other, certificate));
    for (unsigned i = 0; i < FILES; i++) {
        snprintf(file, sizeof(file), "%.16s-%u.voucher", name, i);
        put(file, &first);
    }
    touch_directory(now - 60);
    clock_ms += 1000;
    for (unsigned part = 0; part < FILES / 2; part++) {
        CHECK(!mecai_store_refresh(store, now, 1, 0));
    }
    now++;
    clock_ms++;
    /* past the place of the first */
    for (unsigned part = 0; part < FILES - 1; part++) {
        CHECK(!mecai_store_refresh(other, now, 1, 0));
    }
    CHECK(mecai_store_refresh(store, now, 1000, INT64_MAX));
    CHECK(mecai_store_refresh(other, now, 1000, INT64_MAX));
    CHECK(find(store, now)->file_count == FILES && find(store, now)->settled);
    mecai_store_destroy(other);
    for (unsigned i = 0; i < FILES; i++) {
        snprintf(file, sizeof(file), "%.16s-%u.voucher", name, i);
        take_away(file);
    }
    CHECK(look(store, ++now)->vouchers == NULL);
}


/* Without room nothing more is read; that is said once an hour. */
static void
test_full_zone(void)
{
    mecai_access_t  saved = zone;
    mecai_store_t  *store;
    char            file[64];
    unsigned        held = 0, calls;
    time_t          now = NOW;

    zone = new_zone(MECAI_ZONE_SIZE_MIN);
    store = mecai_store_create(root, &zone, count_line);
    CHECK(store != NULL && mecai_store_keep(store, certificate));
    for (unsigned i = 0; i < MECAI_FILES_MAX; i++) {
        snprintf(file, sizeof(file), "%.16s-%u.voucher", name, i);
        put(file, &first);
    }
    lines = 0;
    look(store, now);
    CHECK(lines == 1);
    for (const mecai_file_t *f = find(store, now)->vouchers; f; f = f->next) {
        CHECK(file_is(f, &first));
        held++;
    }
    CHECK(held > 100 && held < MECAI_FILES_MAX);
    CHECK(zone_used() < MECAI_ZONE_SIZE_MIN);
    calls = file_calls;
    look(store, ++now);
    CHECK(lines == 1 && file_calls - calls < 3 * MECAI_FILES_MAX);
    for (unsigned i = 0; i < MECAI_FILES_MAX; i++) {
        snprintf(file, sizeof(file), "%.16s-%u.voucher", name, i);
        take_away(file);
    }
    put(name, &second);
    look(store, ++now);             /* what is gone makes room */
    CHECK(serves(look(store, ++now), &second));
    mecai_store_destroy(store);
    free(zone.zone);
    zone = saved;
    take_away(name);
}


/* Another process filled the zone meanwhile: the file is not refused, but read
 * again when there is room. */
static void
test_filled_meanwhile(bool known)
{
    enum { PARTS = 4096 };          /* all of the zone is swept */

    mecai_access_t  saved = zone;
    mecai_store_t  *store;
    time_t          now = NOW;

    zone = new_zone(MECAI_ZONE_SIZE_MIN);
    store = mecai_store_create(root, &zone, count_line);
    CHECK(store != NULL && mecai_store_keep(store, certificate));
    lines = 0;
    if (known) {
        put(name, &first);
        CHECK(serves(look(store, now), &first));
    }
    put(name, &second);
    touch_directory(now - 60);
    fill = true;
    look(store, ++now);
    CHECK(!fill && lines == 0 && find(store, now)->refused_count == 0);
    CHECK(!find(store, now)->settled);
    CHECK(!known || serves(find(store, now), &first));
    for (unsigned part = 0; part < PARTS; part++) {
        mecai_zone_sweep(zone.zone, clock_ms);
    }
    CHECK(serves(look(store, ++now), &second) && lines == 0);
    mecai_store_destroy(store);
    free(zone.zone);
    zone = saved;
    take_away(name);
}


/* Files beyond the most are not opened; they get a place when one is free. */
static void
test_crowded(mecai_store_t *store)
{
    enum { MORE = 3, FILES = MECAI_FILES_MAX + MORE };

    time_t  now = NOW + 2000;
    char    file[64];

    lines = opened = 0;
    for (unsigned i = 0; i < FILES; i++) {
        snprintf(file, sizeof(file), "%.16s-%u.voucher", name, i);
        put(file, &first);
    }
    put(MECAI_OCSP_NAME, &ocsp);
    touch_directory(now - 60);
    CHECK(file_is(look(store, now)->ocsp, &ocsp) && lines == 1);
    CHECK(find(store, now)->file_count == MECAI_FILES_MAX);
    CHECK(opened == MECAI_FILES_MAX + 1);
    look(store, ++now);
    CHECK(opened == MECAI_FILES_MAX + 1 && lines == 1);
    for (unsigned i = 0; i < MORE; i++) {
        snprintf(file, sizeof(file), "%.16s-%u.voucher", name, i);
        take_away(file);
    }
    touch_directory(now - 60);
    look(store, ++now);             /* what is gone makes room */
    CHECK(look(store, ++now)->file_count == MECAI_FILES_MAX);
    CHECK(find(store, now)->settled && lines == 1);
    for (unsigned i = MORE; i < FILES; i++) {
        snprintf(file, sizeof(file), "%.16s-%u.voucher", name, i);
        take_away(file);
    }
    take_away(MECAI_OCSP_NAME);
    CHECK(look(store, ++now)->vouchers == NULL);
}


/* A name that would begin a line of its own in the log. */
static void
test_forged_line(mecai_store_t *store)
{
    static const char  forged[] = "\n[emerg] \033[2J\r\177\233.voucher";

    lines = 0;
    put(forged, &first);
    CHECK(look(store, NOW)->vouchers == NULL && lines == 1);
    look(store, NOW + 1);
    CHECK(lines == 1);
    take_away(forged);
}


/* Thousands of names that are nobody's, and some that are not right: they take
 * no place, what is genuine is served, and the round comes to its end. */
static void
test_junk_names(mecai_store_t *store)
{
    enum { JUNK = 3000 };

    static const sample_t  empty;
    char                   file[64];

    lines = 0;
    for (unsigned i = 0; i < JUNK; i++) {
        snprintf(file, sizeof(file), i % 2 ? "stranger-%u" : "%u.voucher", i);
        put(file, &empty);
    }
    put(name, &first);
    /* a clock set back: what was said then is said again */
    CHECK(serves(look(store, NOW - 10), &first) && lines == 1);
    CHECK(find(store, NOW)->file_count == 1);
    for (unsigned i = 0; i < JUNK; i++) {
        snprintf(file, sizeof(file), i % 2 ? "stranger-%u" : "%u.voucher", i);
        take_away(file);
    }
    take_away(name);
}


/* A certificate that the configuration does not name: read in the next round,
 * before all others, and forgotten when nobody shows it for a day; the zone
 * forgets soon after. The configured one stays. */
static void
test_unconfigured(void)
{
    mecai_store_t        *store = mecai_store_create(root, &zone, count_line);
    time_t                now = NOW + 10000;
    const mecai_known_t  *known;
    size_t                before;

    CHECK(store != NULL);
    before = __sanitizer_get_current_allocated_bytes();
    put(name, &first);
    known = mecai_store_find(store, certificate, now);
    CHECK(known != NULL);
    mecai_store_want(store, known);
    CHECK(serves(look(store, ++now), &first));
    now += MECAI_FORGET_SECONDS - 1;
    CHECK(refresh(store, now));
    CHECK(__sanitizer_get_current_allocated_bytes() > before);
    now += 2;
    CHECK(refresh(store, now));
    CHECK(__sanitizer_get_current_allocated_bytes() == before);
    clock_ms += MECAI_UNLOOKED_SECONDS * 1000;
    for (unsigned round = 0; round < 64; round++) {
        CHECK(refresh(store, now));
    }
    CHECK(zone_used() == 0);

    CHECK(mecai_store_keep(store, certificate));
    known = mecai_store_find(store, certificate, now);
    now += 2 * MECAI_FORGET_SECONDS;
    CHECK(look(store, now) != NULL);
    CHECK(mecai_store_find(store, certificate, now) == known);
    mecai_store_destroy(store);
    take_away(name);
    CHECK(rmdir(place) == 0);
}


int
main(int count, char **arguments)
{
    mecai_store_t  *store;

    CHECK(count == 3);
    CHECK(CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc,
                                   openssl_free) == 1);
    set_up(arguments[1], arguments[2]);
    zone = new_zone(16 * MECAI_ZONE_SIZE_MIN);
    store = mecai_store_create(root, &zone, count_line);
    CHECK(store != NULL && mecai_store_keep(store, certificate));
    test_changes(store);
    test_not_yet_valid(store);
    test_clock_that_is_set(store);
    test_settling(store);
    test_half_written(store);
    test_expiry(store);
    test_lost_directory(store);
    test_exhausted(store);
    test_parts(store);
    test_shared_reading(store);
    test_slow_reading(store);
    test_overtaken(store);
    test_crowded(store);
    test_forged_line(store);
    test_junk_names(store);
    test_failing(store);
    test_passing(store);
    mecai_store_destroy(store);
    test_full_zone();
    test_filled_meanwhile(false);
    test_filled_meanwhile(true);
    test_unconfigured();
    free(zone.zone);
    X509_free(certificate);
    CHECK(rmdir(root) == 0);
    printf("test_store: good, %d cycles of 6 changes\n", CYCLES);
    return 0;
}
