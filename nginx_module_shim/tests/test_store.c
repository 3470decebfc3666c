/* The store over thousands of changes: what is served, what is logged, and that memory comes back. */

#include "check.h"
#include "mecai_voucher_store.h"

#include <fcntl.h>
#include <string.h>
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

typedef struct {
    uint8_t  der[MECAI_ITEM_MAX];
    size_t   size;
} sample_t;

static sample_t  first, second, ahead, foreign, ocsp, damaged;


static void
count_line(const char *line)
{
    CHECK(line[0] != '\0');
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
    const mecai_item_t  *item = set->vouchers != NULL ? set->vouchers->item : NULL;

    return item != NULL && item->size == sample->size && memcmp(item->der, sample->der, item->size) == 0;
}


static void
set_up(const char *directory, const char *scratch)
{
    uint8_t  hash[MECAI_HASH_SIZE], authority[MECAI_AUTHORITY_SIZE];
    char    *out;

    certificate = read_certificate(directory);
    first.size = read_sample(directory, "first.voucher", first.der, sizeof(first.der));
    second.size = read_sample(directory, "second.voucher", second.der, sizeof(second.der));
    ahead.size = read_sample(directory, "ahead.voucher", ahead.der, sizeof(ahead.der));
    foreign.size = read_sample(directory, "cedar.voucher", foreign.der, sizeof(foreign.der));
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
    /* the authority's id stands in its VoucherInfo, right after version: 02 01 01 04 08 */
    memcpy(authority, (uint8_t *) memmem(first.der, first.size, "\2\1\1\4\10", 5) + 5, sizeof(authority));
    out = name;
    for (size_t i = 0; i < sizeof(authority); i++) {
        out += sprintf(out, "%02x", authority[i]);
    }
    strcpy(out, ".voucher");
}


static void
test_changes(mecai_store_t *store)
{
    size_t  before = 0;
    time_t  now = NOW;

    for (unsigned cycle = 0; cycle < CYCLES; cycle++) {
        mecai_set_t  *set;

        if (cycle == WARM_UP) {
            before = __sanitizer_get_current_allocated_bytes();
        }
        lines = 0;
        put(name, &first);
        put(MECAI_OCSP_NAME, &ocsp);
        set = mecai_store_find(store, certificate, ++now);
        CHECK(set != NULL && serves(set, &first) && lines == 0);
        CHECK(set->ocsp.item != NULL && set->ocsp.item->size == ocsp.size);

        put(name, &damaged);
        CHECK(serves(mecai_store_find(store, certificate, now), &first) && lines == 0);     /* once a second */
        CHECK(serves(mecai_store_find(store, certificate, ++now), &first) && lines == 1);
        CHECK(serves(mecai_store_find(store, certificate, ++now), &first) && lines == 1);   /* said once */

        put(name, &second);
        CHECK(serves(mecai_store_find(store, certificate, ++now), &second) && lines == 1);
        put(name, &foreign);
        CHECK(serves(mecai_store_find(store, certificate, ++now), &second) && lines == 2);

        take_away(name);
        take_away(MECAI_OCSP_NAME);
        set = mecai_store_find(store, certificate, ++now);
        CHECK(set->vouchers == NULL && set->voucher_count == 0 && set->ocsp.item == NULL && lines == 2);
    }
    CHECK(__sanitizer_get_current_allocated_bytes() <= before);
}


/* A directory that was older than two seconds when read is not read again before its time changes. */
static void
test_settling(mecai_store_t *store)
{
    time_t  now = NOW + 50000;

    put(name, &first);
    touch_directory(now - 1);
    CHECK(serves(mecai_store_find(store, certificate, now), &first));
    put(name, &second);
    touch_directory(now - 1);       /* the same time stamp: a change too soon after the reading to show */
    CHECK(serves(mecai_store_find(store, certificate, ++now), &second));
    CHECK(serves(mecai_store_find(store, certificate, ++now), &second));
    put(name, &first);
    CHECK(serves(mecai_store_find(store, certificate, ++now), &first));
}


/* A voucher whose thisUpdate is an hour ahead waits, the one in service stays; then it is taken: no file changes. */
static void
test_not_yet_valid(mecai_store_t *store)
{
    time_t  begin = NOW + 60 * 60 - MECAI_CLOCK_SKEW_SECONDS, now = NOW;

    put(name, &first);
    CHECK(serves(mecai_store_find(store, certificate, now), &first));
    lines = 0;
    put(name, &ahead);
    touch_directory(now - 60);
    CHECK(serves(mecai_store_find(store, certificate, ++now), &first) && lines == 1);
    CHECK(serves(mecai_store_find(store, certificate, ++now), &first));
    CHECK(serves(mecai_store_find(store, certificate, begin - 1), &first) && lines == 1);
    CHECK(serves(mecai_store_find(store, certificate, begin), &ahead) && lines == 1);
    CHECK(serves(mecai_store_find(store, certificate, begin + 1), &ahead));

    take_away(name);
    CHECK(mecai_store_find(store, certificate, ++now)->vouchers == NULL);
    put(name, &ahead);              /* none before it */
    CHECK(!serves(mecai_store_find(store, certificate, ++now), &ahead) && lines == 2);
    put(name, &damaged);            /* what waited is gone with its file */
    CHECK(!serves(mecai_store_find(store, certificate, ++now), &ahead) && lines == 3);
    CHECK(!serves(mecai_store_find(store, certificate, begin), &ahead) && lines == 3);
}


static void
test_expiry(mecai_store_t *store)
{
    time_t  later = NOW + 24 * 60 * 60;

    lines = 0;
    put(name, &second);
    CHECK(serves(mecai_store_find(store, certificate, later), &first));
    CHECK(lines == 1);              /* too late to take the second; the first is in memory, and choosing leaves it out */
}


static void
test_lost_directory(mecai_store_t *store)
{
    time_t        now = NOW + 60000;
    mecai_set_t  *set;

    lines = 0;
    take_away(name);
    CHECK(rmdir(place) == 0);
    set = mecai_store_find(store, certificate, ++now);
    CHECK(set->vouchers == NULL && lines == 1);
    set = mecai_store_find(store, certificate, ++now);
    CHECK(lines == 1);
    CHECK(mkdir(place, 0755) == 0);
    put(name, &first);
    CHECK(serves(mecai_store_find(store, certificate, ++now), &first) && lines == 1);
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
    CHECK(store != NULL);
    test_changes(store);
    test_not_yet_valid(store);
    test_settling(store);
    test_expiry(store);
    test_lost_directory(store);
    mecai_store_destroy(store);
    X509_free(certificate);
    CHECK(rmdir(root) == 0);
    printf("test_store: good, %d cycles of 6 changes\n", CYCLES);
    return 0;
}
