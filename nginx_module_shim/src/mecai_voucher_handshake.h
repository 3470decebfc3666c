/*
 * What happens in a handshake: the request is kept, vouchers and the staple are
 * handed to OpenSSL.
 *
 * The one place where OpenSSL's callbacks meet the store, the choice and
 * nginx's connection.
 */

#ifndef MECAI_VOUCHER_HANDSHAKE_H
#define MECAI_VOUCHER_HANDSHAKE_H

#include <ngx_config.h>
#include <ngx_core.h>

#include "mecai_voucher_exchange.h"
#include "mecai_voucher_store.h"

#pragma GCC visibility push(hidden)

/* The directives of one server. */
typedef struct {
    const ngx_cycle_t     *cycle;               /* of the configuration */
    ngx_flag_t             enable;
    ngx_flag_t             ocsp;
    ngx_flag_t             said;                /* in this very server */
    size_t                 max_size;
    ngx_str_t              directory;
    ngx_array_t           *addresses;           /* of mecai_address_t */
    const mecai_access_t  *access;              /* NULL: nothing is stapled */
    /* shared by servers with the same directory */
    mecai_store_t         *store;
} mecai_conf_t;

/*
 * Registers both extensions on a context. Returns NGX_DECLINED where one of
 * them is registered already. After mecai_prepare_exchanges().
 */
ngx_int_t mecai_staple_vouchers(SSL_CTX *ctx, mecai_conf_t *conf);

/*
 * Lets a context staple OCSP responses. Returns NGX_DECLINED where something
 * else does.
 */
ngx_int_t mecai_staple_ocsp(SSL_CTX *ctx, mecai_conf_t *conf);

#pragma GCC visibility pop

#endif
