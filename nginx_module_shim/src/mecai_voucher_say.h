/* What a reading says in the log. */

#ifndef MECAI_VOUCHER_SAY_H
#define MECAI_VOUCHER_SAY_H

#include "mecai_voucher_scan.h"

#pragma GCC visibility push(hidden)

/* Writes one line to the log; what would forge another one is a '?'. */
void mecai_say(const mecai_scan_t *scan, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Tells whether it is time to say this, and notes that it is said; the lock is
 * not held. */
bool mecai_may_say(const mecai_scan_t *scan, mecai_tell_t tell, time_t now);

/* Says why a file is not served, and until when what it held before is. */
void mecai_say_refused(const mecai_scan_t *scan, const char *name,
                       const mecai_reason_t *reason, time_t in_service,
                       time_t now);

/* Says once that there are more files than are read. */
void mecai_say_crowded(const mecai_scan_t *scan, const char *name, time_t now);

#pragma GCC visibility pop

#endif
