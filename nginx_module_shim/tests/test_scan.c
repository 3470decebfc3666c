/* Directories: when they are read again, what fails, names of nobody's. */

#include "place.h"


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
    clear(store, ++now);
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
    clear(store, ++now);
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
    CHECK(mkdir(place, 0755) == 0);
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
    enum { JUNK = 1500 };

    static const sample_t  empty;

    lines = 0;
    put_many("stranger-", "", 0, JUNK, &empty);
    put_many("", ".voucher", 0, JUNK, &empty);
    put(name, &first);
    /* a clock set back: what was said then is said again */
    CHECK(serves(look(store, NOW - 10), &first) && lines == 1);
    CHECK(find(store, NOW)->file_count == 1);
    clear(store, NOW);
}


int
main(int count, char **arguments)
{
    mecai_store_t  *store = begin(count, arguments);

    test_settling(store);
    test_half_written(store);
    test_lost_directory(store);
    test_forged_line(store);
    test_junk_names(store);
    test_failing(store);
    mecai_store_destroy(store);
    finish("test_scan");
    return 0;
}
