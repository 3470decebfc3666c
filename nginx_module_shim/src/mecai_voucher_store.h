/*
 * The certificates this process knows, per staple directory, and the rounds
 * that read what lies there for them (mecai_voucher_scan) into the zone.
 *
 * Whoever has the clock begins rounds (mecai_voucher_timer); a handshake finds
 * what is in the zone and touches no file. All workers share the reading: who
 * looks at a certificate first notes that in the zone, and for an interval the
 * others leave it alone. A certificate that a handshake shows before it was
 * ever read goes first.
 *
 * Whoever writes renames whole files into place; nothing has to be reloaded. A
 * version of a file that fails its check is named once in the log and never
 * served. A file that is gone is out of service. Nothing of nginx is needed;
 * not for several threads.
 */

#ifndef MECAI_VOUCHER_STORE_H
#define MECAI_VOUCHER_STORE_H

#include "mecai_voucher_scan.h"

#pragma GCC visibility push(hidden)

enum { MECAI_FORGET_SECONDS = 24 * 60 * 60 };

typedef struct mecai_store_s  mecai_store_t;

/* Reads nothing yet; returns NULL without memory. `access` stays as long. */
mecai_store_t *mecai_store_create(const char *path,
                                  const mecai_access_t *access,
                                  mecai_log_pt log);
void mecai_store_destroy(mecai_store_t *store);

/* Adds a certificate that stays for the store's life; false: no memory. */
bool mecai_store_keep(mecai_store_t *store, X509 *certificate);

/*
 * Goes on with the round that is under way, or begins one, until the clock says
 * so; it comes a step further each time. A certificate that somebody looked at
 * within `interval_ms` is left out. Returns true where the round is complete.
 */
bool mecai_store_refresh(mecai_store_t *store, time_t now,
                         int64_t interval_ms, mecai_until_t until);

/* Tells whether each certificate was read to its end once. */
bool mecai_store_complete(const mecai_store_t *store);

/*
 * Returns what this process knows of a certificate, new where it did not; NULL
 * without memory. Valid until the next round. What nobody configured is
 * forgotten when no handshake showed it for MECAI_FORGET_SECONDS.
 */
const mecai_known_t *mecai_store_find(mecai_store_t *store, X509 *certificate,
                                      time_t now);

/* Lets the next round begin with this one. */
void mecai_store_want(mecai_store_t *store, const mecai_known_t *known);

#pragma GCC visibility pop

#endif
