/* A certificate's directory, a zone and a store: see the header. */

#include "place.h"
#include "mecai_voucher_blocks.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>

#include <openssl/evp.h>

sample_t        first, second, ahead, foreign, ocsp, damaged;
char            root[128], place[256], name[64], label[80];
X509           *certificate;
mecai_access_t  zone;
unsigned        lines;
char            last_line[1024];


void
count_line(const char *line)
{
    CHECK(line[0] != '\0' && strpbrk(line, "\n\r\033\177\233") == NULL);
    lines++;
    snprintf(last_line, sizeof(last_line), "%s", line);
}


void
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


void
take_away(const char *file)
{
    char  path[512];

    snprintf(path, sizeof(path), "%s/%s", place, file);
    CHECK(unlink(path) == 0);
}


void
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


void
touch_directory(time_t when)
{
    struct timespec  times[2] = { { .tv_sec = when }, { .tv_sec = when } };

    CHECK(utimensat(AT_FDCWD, place, times, 0) == 0);
}


void
touch(const char *file, time_t when)
{
    struct timespec  times[2] = { { .tv_sec = when }, { .tv_sec = when } };
    char             path[512];

    snprintf(path, sizeof(path), "%s/%s", place, file);
    CHECK(utimensat(AT_FDCWD, path, times, 0) == 0);
}


void
put_many(const char *prefix, const char *suffix, unsigned from, unsigned to,
    const sample_t *sample)
{
    char  file[64];

    for (unsigned i = from; i < to; i++) {
        snprintf(file, sizeof(file), "%s%u%s", prefix, i, suffix);
        put(file, sample);
    }
}


void
take_many_away(const char *prefix, const char *suffix, unsigned from,
    unsigned to)
{
    char  file[64];

    for (unsigned i = from; i < to; i++) {
        snprintf(file, sizeof(file), "%s%u%s", prefix, i, suffix);
        take_away(file);
    }
}


void
let_an_hour_pass(const mecai_set_t *set)
{
    ((mecai_set_t *) set)->refusals = (mecai_said_t) { 0 };
    zone.zone->said = (mecai_said_t) { 0 };
}


bool
file_is(const mecai_file_t *file, const sample_t *sample)
{
    static uint8_t  der[MECAI_SIZE_MAX];

    if (file == NULL || file->content == NULL || file->size != sample->size) {
        return false;
    }
    mecai_file_der(file, der);
    return memcmp(der, sample->der, file->size) == 0;
}


bool
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
    snprintf(label, sizeof(label), "%s-", name);
    strcpy(out, ".voucher");
}


const mecai_set_t *
find(mecai_store_t *store, time_t now)
{
    unsigned              before = file_calls;
    const mecai_known_t  *known = mecai_store_find(store, certificate, now);

    CHECK(known != NULL && file_calls == before);
    return mecai_zone_find(zone.zone, known->key);
}


bool
refresh(mecai_store_t *store, time_t now)
{
    clock_ms += 1000;
    return mecai_store_refresh(store, now, 1, INT64_MAX);
}


const mecai_set_t *
look(mecai_store_t *store, time_t now)
{
    unsigned  before = file_calls;

    CHECK(refresh(store, now) && !zone_locked);
    CHECK(file_calls > before);
    return find(store, now);
}


size_t
zone_used(void)
{
    mecai_figures_t  figures;

    mecai_zone_figures(zone.zone, &figures);
    return figures.used;
}


void
clear(mecai_store_t *store, time_t now)
{
    DIR                  *directory = opendir(place);
    const struct dirent  *entry;

    CHECK(directory != NULL);
    while ((entry = readdir(directory)) != NULL) {
        unlinkat(dirfd(directory), entry->d_name, 0);
    }
    closedir(directory);
    CHECK(look(store, now)->vouchers == NULL && find(store, now)->ocsp == NULL);
}


mecai_store_t *
begin(int count, char **arguments)
{
    mecai_store_t  *store;

    CHECK(count == 3);
    take_openssl_memory();
    set_up(arguments[1], arguments[2]);
    zone = new_zone(16 * MECAI_ZONE_SIZE_MIN);
    /* a machine that runs for so long that a set nobody looked at goes */
    clock_ms = MECAI_UNLOOKED_SECONDS * 1000;
    store = mecai_store_create(root, &zone, count_line);
    CHECK(store != NULL && mecai_store_keep(store, certificate));
    return store;
}


void
finish(const char *test)
{
    free(zone.zone);
    X509_free(certificate);
    rmdir(place);
    CHECK(rmdir(root) == 0);
    printf("%s: good\n", test);
}
