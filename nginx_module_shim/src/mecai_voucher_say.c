/* What a reading says in the log: see the header. */

#include "mecai_voucher_say.h"

#include <stdarg.h>
#include <stdio.h>

enum { LINE_SIZE = 1024 };


void
mecai_say(const mecai_scan_t *scan, const char *format, ...)
{
    char     line[LINE_SIZE];
    va_list  arguments;

    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    for (char *c = line; *c != '\0'; c++) {
        /* those from 0x80 on are control characters, too, to some terminals */
        if ((unsigned char) *c < ' '
            || ((unsigned char) *c >= 0x7f && (unsigned char) *c < 0xa0))
        {
            *c = '?';
        }
    }
    scan->log(line);
}


bool
mecai_may_say(const mecai_scan_t *scan, mecai_tell_t tell, time_t now)
{
    mecai_set_t  *set;
    bool          told = false;

    mecai_lock_to_write(scan->access);
    set = mecai_zone_find(scan->access->zone, scan->known->key);
    if (set != NULL) {
        told = mecai_zone_tell(scan->access->zone, set, tell, now);
    }
    mecai_unlock(scan->access);
    return told;
}


void
mecai_say_refused(const mecai_scan_t *scan, const char *name,
    const mecai_reason_t *reason, time_t in_service, time_t now)
{
    char  when[MECAI_TIME_TEXT];

    if (in_service <= now) {
        mecai_say(scan, "\"%s/%s\" is not served: %s",
                  scan->known->path, name, reason->text);
        return;
    }
    mecai_say(scan, "\"%s/%s\" is not served: %s; what it held "
                   "before, with nextUpdate %s, stays in service",
                   scan->known->path, name, reason->text,
                   mecai_time_text(in_service, when));
}


void
mecai_say_crowded(const mecai_scan_t *scan, const char *name, time_t now)
{
    if (mecai_may_say(scan, MECAI_TELL_CROWDED, now)) {
        mecai_say(scan, "\"%s\" holds more than %d vouchers; \"%s\" "
                  "and others are not served", scan->known->path,
                  MECAI_FILES_MAX, name);
    }
}
