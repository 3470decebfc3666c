/* Where clients see this server. */

#ifndef MECAI_VOUCHER_ADDRESS_H
#define MECAI_VOUCHER_ADDRESS_H

#include <ngx_config.h>
#include <ngx_core.h>

#include "mecai_voucher_choose.h"

#pragma GCC visibility push(hidden)

/*
 * Reads the address out of a socket address. Returns NGX_DECLINED where it is
 * none of IP.
 */
ngx_int_t mecai_read_address(const struct sockaddr *sockaddr,
    mecai_address_t *address);

/*
 * Fills in where the client sees this server: what is configured (an array of
 * mecai_address_t, or NULL), else what the connection says. `own` has room for
 * one.
 */
void mecai_find_addresses(const ngx_array_t *configured, ngx_connection_t *c,
    mecai_address_t *own, mecai_wish_t *wish);

#pragma GCC visibility pop

#endif
