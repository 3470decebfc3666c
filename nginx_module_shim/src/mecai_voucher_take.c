/* One file during a reading: see the header. */

#include "mecai_voucher_take.h"
#include "mecai_voucher_say.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/* What became of one file, for the log. */
typedef struct {
    bool            overtaken;      /* another reading will do it */
    bool            full;           /* the set is */
    bool            no_room;        /* in the zone: others filled it */
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


/* Looks up a version of a file, and marks the file as found. */
static news_t
look_up(const mecai_scan_t *scan, const char *name,
    const mecai_version_t *version, time_t now)
{
    mecai_set_t   *set;
    mecai_file_t  *file = NULL;
    news_t         news = OVERTAKEN;

    mecai_lock_to_write(scan->access);
    set = mecai_set_to_fill(scan);
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
    mecai_set_t   *set = mecai_set_to_fill(scan);
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


/* What is not the file's fault is said once an hour. One that is gone between
 * its name and its opening needs no word. */
static void
put_off(mecai_scan_t *scan, const char *name, const mecai_reason_t *reason,
    time_t now)
{
    scan->left_out = true;
    if (!reason->gone && mecai_may_say(scan, MECAI_TELL_PASSING, now)) {
        mecai_say(scan, "\"%s/%s\" is tried again: %s", scan->known->path, name,
                  reason->text);
    }
}


/* Checks a new version of a file. */
static void
check(mecai_scan_t *scan, const char *name, const mecai_version_t *version,
    time_t now)
{
    mecai_subject_t  subject = { scan->known->certificate, scan->known->hash,
                                 NULL, now };
    outcome_t        outcome = { .reason = { .from = 0 } };
    mecai_item_t    *item;

    item = mecai_file_read(dirfd(scan->directory), name, &subject,
                           &outcome.reason);
    if (item == NULL && outcome.reason.passing) {
        put_off(scan, name, &outcome.reason, now);
        return;
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


int
mecai_take(mecai_scan_t *scan, const char *name, time_t now)
{
    mecai_version_t  version;
    struct stat      status;

    if (fstatat(dirfd(scan->directory), name, &status, AT_SYMLINK_NOFOLLOW)
        != 0)
    {
        return errno == ENOENT ? 0 : errno;
    }
    version = mecai_version_of(&status);
    switch (look_up(scan, name, &version, now)) {
    case FULL:
        scan->left_out = true;
        mecai_say_crowded(scan, name, now);
        break;
    case NEW:
        if (has_room(scan, now)) {
            check(scan, name, &version, now);
        } else {
            scan->left_out = true;
        }
        break;
    default:                    /* the same, or overtaken */
        break;
    }
    return 0;
}
