/* What is full: the zone, a directory, the log. */

#include "place.h"


/* Without room nothing more is read; that is said once an hour. */
static void
test_full_zone(void)
{
    mecai_access_t  saved = zone;
    mecai_store_t  *store;
    unsigned        held = 0, calls;
    time_t          now = NOW;

    zone = new_zone(MECAI_ZONE_SIZE_MIN);
    store = mecai_store_create(root, &zone, count_line);
    CHECK(store != NULL && mecai_store_keep(store, certificate));
    put_many(label, ".voucher", 0, MECAI_FILES_MAX, &first);
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
    take_many_away(label, ".voucher", 0, MECAI_FILES_MAX);
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

    lines = opened = 0;
    put_many(label, ".voucher", 0, FILES, &first);
    put(MECAI_OCSP_NAME, &ocsp);
    touch_directory(now - 60);
    CHECK(file_is(look(store, now)->ocsp, &ocsp) && lines == 1);
    CHECK(find(store, now)->file_count == MECAI_FILES_MAX);
    CHECK(opened == MECAI_FILES_MAX + 1);
    look(store, ++now);
    CHECK(opened == MECAI_FILES_MAX + 1 && lines == 1);
    take_many_away(label, ".voucher", 0, MORE);
    touch_directory(now - 60);
    look(store, ++now);             /* what is gone makes room */
    CHECK(look(store, ++now)->file_count == MECAI_FILES_MAX);
    CHECK(find(store, now)->settled && lines == 1);
    clear(store, ++now);
}


/* Whoever changes a bad file all the time fills no log. */
static void
test_refusals(mecai_store_t *store)
{
    time_t  now = NOW + 10 * MECAI_TELL_SECONDS;

    lines = 0;
    for (unsigned i = 0; i < MECAI_REFUSALS_MAX + 50; i++) {
        CHECK(strstr(last_line, "nothing is said for an hour") == NULL
              || i >= MECAI_REFUSALS_MAX);
        put(name, i % 2 ? &damaged : &foreign);
        CHECK(look(store, now)->refused_count == 1);
    }
    CHECK(lines == MECAI_REFUSALS_MAX);
    CHECK(strstr(last_line, "nothing is said for an hour") != NULL);
    put("birch.voucher", &first);       /* another cause is said */
    look(store, now);
    CHECK(lines == MECAI_REFUSALS_MAX + 1);
    now += MECAI_TELL_SECONDS;
    put(name, &damaged);
    look(store, now);                   /* both again */
    CHECK(lines == MECAI_REFUSALS_MAX + 3);
    clear(store, now);
}


int
main(int count, char **arguments)
{
    mecai_store_t  *store = begin(count, arguments);

    test_crowded(store);
    test_refusals(store);
    mecai_store_destroy(store);
    test_full_zone();
    test_filled_meanwhile(false);
    test_filled_meanwhile(true);
    finish("test_full");
    return 0;
}
