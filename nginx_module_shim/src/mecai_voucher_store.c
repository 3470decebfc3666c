/* The certificates this process knows: see the header. */

#include "mecai_voucher_store.h"
#include "mecai_voucher_known.h"

#include <stdlib.h>
#include <string.h>

struct mecai_store_s {
    mecai_scan_t          scan;
    unsigned              at;           /* the bucket the round has come to */
    const mecai_known_t  *after;        /* in it, the last one that was looked
                                         * at; NULL: none was */
    mecai_known_t        *wanted;
    mecai_certificates_t  all;
    char                  path[];
};


static void
forget(mecai_store_t *store, mecai_known_t **link)
{
    if (store->scan.known == *link) {
        mecai_scan_break_off(&store->scan);
    }
    if (store->wanted == *link) {
        store->wanted = NULL;
    }
    mecai_unknow(link);
}


bool
mecai_store_keep(mecai_store_t *store, X509 *certificate)
{
    return mecai_know_for_good(&store->all, store->path, certificate) != NULL;
}


const mecai_known_t *
mecai_store_find(mecai_store_t *store, X509 *certificate, time_t now)
{
    mecai_known_t  *known = mecai_know(&store->all, store->path, certificate);

    if (known != NULL) {
        known->shown = now;
    }
    return known;
}


void
mecai_store_want(mecai_store_t *store, const mecai_known_t *known)
{
    store->wanted = (mecai_known_t *) known;
}


/* Notes that this process looks at a certificate now; false: another has. */
static bool
claim(const mecai_store_t *store, const mecai_known_t *known,
    int64_t interval_ms)
{
    const mecai_access_t  *access = store->scan.access;
    mecai_set_t           *set;
    int64_t                now_ms;
    bool                   mine;

    mecai_lock_to_write(access);
    now_ms = mecai_clock_ms();
    set = mecai_zone_find(access->zone, known->key);
    mine = set == NULL || now_ms - set->looked >= interval_ms;
    if (set == NULL) {
        set = mecai_zone_set(access->zone, known->key);
    }
    if (set != NULL && mine) {
        mecai_zone_look(set, now_ms);
    }
    mecai_unlock(access);
    return mine && set != NULL;
}


/* Looks at one certificate; true: that is done. */
static bool
look(mecai_store_t *store, const mecai_known_t *known, time_t now,
    int64_t interval_ms, mecai_until_t until)
{
    if (!claim(store, known, interval_ms)) {
        return true;
    }
    mecai_scan_begin(&store->scan, known, now);
    return mecai_scan_go_on(&store->scan, now, until);
}


/* Returns the place where the round goes on in its bucket. */
static mecai_known_t **
place(mecai_store_t *store)
{
    mecai_known_t **link = &store->all.buckets[store->at];

    if (store->after == NULL) {
        return link;
    }
    while (*link != store->after) {
        link = &(*link)->next;
    }
    return &(*link)->next;
}


/* Goes on in a bucket; returns true where it is at its end. */
static bool
refresh_bucket(mecai_store_t *store, time_t now, int64_t interval_ms,
    mecai_until_t until)
{
    mecai_known_t **link = place(store);

    while (*link != NULL) {
        mecai_known_t  *known = *link;

        if (!known->configured
            && now - known->shown > MECAI_FORGET_SECONDS)
        {
            forget(store, link);
            continue;
        }
        store->after = known;
        link = &known->next;
        if (!look(store, known, now, interval_ms, until)
            || mecai_clock_ns() >= until)
        {
            return false;
        }
    }
    store->after = NULL;
    return true;
}


/* Comes to the end of what is under way, and of what a handshake wants. */
static bool
finish(mecai_store_t *store, time_t now, int64_t interval_ms,
    mecai_until_t until)
{
    mecai_known_t  *wanted;

    if (!mecai_scan_go_on(&store->scan, now, until)) {
        return false;
    }
    wanted = store->wanted;
    store->wanted = NULL;
    return wanted == NULL || look(store, wanted, now, interval_ms, until);
}


/* Frees a part of what nobody looks at any more; true: that is done. */
static bool
sweep(const mecai_access_t *access, mecai_until_t until)
{
    bool  done;

    do {
        mecai_lock_to_write(access);
        done = mecai_zone_sweep(access->zone, mecai_clock_ms());
        mecai_unlock(access);
    } while (!done && mecai_clock_ns() < until);
    return done;
}


bool
mecai_store_refresh(mecai_store_t *store, time_t now, int64_t interval_ms,
    mecai_until_t until)
{
    if (!finish(store, now, interval_ms, until)) {
        return false;
    }
    for ( /* void */ ; store->at < MECAI_KNOWN_BUCKETS; store->at++) {
        if (!refresh_bucket(store, now, interval_ms, until)) {
            return false;
        }
    }
    if (!sweep(store->scan.access, until)) {
        return false;
    }
    store->at = 0;
    return true;
}


bool
mecai_store_complete(const mecai_store_t *store)
{
    const mecai_access_t  *access = store->scan.access;
    bool                   complete = true;

    for (size_t i = 0; i < MECAI_KNOWN_BUCKETS && complete; i++) {
        const mecai_known_t  *known = store->all.buckets[i];

        mecai_lock(access);
        for ( /* void */ ; known != NULL && complete; known = known->next) {
            const mecai_set_t  *set = mecai_zone_find(access->zone, known->key);

            complete = set != NULL && set->complete;
        }
        mecai_unlock(access);
    }
    return complete;
}


mecai_store_t *
mecai_store_create(const char *path, const mecai_access_t *access,
    mecai_log_pt log)
{
    mecai_store_t  *store = calloc(1, sizeof(*store) + strlen(path) + 1);

    if (store != NULL) {
        store->scan.access = access;
        store->scan.log = log;
        strcpy(store->path, path);
    }
    return store;
}


void
mecai_store_destroy(mecai_store_t *store)
{
    mecai_scan_break_off(&store->scan);
    mecai_unknow_all(&store->all);
    free(store);
}
