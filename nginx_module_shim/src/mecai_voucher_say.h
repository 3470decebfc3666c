/* What a reading says in the log. */

#ifndef MECAI_VOUCHER_SAY_H
#define MECAI_VOUCHER_SAY_H

#include "mecai_voucher_scan.h"

#pragma GCC visibility push(hidden)

/*
 * Writes one line to the log, where it is time to say this; what would forge
 * another line is a '?'. The lock is not held.
 */
void mecai_say(const mecai_scan_t *scan, mecai_tell_t tell, time_t now,
               const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Says why a file is not served, and until when what it held before is; `leave`
 * is that of MECAI_TELL_REFUSED. */
void mecai_say_refused(const mecai_scan_t *scan, mecai_leave_t leave,
                       const char *name, const mecai_reason_t *reason,
                       time_t in_service, time_t now);

/* Says once that there are more files than are read. */
void mecai_say_crowded(const mecai_scan_t *scan, const char *name, time_t now);

#pragma GCC visibility pop

#endif
