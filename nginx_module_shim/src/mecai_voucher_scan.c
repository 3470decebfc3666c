/* One reading of one certificate's directory: see the header. */

#include "mecai_voucher_say.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    SETTLING_SECONDS = 2,       /* file systems stamp coarsely: a younger
                                 * directory may change unseen */
};

/* What became of one file, for the log. */
typedef struct {
    bool            overtaken;      /* another reading will do it */
    bool            full;           /* the set is */
    bool            no_room;        /* in the zone: others filled it */
    time_t          in_service;     /* until then, what it held before; or 0 */
    mecai_reason_t  reason;
} outcome_t;


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
 * a handshake that asks will say so; so does a link, which is not followed.
 */
static void
lost(mecai_scan_t *scan, int error, time_t now)
{
    mecai_zone_t  *zone = scan->access->zone;
    mecai_set_t   *set;
    bool           missing = error == ENOENT || error == ENOTDIR;

    mecai_lock_to_write(scan->access);
    set = set_of(scan, scan->known);
    if (set != NULL) {
        if (missing || error == ELOOP) {
            mecai_zone_empty(zone, set);
        }
        set->trouble = error;
        set->settled = false;
        mecai_zone_complete(zone, set);
    }
    mecai_unlock(scan->access);
    if (!missing && mecai_may_say(scan, MECAI_TELL_UNREADABLE, now)) {
        mecai_say(scan, "directory \"%s\" cannot be read: %s",
                       scan->known->path, error == ELOOP
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


/*
 * Returns the set while this reading is the one that began last, else NULL:
 * another process took over, because this one was slow. What it marks must not
 * be marked anew.
 */
static mecai_set_t *
set_to_fill(const mecai_scan_t *scan)
{
    mecai_set_t  *set = set_of(scan, scan->known);

    return set != NULL && set->scan == scan->number ? set : NULL;
}


/* What is known of a version of a file. */
typedef enum {
    NEW,
    SAME,                           /* checked last, and no time came */
    OVERTAKEN,                      /* see set_to_fill */
    FULL,                           /* new, and the set has its most */
} news_t;


static bool
is_full(const mecai_set_t *set, const char *name)
{
    return set->file_count >= MECAI_FILES_MAX
           && strcmp(name, MECAI_OCSP_NAME) != 0;
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
    set = set_to_fill(scan);
    if (set != NULL) {
        mecai_zone_look(set, mecai_clock_ms());
    }
    mecai_unlock(scan->access);
    return set != NULL;
}


/* Looks up a version of a file, and marks the file as found. */
static news_t
look_up(const mecai_scan_t *scan, const char *name,
    const mecai_version_t *version, time_t now)
{
    mecai_set_t   *set;
    mecai_file_t  *file = NULL;
    news_t         news = OVERTAKEN;

    mecai_lock_to_write(scan->access);
    set = set_to_fill(scan);
    if (set != NULL) {
        news = NEW;
        file = mecai_zone_known(set, name);
    }
    if (set != NULL && file == NULL && is_full(set, name)) {
        news = FULL;
    }
    if (file != NULL) {
        file->scan = scan->number;
        if (mecai_same_version(version, &file->seen)
            && (now < file->from || now >= file->until))
        {
            news = SAME;
        }
    }
    mecai_unlock(scan->access);
    return news;
}


/* Puts what came of a file into the zone, whose lock is held. */
static void
put_in(const mecai_scan_t *scan, const char *name,
    const mecai_version_t *version, const mecai_item_t *item,
    outcome_t *outcome)
{
    mecai_zone_t  *zone = scan->access->zone;
    mecai_set_t   *set = set_to_fill(scan);
    mecai_file_t  *file;

    outcome->overtaken = set == NULL;
    if (set == NULL) {
        return;
    }
    file = mecai_zone_file(zone, set, name);
    outcome->full = file == NULL && is_full(set, name);
    outcome->no_room = file == NULL && !outcome->full;
    if (file == NULL) {
        return;
    }
    file->scan = scan->number;
    if (item != NULL) {
        /* without room this version stays new: it is taken when there is */
        outcome->no_room = !mecai_zone_take(zone, set, file, version, item);
        return;
    }
    outcome->in_service = file->content != NULL ? file->next_update : 0;
    mecai_zone_refuse(zone, set, file, version, &outcome->reason);
}


/* Checks a new version of a file. Returns false where this process is at its
 * end: then what was in service stays. */
static bool
check(mecai_scan_t *scan, const char *name, const mecai_version_t *version,
    time_t now)
{
    mecai_subject_t  subject = { scan->known->certificate, scan->known->hash,
                                 NULL, now };
    outcome_t        outcome = { .reason = { .from = 0 } };
    mecai_item_t    *item;
    bool             exhausted;

    item = mecai_file_read(dirfd(scan->directory), name, &subject,
                           &outcome.reason, &exhausted);
    if (exhausted) {
        if (mecai_may_say(scan, MECAI_TELL_EXHAUSTED, now)) {
            mecai_say_refused(scan, name, &outcome.reason, outcome.in_service,
                          now);
        }
        return false;
    }
    mecai_lock_to_write(scan->access);
    put_in(scan, name, version, item, &outcome);
    mecai_unlock(scan->access);
    free(item);
    scan->left_out |= outcome.full || outcome.no_room;
    if (outcome.full) {
        mecai_say_crowded(scan, name, now);
    } else if (item == NULL && !outcome.overtaken && !outcome.no_room) {
        mecai_say_refused(scan, name, &outcome.reason, outcome.in_service,
                          now);
    }
    return !outcome.overtaken;
}


/* Without room nothing is read: it would be read again each second. */
static bool
has_room(const mecai_scan_t *scan, time_t now)
{
    bool  room;

    mecai_lock(scan->access);
    room = mecai_zone_has_room(scan->access->zone);
    mecai_unlock(scan->access);
    if (!room && mecai_may_say(scan, MECAI_TELL_FULL, now)) {
        mecai_say(scan, "the zone is full; new files are not served; see "
                  "voucher_zone");
    }
    return room;
}


void
mecai_scan_break_off(mecai_scan_t *scan)
{
    if (scan->directory != NULL) {
        closedir(scan->directory);
        scan->directory = NULL;
    }
}


/* What was not seen is not gone: the reading ends without its end. */
static void
give_up(mecai_scan_t *scan, int error, time_t now)
{
    mecai_scan_break_off(scan);
    lost(scan, error, now);
}


/* Reads a file that is ours. Returns false where the reading must end here. */
static bool
read_file(mecai_scan_t *scan, const char *name, time_t now)
{
    mecai_version_t  version;
    struct stat      status;
    news_t           news;

    if (fstatat(dirfd(scan->directory), name, &status, AT_SYMLINK_NOFOLLOW)
        != 0)
    {
        if (errno == ENOENT) {
            return true;
        }
        give_up(scan, errno, now);
        return false;
    }
    version = mecai_version_of(&status);
    news = look_up(scan, name, &version, now);
    if (news == FULL) {
        scan->left_out = true;
        mecai_say_crowded(scan, name, now);
        return true;
    }
    if (news != NEW) {
        return news == SAME;
    }
    if (!has_room(scan, now)) {
        scan->left_out = true;
        return true;
    }
    return check(scan, name, &version, now);
}


/* Reads one name. Returns false where the reading must end here. */
static bool
read_name(mecai_scan_t *scan, const char *name, time_t now)
{
    uint8_t  authority[MECAI_AUTHORITY_SIZE];

    switch (mecai_read_name(name, authority)) {
    case MECAI_NAME_STRANGE:
        return true;
    case MECAI_NAME_BAD:
        if (mecai_may_say(scan, MECAI_TELL_NAME, now)) {
            mecai_say(scan, "\"%s/%s\" is not served, nor are others "
                           "with such names: expected 16 hex digits, then "
                           "-LABEL or nothing, then " MECAI_VOUCHER_SUFFIX,
                           scan->known->path, name);
        }
        return true;
    default:
        return read_file(scan, name, now);
    }
}


/* All names were read. */
static void
end(mecai_scan_t *scan, time_t now)
{
    mecai_set_t  *set;

    mecai_scan_break_off(scan);
    mecai_lock_to_write(scan->access);
    set = set_of(scan, scan->known);
    if (set != NULL && mecai_zone_end(scan->access->zone, set, scan->number)) {
        set->directory = scan->version;
        set->trouble = 0;
        /* a directory does not change when a file's time comes, or when whoever
         * wrote it in place comes to the end */
        set->settled = set->refused_count == 0 && !scan->left_out
                       && now - scan->modified >= SETTLING_SECONDS;
    }
    mecai_unlock(scan->access);
}


bool
mecai_scan_go_on(mecai_scan_t *scan, time_t now, mecai_until_t until)
{
    const struct dirent  *entry;

    while (scan->directory != NULL) {
        if (!renew(scan)) {
            mecai_scan_break_off(scan);
            break;
        }
        errno = 0;
        entry = readdir(scan->directory);
        if (entry == NULL && errno != 0) {
            give_up(scan, errno, now);
        } else if (entry == NULL) {
            end(scan, now);
        } else if (!read_name(scan, entry->d_name, now)) {
            mecai_scan_break_off(scan);
        } else if (mecai_clock_ns() >= until) {
            break;
        }
    }
    return scan->directory == NULL;
}
