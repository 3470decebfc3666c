/* What a reading says in the log: see the header. */

#include "mecai_voucher_say.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { LINE_SIZE = 1024, LAST_WORDS_SIZE = 64 };


/* Writes a line, and whether it is the last for a while. */
static void
write_line(const mecai_scan_t *scan, mecai_leave_t leave, const char *format,
    va_list arguments)
{
    char    line[LINE_SIZE];
    size_t  used;

    vsnprintf(line, sizeof(line) - LAST_WORDS_SIZE, format, arguments);
    used = strlen(line);
    snprintf(line + used, sizeof(line) - used, "%s", mecai_last_words(leave));
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


static void say(const mecai_scan_t *scan, mecai_leave_t leave,
    const char *format, ...) __attribute__((format(printf, 3, 4)));

static void
say(const mecai_scan_t *scan, mecai_leave_t leave, const char *format, ...)
{
    va_list  arguments;

    if (leave != MECAI_SILENT) {
        va_start(arguments, format);
        write_line(scan, leave, format, arguments);
        va_end(arguments);
    }
}


void
mecai_say(const mecai_scan_t *scan, mecai_tell_t tell, time_t now,
    const char *format, ...)
{
    mecai_leave_t  leave = MECAI_SILENT;
    mecai_set_t   *set;
    va_list        arguments;

    mecai_lock_to_write(scan->access);
    set = mecai_zone_find(scan->access->zone, scan->known->key);
    if (set != NULL) {
        leave = mecai_zone_tell(scan->access->zone, set, tell, now);
    }
    mecai_unlock(scan->access);
    if (leave != MECAI_SILENT) {
        va_start(arguments, format);
        write_line(scan, leave, format, arguments);
        va_end(arguments);
    }
}


void
mecai_say_refused(const mecai_scan_t *scan, mecai_leave_t leave,
    const char *name, const mecai_reason_t *reason, time_t in_service,
    time_t now)
{
    char  when[MECAI_TIME_TEXT];

    if (in_service <= now) {
        say(scan, leave, "\"%s/%s\" is not served: %s", scan->known->path,
            name, reason->text);
        return;
    }
    say(scan, leave, "\"%s/%s\" is not served: %s; what it held before, with "
        "nextUpdate %s, stays in service", scan->known->path, name,
        reason->text, mecai_time_text(in_service, when));
}


void
mecai_say_crowded(const mecai_scan_t *scan, const char *name, time_t now)
{
    mecai_say(scan, MECAI_TELL_CROWDED, now, "\"%s\" holds more than %d "
              "vouchers; \"%s\" and others are not served",
              scan->known->path, MECAI_FILES_MAX, name);
}
