/*
 * The zone by itself: that it never fragments, what a killed process leaves
 * behind, figures, what is said how often, what is forgotten.
 */

#include "check.h"
#include "mecai_voucher_blocks.h"

enum { SIZE = 2 * MECAI_ZONE_SIZE_MIN, CYCLES = 200000 };

static const mecai_version_t  version;
static mecai_access_t         zone;


static mecai_figures_t
figures(void)
{
    mecai_figures_t  now;

    mecai_lock(&zone);
    mecai_zone_figures(zone.zone, &now);
    mecai_unlock(&zone);
    return now;
}


static mecai_set_t *
set_of(unsigned number)
{
    uint8_t  key[MECAI_HASH_SIZE] = { (uint8_t) number,
                                      (uint8_t) (number >> 8) };

    return mecai_zone_set(zone.zone, key);
}


/* Puts a file of so many octets, each `fill`, with two contexts and an address;
 * false: no room. */
static bool
put(mecai_set_t *set, const char *name, size_t size, int fill)
{
    mecai_item_t  *item = calloc(1, sizeof(*item) + size);
    mecai_file_t  *file = mecai_zone_file(zone.zone, set, name);
    bool           taken;

    CHECK(item != NULL);
    item->size = size;
    item->claims.address_count = 1;
    item->claims.addresses[0].size = 4;
    item->claims.context_count = 2;
    item->claims.contexts[1] = (mecai_context_t) { 3, "MOZ" };
    memset(item->der, fill, size);
    taken = file != NULL
            && mecai_zone_take(zone.zone, set, file, &version, item);
    free(item);
    return taken;
}


static void
empty(mecai_set_t *set)
{
    while (!mecai_zone_end(zone.zone, set, mecai_zone_begin(zone.zone, set))) {
        /* void */
    }
}


static bool
holds(const mecai_set_t *set, const char *name, size_t size, int fill)
{
    static uint8_t       der[MECAI_SIZE_MAX];
    static mecai_lists_t lists;

    const mecai_file_t  *file = mecai_zone_known(set, name);

    if (file == NULL || file->content == NULL || file->size != size) {
        return false;
    }
    mecai_file_lists(file, &lists);
    mecai_file_der(file, der);
    for (size_t i = 0; i < size; i++) {
        if (der[i] != (uint8_t) fill) {
            return false;
        }
    }
    return lists.addresses[0].size == 4 && lists.contexts[1].size == 3
           && memcmp(lists.contexts[1].text, "MOZ", 3) == 0;
}


/* Files of every size come and go by chance, always the same chance: none is
 * ever damaged, and what is free can be used. */
static void
test_no_fragments(void)
{
    enum { NAMES = 64 };

    unsigned  chance = 1, full = 0;
    size_t    sizes[NAMES] = { 0 };
    char      name[32];

    for (unsigned cycle = 0; cycle < CYCLES / 50; cycle++) {
        unsigned  which = (chance >> 8) % NAMES;
        size_t    size = 1 + (chance >> 4) % MECAI_SIZE_MAX;

        snprintf(name, sizeof(name), "%02u.voucher", which);
        CHECK(sizes[which] == 0
              || holds(set_of(1), name, sizes[which], (int) which));
        if (put(set_of(1), name, size, (int) which)) {
            sizes[which] = size;
        } else {
            full++;
        }
        chance = chance * 1103515245 + 12345;
    }
    CHECK(full == 0 && figures().vouchers == NAMES);
    empty(set_of(1));
    CHECK(figures().used == MECAI_BLOCK_SIZE && figures().vouchers == 0);
}


/* Up to the last block: then nothing changes, and nothing is lost. */
static void
test_full(void)
{
    char      name[32];
    unsigned  count = 0;

    CHECK(mecai_zone_has_room(zone.zone));
    for (unsigned i = 0; i < MECAI_FILES_MAX; i++) {
        snprintf(name, sizeof(name), "%04u.voucher", i);
        if (!put(set_of(1), name, MECAI_SIZE_MAX, 7)) {
            break;
        }
        count++;
    }
    CHECK(count > 100 && count < MECAI_FILES_MAX);
    CHECK(!mecai_zone_has_room(zone.zone));
    CHECK(!put(set_of(1), "0000.voucher", MECAI_SIZE_MAX, 8));
    CHECK(holds(set_of(1), "0000.voucher", MECAI_SIZE_MAX, 7));
    empty(set_of(1));
    CHECK(mecai_zone_has_room(zone.zone) && figures().vouchers == 0);
}


/* Who was killed while he wrote: the next one finds it empty, and fillable. */
static void
test_killed_writer(void)
{
    CHECK(put(set_of(2), "a.voucher", 1000, 1));
    zone_locked = false;
    mecai_lock_to_write(&zone);
    zone_locked = false;            /* the master takes it off him */
    CHECK(figures().resets == 1 && figures().certificates == 0);
    CHECK(figures().used == 0);
    CHECK(put(set_of(2), "a.voucher", 1000, 1) && figures().vouchers == 1);
    CHECK(holds(set_of(2), "a.voucher", 1000, 1));
    /* a reader leaves nothing */
    mecai_lock(&zone);
    zone_locked = false;
    CHECK(figures().resets == 1 && figures().vouchers == 1);
}


static void
test_figures(void)
{
    static const mecai_reason_t  reason;

    mecai_set_t   *set = set_of(3);
    mecai_file_t  *file;

    CHECK(figures().certificates == 2 && figures().unread == 2);
    CHECK(put(set, MECAI_OCSP_NAME, 100, 1) && figures().staples == 1);
    file = mecai_zone_file(zone.zone, set, "b.voucher");
    mecai_zone_refuse(zone.zone, set, file, &version, &reason);
    mecai_zone_refuse(zone.zone, set, file, &version, &reason);
    CHECK(figures().refused == 1 && set->refused_count == 1);
    CHECK(put(set, "b.voucher", 100, 1));
    CHECK(figures().refused == 0 && figures().vouchers == 2);
    CHECK(mecai_zone_end(zone.zone, set, mecai_zone_begin(zone.zone, set)));
    CHECK(figures().vouchers == 1 && figures().staples == 0);
    CHECK(figures().unread == 1 && set->file_count == 0);
    mecai_zone_count(zone.zone, MECAI_ANSWERED);
    CHECK(figures().handshakes[MECAI_ANSWERED] == 1);
}


/* A reading that another one has overtaken drops nothing. */
static void
test_overtaken(void)
{
    mecai_set_t  *set = set_of(3);
    uint64_t      slow = mecai_zone_begin(zone.zone, set), fast;

    CHECK(put(set, "c.voucher", 100, 1));
    fast = mecai_zone_begin(zone.zone, set);
    mecai_zone_known(set, "c.voucher")->scan = fast;
    CHECK(!mecai_zone_end(zone.zone, set, slow));
    CHECK(holds(set, "c.voucher", 100, 1));
    CHECK(mecai_zone_end(zone.zone, set, fast));
    CHECK(holds(set, "c.voucher", 100, 1));
}


/* A copy ends where its chain does. */
static void
test_end_of_chain(void)
{
    static uint8_t   out[2 * MECAI_PAYLOAD + 1];

    mecai_block_t   *chain = mecai_new_chain(zone.zone, 2 * MECAI_PAYLOAD);
    mecai_cursor_t   cursor = { chain, 0 };

    memset(out, 7, sizeof(out));
    mecai_copy(&cursor, out, sizeof(out), false);
    CHECK(out[2 * MECAI_PAYLOAD - 1] == 0 && out[2 * MECAI_PAYLOAD] == 7);
    mecai_copy(&cursor, out, 1, true);
    mecai_free_blocks(zone.zone, chain);
}


/* However many files go: while the lock is held once, a slice of them. */
static void
test_slices(void)
{
    enum { FILES = 3 * MECAI_SLICE_FILES, NUMBER = 9 };

    char      name[32];
    unsigned  calls = 1;
    uint64_t  before = figures().vouchers;

    for (unsigned i = 0; i < 2 * FILES; i++) {
        snprintf(name, sizeof(name), "%04u.voucher", i % FILES);
        CHECK(put(set_of(NUMBER), name, 100, 1));
    }
    for (uint64_t scan = mecai_zone_begin(zone.zone, set_of(NUMBER));
         !mecai_zone_end(zone.zone, set_of(NUMBER), scan); calls++)
    {
        CHECK(figures().vouchers - before == FILES - calls * MECAI_SLICE_FILES);
        CHECK(!set_of(NUMBER)->complete);
    }
    CHECK(calls == FILES / MECAI_SLICE_FILES);
    CHECK(set_of(NUMBER)->complete && figures().vouchers == before);
    for (unsigned i = 0; i < FILES; i++) {
        snprintf(name, sizeof(name), "%04u.voucher", i);
        CHECK(put(set_of(NUMBER), name, 100, 1));
    }
    set_of(NUMBER)->looked = set_of(3)->looked = set_of(2)->looked = 1;
    calls = 0;
    for (unsigned i = 0; i < 64; i++) {
        while (!mecai_zone_sweep(zone.zone,
                                 MECAI_UNLOOKED_SECONDS * 1000LL + 1))
        {
            calls++;
        }
    }
    CHECK(calls >= FILES / MECAI_SLICE_FILES - 1);
    CHECK(figures().certificates == 0 && figures().used == 0);
}


static void
test_said_hourly(void)
{
    mecai_set_t  *set = set_of(3), *other = set_of(2);

    CHECK(mecai_zone_tell(zone.zone, set, MECAI_TELL_MISSING, NOW));
    CHECK(!mecai_zone_tell(zone.zone, set, MECAI_TELL_MISSING,
                           NOW + MECAI_TELL_SECONDS - 1));
    CHECK(mecai_zone_tell(zone.zone, set, MECAI_TELL_NAME, NOW));
    CHECK(mecai_zone_tell(zone.zone, other, MECAI_TELL_MISSING, NOW));
    CHECK(mecai_zone_tell(zone.zone, set, MECAI_TELL_MISSING,
                          NOW + MECAI_TELL_SECONDS));
    /* a clock that was set back silences nobody */
    CHECK(mecai_zone_tell(zone.zone, set, MECAI_TELL_MISSING, NOW - 1));
    /* the zone's own is one for all */
    CHECK(mecai_zone_tell(zone.zone, set, MECAI_TELL_FULL, NOW));
    CHECK(!mecai_zone_tell(zone.zone, other, MECAI_TELL_FULL, NOW));
}


/* Whatever the causes and however many the certificates: so many lines. */
static void
test_lines_of_all(void)
{
    unsigned       lines = 0;
    mecai_leave_t  leave, last = MECAI_SILENT;
    time_t         now = NOW + 10 * MECAI_TELL_SECONDS;

    for (unsigned i = 0; i < MECAI_LINES_MAX; i++) {
        mecai_set_t  *set = set_of(100 + i);

        for (mecai_tell_t tell = 0; tell <= MECAI_TELL_REFUSED; tell++) {
            leave = mecai_zone_tell(zone.zone, set, tell, now);
            CHECK(last != MECAI_SAY_LAST || leave == MECAI_SILENT);
            lines += leave != MECAI_SILENT;
            last = leave != MECAI_SILENT ? leave : last;
        }
    }
    CHECK(lines == MECAI_LINES_MAX && last == MECAI_SAY_LAST);
    CHECK(*mecai_last_words(last) != '\0'
          && *mecai_last_words(MECAI_SAY) == '\0');
    now += MECAI_TELL_SECONDS;
    CHECK(mecai_zone_tell(zone.zone, set_of(100), MECAI_TELL_NAME, now)
          == MECAI_SAY);
    mecai_zone_tell(zone.zone, set_of(100), MECAI_TELL_FULL, NOW);
}


/* Who fills directories with bad files leaves lines for those of others. */
static void
test_lines_of_others(void)
{
    enum { BAD = 20, OTHERS = MECAI_LINES_SCARCE - BAD };
    time_t    now = NOW + 20 * MECAI_TELL_SECONDS;
    unsigned  lines = 0, words = 0;

    for (unsigned i = 0; i < BAD * MECAI_FILES_MAX; i++) {
        mecai_leave_t  leave = mecai_zone_tell(zone.zone, set_of(1 + i % BAD),
                                               MECAI_TELL_REFUSED, now);

        lines += leave != MECAI_SILENT;
        words += leave == MECAI_SAY_SCARCE;
    }
    CHECK(lines == MECAI_LINES_SCARCE && words == 1);
    for (unsigned i = 0; i < OTHERS; i++) {
        mecai_set_t  *other = set_of(100 + i);

        CHECK(mecai_zone_tell(zone.zone, other, MECAI_TELL_REFUSED, now)
              == MECAI_SAY_LAST_OF_SET);
        CHECK(mecai_zone_tell(zone.zone, other, MECAI_TELL_REFUSED, now)
              == MECAI_SILENT);
    }
    CHECK(mecai_zone_tell(zone.zone, set_of(1), MECAI_TELL_NAME, now)
          == MECAI_SAY);
}


static void
test_forgotten(void)
{
    int64_t  later = MECAI_UNLOOKED_SECONDS * 1000LL;

    set_of(2)->looked = 1;
    set_of(3)->looked = 0;
    for (unsigned i = 0; i < 64; i++) {
        mecai_zone_sweep(zone.zone, later);
    }
    CHECK(figures().certificates == 1);
    CHECK(holds(set_of(2), "a.voucher", 1000, 1));
    for (unsigned i = 0; i < 64; i++) {
        mecai_zone_sweep(zone.zone, later + 1);
    }
    CHECK(figures().used == 0 && figures().certificates == 0);
    CHECK(figures().unread == 0);
}


/* Memory per voucher as measured in the README: 1,000 certificates times 60
 * vouchers of 2,043 octets within 200 MiB. */
static void
test_memory_per_voucher(void)
{
    size_t  before = figures().used;

    CHECK(put(set_of(1), "a.voucher", 2043, 1));
    CHECK((figures().used - before) * 60000 < 200u * 1024 * 1024);
}


int
main(void)
{
    CHECK(mecai_zone_make(&zone, sizeof(zone)) == NULL);
    zone = new_zone(SIZE);
    test_no_fragments();
    test_full();
    test_killed_writer();
    test_figures();
    test_overtaken();
    test_said_hourly();
    test_lines_of_all();
    test_lines_of_others();
    test_forgotten();
    test_slices();
    test_end_of_chain();
    test_memory_per_voucher();
    free(zone.zone);
    puts("test_zone: good");
    return 0;
}
