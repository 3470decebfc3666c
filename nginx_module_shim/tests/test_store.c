/* Rounds over thousands of changes, in parts, and by several processes. */

#include "place.h"

#include <fcntl.h>

enum { CYCLES = 1000, WARM_UP = 30 };


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
        if (cycle > 0) {
            let_an_hour_pass(find(store, now));
        }
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
 * A round in parts: each checks one file, and until it is complete what was in
 * service stays; nothing is checked twice.
 */
static void
test_parts(mecai_store_t *store)
{
    enum { FILES = 10 };        /* names of one more digit */

    time_t         now = NOW + 10;
    mecai_until_t  over = 0;
    unsigned       parts = 0;
    bool           complete = false;

    put(name, &second);
    CHECK(serves(look(store, now), &second));
    put_many("000000000000000", ".voucher", 0, FILES, &damaged);
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
    clear(store, ++now);
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
    unsigned        parts = 0, calls;
    int64_t         looked;

    CHECK(other != NULL && mecai_store_keep(other, certificate));
    put_many("stranger-", "", 0, JUNK, &first);
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
    take_many_away("stranger-", "", 0, JUNK);
}


/* A process that is slow is overtaken: what it goes on with harms nothing. */
static void
test_overtaken(mecai_store_t *store)
{
    enum { FILES = 10 };

    mecai_store_t  *other = mecai_store_create(root, &zone, count_line);
    time_t          now = NOW + 200;

    CHECK(other != NULL && mecai_store_keep(other, certificate));
    put_many(label, ".voucher", 0, FILES, &first);
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
    clear(store, ++now);
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
    mecai_store_t  *store = begin(count, arguments);

    test_changes(store);
    test_parts(store);
    test_shared_reading(store);
    test_slow_reading(store);
    test_overtaken(store);
    mecai_store_destroy(store);
    test_unconfigured();
    finish("test_store");
    return 0;
}
