/* One file during a reading. For mecai_voucher_scan.c alone. */

#ifndef MECAI_VOUCHER_TAKE_H
#define MECAI_VOUCHER_TAKE_H

#include "mecai_voucher_scan.h"

#pragma GCC visibility push(hidden)

/*
 * Returns the set while this reading is the one that began last, else NULL:
 * another process took over, because this one was slow. What it marks must not
 * be marked anew.
 */
mecai_set_t *mecai_set_to_fill(const mecai_scan_t *scan);

/*
 * Marks a file of a good name as found, and puts it into service or refuses it,
 * where this version of it is new. Returns 0, or the errno of a directory that
 * fails.
 */
int mecai_take(mecai_scan_t *scan, const char *name, time_t now);

#pragma GCC visibility pop

#endif
