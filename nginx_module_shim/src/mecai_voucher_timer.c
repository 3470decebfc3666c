/* When files are read: see the header. */

#include "mecai_voucher_timer.h"

#include <ngx_event.h>

enum {
    INTERVAL_MS = 1000,     /* from the end of a round to the next */
    PAUSE_MS = 10,          /* between the parts of a long round */
    /* as in mecai_voucher_store.h: 2 us each */
    TICK_WORK = 5000,
    START_WORK = 100 * TICK_WORK,
};

static mecai_stores_t   *stores;
static ngx_event_t       timer;
static ngx_connection_t  nobody = { .fd = (ngx_socket_t) -1 };  /* for logs */


/* Goes on with the round of each store in turn; true: all are complete. */
static bool
read_stores(unsigned work)
{
    static ngx_uint_t  under_way;

    mecai_store_t    **store = stores->elts;

    for ( /* void */ ; under_way < stores->nelts; under_way++) {
        if (!mecai_store_refresh(store[under_way], ngx_time(), &work)) {
            return false;
        }
    }
    under_way = 0;
    return true;
}


static void
read_on(ngx_event_t *event)
{
    ngx_add_timer(event, read_stores(TICK_WORK) ? INTERVAL_MS : PAUSE_MS);
}


ngx_int_t
mecai_start_reading(mecai_stores_t *all)
{
    if (all == NULL || all->nelts == 0) {
        return NGX_OK;
    }
    /* a cache manager is started like a worker, and shakes no hands */
    if (ngx_process != NGX_PROCESS_WORKER
        && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NGX_OK;
    }
    stores = all;
    timer.handler = read_on;
    timer.data = &nobody;
    timer.log = ngx_cycle->log;
    timer.cancelable = 1;           /* a worker that is to end need not wait */
    ngx_add_timer(&timer, read_stores(START_WORK) ? INTERVAL_MS : PAUSE_MS);
    return NGX_OK;
}
