/*
 * What a connection's handshake asked for, and what became of it: kept beside
 * its SSL, shown by the log variables.
 */

#ifndef MECAI_VOUCHER_EXCHANGE_H
#define MECAI_VOUCHER_EXCHANGE_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "mecai_voucher_zone.h"

#pragma GCC visibility push(hidden)

typedef struct {
    mecai_request_t      request;   /* without candidates: none to answer */
    mecai_parsed_t       parsed;
    mecai_reason_code_t  reason;
    size_t               sent;      /* vouchers */
} mecai_exchange_t;

/* Prepares what connections keep. Before the first registration. */
ngx_int_t mecai_prepare_exchanges(void);

/* Returns what came with this handshake if it can be answered, or NULL. */
mecai_exchange_t *mecai_asked(const SSL *ssl);

/* QUIC has no vouchers (T10): its first flight is bounded more tightly. */
bool mecai_is_quic(const ngx_connection_t *c);

/* OpenSSL's callbacks for voucher_request, then voucher, of a ClientHello. */
int mecai_parse_request_extension(SSL *ssl, unsigned int type,
    unsigned int context, const unsigned char *in, size_t size, X509 *x509,
    size_t chain_index, int *alert, void *arg);
int mecai_parse_voucher_extension(SSL *ssl, unsigned int type,
    unsigned int context, const unsigned char *in, size_t size, X509 *x509,
    size_t chain_index, int *alert, void *arg);

/* What a log variable shows. */
typedef enum {
    MECAI_SHOW_REQUESTED,       /* quorum/VA id,VA id,... */
    MECAI_SHOW_ANSWERED,        /* how many vouchers were sent */
    MECAI_SHOW_REASON,          /* why so many */
} mecai_show_t;

/* Their names, in the same order. */
#define MECAI_VARIABLES                                                        \
    ngx_string("voucher_requested"), ngx_string("voucher_answered"),           \
    ngx_string("voucher_reason")

/*
 * Fills in a variable of a connection, with memory of `pool`. It is not found
 * where the client asked for nothing.
 */
ngx_int_t mecai_show(ngx_connection_t *c, mecai_show_t what, ngx_pool_t *pool,
                     ngx_variable_value_t *value);

/* Returns the word for a reason, as in the variable and the status. */
const char *mecai_reason_word(mecai_reason_code_t reason);

#pragma GCC visibility pop

#endif
