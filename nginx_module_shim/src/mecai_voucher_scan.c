/* One reading of one certificate's directory: see the header. */

#include "mecai_voucher_say.h"
#include "mecai_voucher_take.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int64_t
mecai_clock_ns(void)
{
    struct timespec  now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}


int64_t
mecai_clock_ms(void)
{
    return mecai_clock_ns() / 1000000;
}


static mecai_set_t *
set_of(const mecai_scan_t *scan, const mecai_known_t *known)
{
    return mecai_zone_find(scan->access->zone, known->key);
}


/*
 * The directory cannot be read. A missing one means that nothing is there, and
 * a handshake that asks will say so; so does a link, which is not followed:
 * what was in service goes, as at the end of a reading that found nothing.
 */
static void
lost(mecai_scan_t *scan, int error, time_t now)
{
    mecai_set_t  *set;
    bool          missing = error == ENOENT || error == ENOTDIR;

    mecai_lock_to_write(scan->access);
    set = set_of(scan, scan->known);
    if (set != NULL) {
        set->trouble = error;
        set->settled = false;
        if (missing || error == ELOOP) {
            scan->number = mecai_zone_begin(scan->access->zone, set);
            scan->trouble = error;
            scan->ending = true;
        } else {
            mecai_zone_complete(scan->access->zone, set);
        }
    }
    mecai_unlock(scan->access);
    if (!missing) {
        mecai_say(scan, MECAI_TELL_UNREADABLE, now, "directory \"%s\" cannot "
                  "be read: %s", scan->known->path, error == ELOOP
                  ? "a symbolic link, which is not followed"
                  : strerror(error));
    }
}


/* Opens the directory and takes a number; the lock is not held. */
static void
open_directory(mecai_scan_t *scan, time_t now)
{
    mecai_set_t  *set;
    struct stat   status;
    int           fd;

    fd = open(scan->known->path,
              O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        lost(scan, errno, now);
        return;
    }
    if (fstat(fd, &status) != 0 || (scan->directory = fdopendir(fd)) == NULL) {
        lost(scan, errno, now);
        close(fd);
        return;
    }
    scan->version = mecai_version_of(&status);
    scan->modified = status.st_mtime;
    scan->left_out = false;
    scan->trouble = 0;
    mecai_lock_to_write(scan->access);
    set = set_of(scan, scan->known);
    scan->number = set != NULL ? mecai_zone_begin(scan->access->zone, set) : 0;
    mecai_unlock(scan->access);
}


void
mecai_scan_begin(mecai_scan_t *scan, const mecai_known_t *known,
    time_t now)
{
    mecai_version_t     version;
    const mecai_set_t  *set;
    struct stat         status;
    bool                same;

    scan->known = known;
    if (lstat(known->path, &status) != 0) {
        lost(scan, errno, now);
        return;
    }
    if (S_ISLNK(status.st_mode)) {
        lost(scan, ELOOP, now);
        return;
    }
    version = mecai_version_of(&status);
    mecai_lock(scan->access);
    set = set_of(scan, known);
    same = set != NULL && set->settled
           && mecai_same_version(&version, &set->directory);
    mecai_unlock(scan->access);
    if (!same) {
        open_directory(scan, now);
    }
}


void
mecai_scan_break_off(mecai_scan_t *scan)
{
    if (scan->directory != NULL) {
        closedir(scan->directory);
        scan->directory = NULL;
    }
    scan->ending = false;
}


/* What was not seen is not gone: the reading ends without its end. */
static void
give_up(mecai_scan_t *scan, int error, time_t now)
{
    mecai_scan_break_off(scan);
    lost(scan, error, now);
}


/* Reads one name. */
static void
read_name(mecai_scan_t *scan, const char *name, time_t now)
{
    uint8_t  authority[MECAI_AUTHORITY_SIZE];
    int      error;

    switch (mecai_read_name(name, authority)) {
    case MECAI_NAME_STRANGE:
        break;
    case MECAI_NAME_BAD:
        mecai_say(scan, MECAI_TELL_NAME, now, "\"%s/%s\" is not served, nor "
                  "are others with such names: expected 16 hex digits, then "
                  "-LABEL or nothing, then " MECAI_VOUCHER_SUFFIX,
                  scan->known->path, name);
        break;
    default:
        error = mecai_take(scan, name, now);
        if (error != 0) {
            give_up(scan, error, now);
        }
    }
}


/*
 * Lets others leave the directory alone for another interval, whatever the name
 * is that was come to: a slow reading is no second one's. False: another
 * process took over.
 */
static bool
renew(const mecai_scan_t *scan)
{
    mecai_set_t  *set;

    mecai_lock_to_write(scan->access);
    set = mecai_set_to_fill(scan);
    if (set != NULL) {
        mecai_zone_look(set, mecai_clock_ms());
    }
    mecai_unlock(scan->access);
    return set != NULL;
}


/* Goes on to the next name, or to the end. */
static void
read_on(mecai_scan_t *scan, time_t now)
{
    const struct dirent  *entry;

    errno = 0;
    entry = readdir(scan->directory);
    if (entry != NULL) {
        read_name(scan, entry->d_name, now);
    } else if (errno != 0) {
        give_up(scan, errno, now);
    } else {
        scan->ending = true;
    }
}


/* All names were read: a part of what they did not name goes, and the reading
 * ends with the last part. */
static void
end(mecai_scan_t *scan, time_t now)
{
    mecai_set_t  *set;
    bool          done = true;

    mecai_lock_to_write(scan->access);
    set = mecai_set_to_fill(scan);
    if (set != NULL) {
        done = mecai_zone_end(scan->access->zone, set, scan->number);
    }
    if (set != NULL && done) {
        set->directory = scan->version;
        set->trouble = scan->trouble;
        /* a directory does not change when a file's time comes, or when whoever
         * wrote it in place comes to the end */
        set->settled = scan->trouble == 0 && set->refused_count == 0
                       && !scan->left_out
                       && now - scan->modified >= MECAI_SETTLING_SECONDS;
    }
    mecai_unlock(scan->access);
    if (done) {
        mecai_scan_break_off(scan);
    }
}


static bool
is_under_way(const mecai_scan_t *scan)
{
    return scan->directory != NULL || scan->ending;
}


bool
mecai_scan_go_on(mecai_scan_t *scan, time_t now, mecai_until_t until)
{
    while (is_under_way(scan)) {
        if (!renew(scan)) {
            mecai_scan_break_off(scan);
        } else if (scan->ending) {
            end(scan, now);
        } else {
            read_on(scan, now);
        }
        if (mecai_clock_ns() >= until) {
            break;
        }
    }
    return !is_under_way(scan);
}
