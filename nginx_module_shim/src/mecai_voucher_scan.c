/* One reading of one certificate's directory: see the header. */

#include "mecai_voucher_scan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    SETTLING_SECONDS = 2,       /* file systems stamp coarsely: a younger
                                 * directory may change unseen */
    LINE_SIZE = 1024,
};

/* What became of one file, for the log. */
typedef struct {
    bool            full;           /* the set is */
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


void
mecai_scan_say(mecai_log_pt log, const char *format, ...)
{
    char     line[LINE_SIZE];
    va_list  arguments;

    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    for (char *c = line; *c != '\0'; c++) {
        if ((unsigned char) *c < ' ' || *c == 0x7f) {
            *c = '?';
        }
    }
    log(line);
}


static mecai_set_t *
set_of(const mecai_scan_t *scan, const mecai_known_t *known)
{
    return mecai_zone_find(scan->access->zone, known->key);
}


/* Tells whether something is to be said now; the lock is not held. */
static bool
to_tell(const mecai_scan_t *scan, mecai_tell_t tell, time_t now)
{
    mecai_set_t  *set;
    bool          told = false;

    mecai_lock_to_write(scan->access);
    set = set_of(scan, scan->known);
    if (set != NULL) {
        told = mecai_zone_tell(scan->access->zone, set, tell, now);
    }
    mecai_unlock(scan->access);
    return told;
}


/*
 * The directory cannot be read. A missing one means that nothing is there, and
 * a handshake that asks will say so; so does a link, which is not followed.
 */
static void
lost(mecai_scan_t *scan, int error, mecai_now_t now)
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
    if (!missing && to_tell(scan, MECAI_TELL_UNREADABLE, now.wall)) {
        mecai_scan_say(scan->log, "directory \"%s\" cannot be read: %s",
                       scan->known->path, error == ELOOP
                       ? "a symbolic link, which is not followed"
                       : strerror(error));
    }
}


/* Opens the directory and takes a number; the lock is not held. */
static void
open_directory(mecai_scan_t *scan, mecai_now_t now)
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
    mecai_now_t now)
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


/* Tells whether this version was checked last, and its time, if it was ahead,
 * still is; then it is marked as found. */
static bool
nothing_new(const mecai_scan_t *scan, const char *name,
    const mecai_version_t *version, time_t now)
{
    mecai_set_t   *set;
    mecai_file_t  *file;
    bool           same = false;

    mecai_lock_to_write(scan->access);
    set = set_of(scan, scan->known);
    file = set != NULL ? mecai_zone_known(set, name) : NULL;
    if (file != NULL) {
        file->scan = scan->number;
        same = mecai_same_version(version, &file->seen)
               && (file->due == 0 || now < file->due);
    }
    mecai_unlock(scan->access);
    return same;
}


/* Puts what came of a file into the zone, whose lock is held. */
static void
put_in(const mecai_scan_t *scan, const char *name,
    const mecai_version_t *version, const mecai_item_t *item,
    outcome_t *outcome)
{
    mecai_zone_t  *zone = scan->access->zone;
    mecai_set_t   *set = mecai_zone_set(zone, scan->known->key);
    mecai_file_t  *file;

    file = set != NULL ? mecai_zone_file(zone, set, name) : NULL;
    outcome->full = file == NULL;
    if (file == NULL) {
        return;
    }
    file->scan = scan->number;
    if (item != NULL && mecai_zone_take(zone, set, file, version, item)) {
        return;
    }
    outcome->in_service = file->content != NULL ? file->next_update : 0;
    mecai_zone_refuse(zone, set, file, version, outcome->reason.due);
}


static void
tell_refused(const mecai_scan_t *scan, const char *name,
    const outcome_t *outcome, time_t now)
{
    char  when[MECAI_TIME_TEXT];

    if (outcome->in_service <= now) {
        mecai_scan_say(scan->log, "\"%s/%s\" is not served: %s",
                       scan->known->path, name, outcome->reason.text);
        return;
    }
    mecai_scan_say(scan->log, "\"%s/%s\" is not served: %s; what it held "
                   "before, with nextUpdate %s, stays in service",
                   scan->known->path, name, outcome->reason.text,
                   mecai_time_text(outcome->in_service, when));
}


static void
tell_crowded(mecai_scan_t *scan, const char *name, time_t now)
{
    if (to_tell(scan, MECAI_TELL_CROWDED, now)) {
        mecai_scan_say(scan->log, "\"%s\" holds more than %d vouchers; \"%s\" "
                       "and others are not served", scan->known->path,
                       MECAI_FILES_MAX, name);
    }
}


/* Checks a new version of a file. Returns false where this process is at its
 * end: then what was in service stays. */
static bool
check(mecai_scan_t *scan, const char *name, const mecai_version_t *version,
    time_t now)
{
    mecai_subject_t  subject = { scan->known->certificate, scan->known->hash,
                                 NULL, now };
    outcome_t        outcome = { .reason = { .due = 0 } };
    mecai_item_t    *item;
    bool             exhausted;

    item = mecai_file_read(dirfd(scan->directory), name, &subject,
                           &outcome.reason, &exhausted);
    if (exhausted) {
        if (to_tell(scan, MECAI_TELL_EXHAUSTED, now)) {
            tell_refused(scan, name, &outcome, now);
        }
        return false;
    }
    mecai_lock_to_write(scan->access);
    put_in(scan, name, version, item, &outcome);
    mecai_unlock(scan->access);
    if (outcome.full) {
        tell_crowded(scan, name, now);
    } else if (item == NULL) {
        tell_refused(scan, name, &outcome, now);
    }
    free(item);
    return true;
}


/* Without room nothing is read: it would be read again each second. */
static bool
has_room(mecai_scan_t *scan, time_t now)
{
    mecai_figures_t  figures;
    bool             room;

    mecai_lock(scan->access);
    room = mecai_zone_has_room(scan->access->zone);
    mecai_zone_figures(scan->access->zone, &figures);
    mecai_unlock(scan->access);
    if (!room && to_tell(scan, MECAI_TELL_FULL, now)) {
        mecai_scan_say(scan->log, "the zone of %zu octets is full; new files "
                       "are not served; see voucher_zone", figures.size);
    }
    return room;
}


/* Reads one name. Returns false where the reading must end here. */
static bool
read_name(mecai_scan_t *scan, const char *name, time_t now)
{
    uint8_t          authority[MECAI_AUTHORITY_SIZE];
    mecai_version_t  version;
    struct stat      status;

    switch (mecai_read_name(name, authority)) {
    case MECAI_NAME_STRANGE:
        return true;
    case MECAI_NAME_BAD:
        if (to_tell(scan, MECAI_TELL_NAME, now)) {
            mecai_scan_say(scan->log, "\"%s/%s\" is not served, nor are others "
                           "with such names: expected 16 hex digits, then "
                           "-LABEL or nothing, then " MECAI_VOUCHER_SUFFIX,
                           scan->known->path, name);
        }
        return true;
    default:
        break;
    }
    if (fstatat(dirfd(scan->directory), name, &status, AT_SYMLINK_NOFOLLOW)
        != 0)
    {
        return true;
    }
    version = mecai_version_of(&status);
    if (nothing_new(scan, name, &version, now)) {
        return true;
    }
    if (!has_room(scan, now)) {
        scan->left_out = true;
        return true;
    }
    return check(scan, name, &version, now);
}


void
mecai_scan_break_off(mecai_scan_t *scan)
{
    if (scan->directory != NULL) {
        closedir(scan->directory);
        scan->directory = NULL;
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
mecai_scan_go_on(mecai_scan_t *scan, mecai_now_t now, mecai_until_t until)
{
    const struct dirent  *entry;

    while (scan->directory != NULL) {
        entry = readdir(scan->directory);
        if (entry == NULL) {
            end(scan, now.wall);
        } else if (!read_name(scan, entry->d_name, now.wall)) {
            mecai_scan_break_off(scan);
        } else if (mecai_clock_ns() >= until) {
            break;
        }
    }
    return scan->directory == NULL;
}
