/*
 * The store over thousands of changes: what is served, what is logged, when
 * files are touched, and that memory comes back.
 */

#include "check.h"
#include "mecai_voucher_store.h"

#include <dirent.h>
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
WRAP(int, openat, (int at, const char *path, int flags, mode_t mode),
     (at, path, flags, mode))
WRAP(int, lstat, (const char *path, struct stat *status), (path, status))
WRAP(int, fstat, (int fd, struct stat *status), (fd, status))
WRAP(int, fstatat, (int at, const char *path, struct stat *status, int flags),
     (at, path, status, flags))
WRAP(ssize_t, read, (int fd, void *buffer, size_t size), (fd, buffer, size))
WRAP(DIR *, fdopendir, (int fd), (fd))
WRAP(struct dirent *, readdir, (DIR *directory), (directory))


static void
count_line(const char *line)
{
    CHECK(line[0] != '\0' && strpbrk(line, "\n\r\033\177") == NULL);
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
serves(const mecai_set_t *set, const sample_t *sample)
{
    const mecai_item_t  *item = set->vouchers != NULL ? set->vouchers->item
                                : NULL;

    return item != NULL && item->size == sample->size
           && memcmp(item->der, sample->der, item->size) == 0;
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
    unsigned            before = file_calls;
    const mecai_set_t  *set = mecai_store_find(store, certificate, now);

    CHECK(file_calls == before);
    return set;
}


/* Runs a round and returns what a handshake then finds. */
static const mecai_set_t *
look(mecai_store_t *store, time_t now)
{
    unsigned  work = 1000000, before = file_calls;

    CHECK(mecai_store_refresh(store, now, &work));
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


static void
test_changes(mecai_store_t *store)
{
    size_t    before = 0;
    unsigned  descriptors = open_descriptors();
    time_t    now = NOW;

    for (unsigned cycle = 0; cycle < CYCLES; cycle++) {
        const mecai_set_t  *set;

        if (cycle == WARM_UP) {
            before = __sanitizer_get_current_allocated_bytes();
        }
        lines = 0;
        put(name, &first);
        put(MECAI_OCSP_NAME, &ocsp);
        set = look(store, ++now);
        CHECK(set != NULL && serves(set, &first) && lines == 0);
        CHECK(set->ocsp.item != NULL && set->ocsp.item->size == ocsp.size);

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
        CHECK(set->vouchers == NULL && set->voucher_count == 0
              && set->ocsp.item == NULL && lines == 2);
    }
    CHECK(__sanitizer_get_current_allocated_bytes() <= before);
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


static void
test_lost_directory(mecai_store_t *store)
{
    time_t              now = NOW + 60000;
    const mecai_set_t  *set;

    lines = 0;
    take_away(name);
    CHECK(rmdir(place) == 0);
    set = look(store, ++now);
    CHECK(set->vouchers == NULL && lines == 1);
    set = look(store, ++now);
    CHECK(lines == 1);
    CHECK(mkdir(place, 0755) == 0);
    put(name, &first);
    CHECK(serves(look(store, ++now), &first) && lines == 1);
    take_away(name);
    CHECK(rmdir(place) == 0);
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


/*
 * A round in parts: each checks a few files, and until it is complete what was
 * in service stays; nothing is checked twice.
 */
static void
test_bounded_work(mecai_store_t *store)
{
    enum { FILES = 20 };

    time_t    now = NOW + 10;
    unsigned  parts = 0, work = 0;
    char      file[64];
    bool      complete = false;

    CHECK(serves(look(store, now), &second));
    for (unsigned i = 0; i < FILES; i++) {
        snprintf(file, sizeof(file), "%016x.voucher", i);
        put(file, &damaged);
    }
    take_away(name);
    lines = file_calls = 0;
    CHECK(!mecai_store_refresh(store, ++now, &work) && file_calls == 0);
    while (!complete) {
        unsigned            told = lines;
        const mecai_item_t *item = NULL;

        for (const mecai_file_t *f = find(store, now)->vouchers; f; f = f->next)
        {
            item = f->item != NULL ? f->item : item;
        }
        CHECK(item != NULL && item->size == second.size);
        work = MECAI_LEAST_WORK;
        complete = mecai_store_refresh(store, ++now, &work);
        CHECK(lines - told <= MECAI_LEAST_WORK / MECAI_CHECK_WORK + 1);
        CHECK(complete || lines > told);
        parts++;
    }
    CHECK(lines == FILES && parts >= FILES / 4);
    CHECK(find(store, now)->voucher_count == FILES);
    for (unsigned i = 0; i < FILES; i++) {
        snprintf(file, sizeof(file), "%016x.voucher", i);
        take_away(file);
    }
    CHECK(look(store, ++now)->vouchers == NULL);
}


/* A name that would begin a line of its own in the log. */
static void
test_forged_line(mecai_store_t *store)
{
    static const char  forged[] = "\n[emerg] \033[2J\r\177.voucher";

    lines = 0;
    put(forged, &first);
    CHECK(look(store, NOW)->vouchers->item == NULL && lines == 1);
    take_away(forged);
}


/* More names than are read: said once, and the round comes to its end. */
static void
test_many_names(mecai_store_t *store)
{
    static const sample_t  empty;
    char                   file[64];

    lines = 0;
    for (unsigned i = 0; i <= MECAI_NAMES_MAX; i++) {
        snprintf(file, sizeof(file), "stranger-%u", i);
        put(file, &empty);
    }
    look(store, NOW);
    look(store, NOW + 1);
    CHECK(lines == 1);
    for (unsigned i = 0; i <= MECAI_NAMES_MAX; i++) {
        snprintf(file, sizeof(file), "stranger-%u", i);
        take_away(file);
    }
}


/* A certificate that the configuration does not name: read in the next round,
 * forgotten when nobody shows it for a day; the configured one never is. */
static void
test_unconfigured(void)
{
    mecai_store_t      *store = mecai_store_create(root, count_line);
    time_t              now = NOW;
    unsigned            work = 1000000;
    const mecai_set_t  *set;
    size_t              before;

    CHECK(store != NULL);
    before = __sanitizer_get_current_allocated_bytes();
    put(name, &first);
    CHECK(find(store, now)->vouchers == NULL);
    CHECK(serves(look(store, ++now), &first));
    now += MECAI_FORGET_SECONDS;
    CHECK(mecai_store_refresh(store, now, &work));
    CHECK(__sanitizer_get_current_allocated_bytes() > before);
    CHECK(mecai_store_refresh(store, ++now, &work));
    CHECK(__sanitizer_get_current_allocated_bytes() == before);

    CHECK(mecai_store_keep(store, certificate));
    set = look(store, now);
    now += 2 * MECAI_FORGET_SECONDS;
    CHECK(mecai_store_refresh(store, now, &work) && find(store, now) == set);
    mecai_store_destroy(store);
    take_away(name);
    CHECK(rmdir(place) == 0);
}


int
main(int count, char **arguments)
{
    mecai_store_t  *store;

    CHECK(count == 3);
    set_up(arguments[1], arguments[2]);
    store = mecai_store_create(root, count_line);
    CHECK(store != NULL && mecai_store_keep(store, certificate));
    test_changes(store);
    test_not_yet_valid(store);
    test_settling(store);
    test_half_written(store);
    test_expiry(store);
    test_lost_directory(store);
    test_exhausted(store);
    test_bounded_work(store);
    test_forged_line(store);
    test_many_names(store);
    mecai_store_destroy(store);
    test_unconfigured();
    X509_free(certificate);
    CHECK(rmdir(root) == 0);
    printf("test_store: good, %d cycles of 6 changes\n", CYCLES);
    return 0;
}
