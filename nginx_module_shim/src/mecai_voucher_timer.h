/*
 * When files are read: as a worker starts, before its first connection, where
 * the zone does not hold them yet; and then by a timer. The one place that
 * does.
 */

#ifndef MECAI_VOUCHER_TIMER_H
#define MECAI_VOUCHER_TIMER_H

#include <ngx_config.h>
#include <ngx_core.h>

#include "mecai_voucher_store.h"

#pragma GCC visibility push(hidden)

typedef ngx_array_t  mecai_stores_t;            /* of mecai_store_t * */

/*
 * Reads, and sets the timer, until the pool of `all` goes, or is called with
 * others; with none in it there is nothing to do. `wait` is how long a process
 * waits for that as it starts, whatever the blocks: 0 before the first. An
 * error: no memory.
 */
ngx_int_t mecai_start_reading(mecai_stores_t *all, ngx_msec_t interval,
                              mecai_until_t *wait);

/* Lets the timer go off at once: a handshake wants what was not read yet. */
void mecai_hurry(void);

#pragma GCC visibility pop

#endif
