/* When files are read: see the header. */

#include "mecai_voucher_timer.h"

#include <ngx_event.h>

#define NS_PER_MS  1000000LL

enum {
    PART_MS = 4,            /* of a round, without the event loop */
    PAUSE_MS = 4,           /* between the parts of a long round */
    START_MS = 1000,        /* before the first connection, at the most */
    WAIT_MS = 2,            /* until another worker has read it */
};

static mecai_stores_t   *stores;
static ngx_uint_t        under_way;             /* the round of which of them */
static ngx_msec_t        interval;
static ngx_event_t       timer;
static ngx_connection_t  nobody = { .fd = (ngx_socket_t) -1 };  /* for logs */


/* Goes on with the round of each store in turn; true: all are complete. */
static bool
read_stores(mecai_until_t until)
{
    mecai_store_t **store = stores->elts;
    /* a little less, so that a timer that is early loses no round */
    int64_t         ago = (int64_t) (interval - interval / 8);

    for ( /* void */ ; under_way < stores->nelts; under_way++) {
        if (!mecai_store_refresh(store[under_way], ngx_time(), ago, until)) {
            return false;
        }
    }
    under_way = 0;
    return true;
}


static bool
all_complete(void)
{
    mecai_store_t **store = stores->elts;

    for (ngx_uint_t i = 0; i < stores->nelts; i++) {
        if (!mecai_store_complete(store[i])) {
            return false;
        }
    }
    return true;
}


static void
read_on(ngx_event_t *event)
{
    mecai_until_t  until = mecai_clock_ns() + PART_MS * NS_PER_MS;

    /* a worker that is to end accepts nobody; the others read. Where a reload
     * ends no process, the zone goes before the configuration that filled it */
    if (!ngx_exiting && stores->pool == ngx_cycle->pool) {
        ngx_add_timer(event, read_stores(until) ? interval : PAUSE_MS);
    }
}


/*
 * What is read goes with its configuration, and this shared object may go, too:
 * in a process that a reload does not end, the timer must not outlive them.
 */
static void
stop_reading(void *all)
{
    if (stores == all && timer.timer_set) {
        ngx_del_timer(&timer);
    }
}


ngx_int_t
mecai_start_reading(mecai_stores_t *all, ngx_msec_t every, mecai_until_t *wait)
{
    ngx_pool_cleanup_t  *cleanup = ngx_pool_cleanup_add(all->pool, 0);

    if (cleanup == NULL) {
        return NGX_ERROR;
    }
    cleanup->data = all;
    cleanup->handler = stop_reading;
    stores = all;
    under_way = 0;
    interval = every;
    if (stores->nelts == 0) {
        return NGX_OK;
    }
    if (*wait == 0) {
        *wait = mecai_clock_ns() + START_MS * NS_PER_MS;
    }
    while (!all_complete() && mecai_clock_ns() < *wait) {
        ngx_time_update();          /* the master's is that of its last event */
        if (read_stores(*wait)) {
            ngx_msleep(WAIT_MS);
        }
    }
    timer.handler = read_on;
    timer.data = &nobody;
    timer.log = all->pool->log;
    timer.cancelable = 1;           /* a worker that is to end need not wait */
    ngx_add_timer(&timer, PAUSE_MS);
    return NGX_OK;
}


void
mecai_hurry(void)
{
    if (timer.timer_set) {
        ngx_add_timer(&timer, PAUSE_MS);
    }
}
