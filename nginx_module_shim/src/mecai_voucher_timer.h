/*
 * When files are read: as a worker starts, before its first connection, and
 * then by a timer, once a second. The one place that does.
 */

#ifndef MECAI_VOUCHER_TIMER_H
#define MECAI_VOUCHER_TIMER_H

#include <ngx_config.h>
#include <ngx_core.h>

#include "mecai_voucher_store.h"

#pragma GCC visibility push(hidden)

typedef ngx_array_t  mecai_stores_t;            /* of mecai_store_t * */

/*
 * Reads, and sets the timer; for init_process. `all` stays as long as the
 * process; NULL where the configuration has none.
 */
ngx_int_t mecai_start_reading(mecai_stores_t *all);

#pragma GCC visibility pop

#endif
