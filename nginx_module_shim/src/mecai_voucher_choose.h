/*
 * Which vouchers answer a request (docs/spec, "Voucher stapling in TLS", T5 to
 * T7).
 *
 * Candidates in the client's order, up to `quorum` of them. A candidate serves
 * whose voucher has 600 seconds or more left and one of the client's contexts;
 * among several of one authority those go first that list an address of this
 * server. A voucher that the client has already counts and is not sent; one
 * that does not fit gives way to the next candidate. Pure: no clock, nothing
 * allocated.
 */

#ifndef MECAI_VOUCHER_CHOOSE_H
#define MECAI_VOUCHER_CHOOSE_H

#include "mecai_voucher_zone.h"

#pragma GCC visibility push(hidden)

enum {
    MECAI_REMAINING_SECONDS = 600,
    /* vouchers of one authority that are held against a request: the first by
     * name that may be sent */
    MECAI_LABELS_MAX = 16,
};

typedef struct {
    const mecai_request_t  *request;
    /* where the client sees this server */
    const mecai_address_t  *addresses;
    size_t                  address_count;
    time_t                  now;
} mecai_wish_t;

typedef struct {
    /* octets of the answer; 0: send no extension */
    size_t  size;
    size_t  sent;                               /* vouchers in it */
    bool    left_out;                           /* a voucher did not fit */
} mecai_choice_t;

/*
 * Writes the answer, of at most `room` octets, to `out`. `vouchers` is a list
 * of files in the zone, whose lock is held; it may be NULL.
 */
mecai_choice_t mecai_choose(const mecai_wish_t *wish,
    const mecai_file_t *vouchers, uint8_t *out, size_t room);

#pragma GCC visibility pop

#endif
