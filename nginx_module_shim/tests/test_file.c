/* Files: their time, what is not their fault, and those that change unseen. */

#include "place.h"

#include <fcntl.h>
#include <sys/resource.h>


/* Returns the descriptor that would be opened next. */
static int
next_descriptor(void)
{
    int  fd = open("/dev/null", O_RDONLY);

    CHECK(fd >= 0 && close(fd) == 0);
    return fd;
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
    clear(store, begin);
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
    clear(store, NOW);
}


/* Out of descriptors: what is in service stays, and it is said once. */
static void
test_exhausted(mecai_store_t *store)
{
    time_t         now = NOW;
    struct rlimit  normal, tight;
    int            fd = next_descriptor();

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
    clear(store, ++now);
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
    clear(store, ++now);
}


/*
 * Files that were rewritten within one tick of the file system's clock have the
 * size and the times they had: found, and told, once.
 */
static void
test_one_tick(mecai_store_t *store)
{
    time_t    now = NOW + 20000;
    unsigned  before;

    one_tick = true;
    lines = 0;
    put(name, &first);
    touch(name, now);
    touch_directory(now - 60);
    CHECK(serves(look(store, now), &first) && lines == 0);
    write_in_place(name, &damaged, damaged.size);
    touch(name, now);
    CHECK(serves(look(store, ++now), &first) && lines == 1);
    /* that it is looked at again while it is young says nothing again */
    before = opened;
    CHECK(find(store, now)->refused_count == 1);
    look(store, ++now);
    CHECK(opened == before + 1 && lines == 1);
    look(store, ++now);
    CHECK(opened == before + 1 && lines == 1);

    /* a time ahead costs no reading in each round */
    put(name, &damaged);
    touch(name, now + 1000);
    look(store, ++now);
    look(store, ++now);
    CHECK(opened == before + 2 && lines == 2);
    one_tick = false;
    clear(store, ++now);
}


/*
 * Whatever memory OpenSSL lacks while it checks a good file, once or from then
 * on: it is checked again in the next round, or, where OpenSSL does not say why
 * it failed, in an hour. Nothing changes meanwhile.
 */
static void
test_no_memory(mecai_store_t *store, const char *file, const sample_t *sample)
{
    enum { STEP = 3 };          /* each of them takes 10 s */

    time_t    now = NOW + 6 * MECAI_TELL_SECONDS;
    unsigned  late = 0, tries = 0;
    bool      reached = true;

    while (reached) {
        unsigned long       at = 1 + tries / 2 * STEP;
        const mecai_set_t  *set;

        clear(store, now);
        put(file, sample);
        memory_left = at;
        no_memory_after = tries++ % 2;
        mallocs = 0;
        look(store, now);
        memory_left = 0;
        reached = mallocs >= at;
        set = look(store, now);
        if (!file_is(mecai_zone_known(set, file), sample)) {
            late++;
            set = look(store, now + MECAI_RECHECK_SECONDS);
        }
        CHECK(file_is(mecai_zone_known(set, file), sample));
        let_an_hour_pass(set);
    }
    CHECK(tries > 50 && late < tries / 4);
    clear(store, now);
}


int
main(int count, char **arguments)
{
    mecai_store_t  *store = begin(count, arguments);

    test_not_yet_valid(store);
    test_clock_that_is_set(store);
    test_expiry(store);
    test_one_tick(store);
    test_exhausted(store);
    test_passing(store);
    test_no_memory(store, name, &first);
    test_no_memory(store, MECAI_OCSP_NAME, &ocsp);
    mecai_store_destroy(store);
    finish("test_file");
    return 0;
}
