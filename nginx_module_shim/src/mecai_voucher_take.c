/* One file during a reading: see the header. */

#include "mecai_voucher_take.h"
#include "mecai_voucher_say.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/* One version of a file, as it is found. */
typedef struct {
    const char       *name;
    mecai_version_t   version;
    bool              settled;      /* a later change of it will show */
} found_t;

/* What became of one file, for the log. */
typedef struct {
    bool            full;           /* the set is */
    bool            no_room;        /* in the zone: others filled it */
    mecai_leave_t   leave;          /* to say why it is refused */
    time_t          in_service;     /* until then, what it held before; or 0 */
    mecai_reason_t  reason;
} outcome_t;


mecai_set_t *
mecai_set_to_fill(const mecai_scan_t *scan)
{
    mecai_set_t  *set = mecai_zone_find(scan->access->zone, scan->known->key);

    return set != NULL && set->scan == scan->number ? set : NULL;
}


/* What is known of a version of a file. */
typedef enum {
    NEW,
    SAME,                           /* checked last, settled, no time came */
    OVERTAKEN,                      /* see set_to_fill */
    FULL,                           /* new, and the set has its most */
} news_t;


static bool
is_full(const mecai_set_t *set, const char *name)
{
    return set->file_count >= MECAI_FILES_MAX
           && strcmp(name, MECAI_OCSP_NAME) != 0;
}


/* Looks up a version of a file, and marks the file as found. */
static news_t
look_up(const mecai_scan_t *scan, const found_t *found, time_t now)
{
    mecai_set_t   *set;
    mecai_file_t  *file = NULL;
    news_t         news = OVERTAKEN;

    mecai_lock_to_write(scan->access);
    set = mecai_set_to_fill(scan);
    if (set != NULL) {
        news = NEW;
        file = mecai_zone_known(set, found->name);
    }
    if (set != NULL && file == NULL && is_full(set, found->name)) {
        news = FULL;
    }
    if (file != NULL) {
        file->scan = scan->number;
        if (mecai_same_version(&found->version, &file->seen) && file->settled
            && (now < file->from || now >= file->until))
        {
            news = SAME;
        }
    }
    mecai_unlock(scan->access);
    return news;
}


/* Refuses a version; one that was refused before is not told again. */
static void
refuse(mecai_zone_t *zone, mecai_set_t *set, mecai_file_t *file,
    const mecai_version_t *version, time_t now, outcome_t *outcome)
{
    bool  told = file->refused && mecai_same_version(version, &file->seen);

    if (outcome->reason.until == 0) {
        outcome->reason.from = now + MECAI_RECHECK_SECONDS;
        outcome->reason.until = (time_t) INT64_MAX;
    }
    outcome->leave = told ? MECAI_SILENT
                     : mecai_zone_tell(zone, set, MECAI_TELL_REFUSED, now);
    outcome->in_service = file->content != NULL ? file->next_update : 0;
    mecai_zone_refuse(zone, set, file, version, &outcome->reason);
}


/* Puts what came of a file into the zone, whose lock is held. */
static void
put_in(const mecai_scan_t *scan, const found_t *found,
    const mecai_item_t *item, time_t now, outcome_t *outcome)
{
    mecai_zone_t  *zone = scan->access->zone;
    mecai_set_t   *set = mecai_set_to_fill(scan);
    mecai_file_t  *file;

    if (set == NULL) {
        return;
    }
    file = mecai_zone_file(zone, set, found->name);
    outcome->full = file == NULL && is_full(set, found->name);
    outcome->no_room = file == NULL && !outcome->full;
    if (file == NULL) {
        return;
    }
    file->scan = scan->number;
    file->settled = found->settled;
    if (item != NULL) {
        /* without room this version stays new: it is taken when there is */
        outcome->no_room = !mecai_zone_take(zone, set, file, &found->version,
                                            item);
    } else {
        refuse(zone, set, file, &found->version, now, outcome);
    }
}


/* What is not the file's fault is said once an hour. One that is gone between
 * its name and its opening needs no word. */
static void
put_off(mecai_scan_t *scan, const char *name, const mecai_reason_t *reason,
    time_t now)
{
    scan->left_out = true;
    if (!reason->gone) {
        mecai_say(scan, MECAI_TELL_PASSING, now, "\"%s/%s\" is tried again: %s",
                  scan->known->path, name, reason->text);
    }
}


/* Checks a new version of a file. */
static void
check(mecai_scan_t *scan, const found_t *found, time_t now)
{
    mecai_subject_t  subject = { scan->known->certificate, scan->known->hash,
                                 NULL, now };
    outcome_t        outcome = { .reason = { .from = 0 } };
    mecai_item_t    *item;

    item = mecai_file_read(dirfd(scan->directory), found->name, &subject,
                           &outcome.reason);
    if (item == NULL && outcome.reason.passing) {
        put_off(scan, found->name, &outcome.reason, now);
        return;
    }
    mecai_lock_to_write(scan->access);
    put_in(scan, found, item, now, &outcome);
    mecai_unlock(scan->access);
    free(item);
    scan->left_out |= outcome.full || outcome.no_room || !found->settled;
    if (outcome.full) {
        mecai_say_crowded(scan, found->name, now);
    }
    mecai_say_refused(scan, outcome.leave, found->name, &outcome.reason,
                      outcome.in_service, now);
}


/* Without room nothing is read: it would be read again each second. */
static bool
has_room(const mecai_scan_t *scan, time_t now)
{
    bool  room;

    mecai_lock(scan->access);
    room = mecai_zone_has_room(scan->access->zone);
    mecai_unlock(scan->access);
    if (!room) {
        mecai_say(scan, MECAI_TELL_FULL, now, "the zone is full; new files are "
                  "not served; see voucher_zone");
    }
    return room;
}


/* A time far ahead of the clock is not what a writer has just left; one a
 * little ahead is of a second that nginx has not noticed yet. */
static bool
is_settled(const struct stat *status, time_t now)
{
    return now - status->st_mtime >= MECAI_SETTLING_SECONDS
           || status->st_mtime - now >= MECAI_SETTLING_SECONDS;
}


int
mecai_take(mecai_scan_t *scan, const char *name, time_t now)
{
    found_t      found = { .name = name };
    struct stat  status;

    if (fstatat(dirfd(scan->directory), name, &status, AT_SYMLINK_NOFOLLOW)
        != 0)
    {
        return errno == ENOENT ? 0 : errno;
    }
    found.version = mecai_version_of(&status);
    found.settled = is_settled(&status, now);
    switch (look_up(scan, &found, now)) {
    case FULL:
        scan->left_out = true;
        mecai_say_crowded(scan, name, now);
        break;
    case NEW:
        if (has_room(scan, now)) {
            check(scan, &found, now);
        } else {
            scan->left_out = true;
        }
        break;
    default:                    /* the same, or overtaken */
        break;
    }
    return 0;
}
