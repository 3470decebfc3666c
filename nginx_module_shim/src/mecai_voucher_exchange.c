/* What a handshake asked for, and what became of it: see the header. */

#include "mecai_voucher_exchange.h"

#include <openssl/err.h>

enum { QUORUM_DIGITS = 3 };

static const char *const  words[MECAI_REASONS] = {
    [MECAI_NOT_ASKED] = "not-asked",
    [MECAI_ANSWERED] = "answered",
    [MECAI_CACHED] = "cached",
    [MECAI_OFF] = "off",
    [MECAI_RESUMED] = "resumed",
    [MECAI_QUIC] = "quic",
    [MECAI_NO_DIRECTORY] = "no-directory",
    [MECAI_UNREAD] = "unread",
    [MECAI_NO_MATCH] = "no-match",
    [MECAI_NO_ROOM] = "no-room",
};

/*
 * ex_data of SSL, in the memory of its connection. The index has no callbacks:
 * it stays with OpenSSL when a reload unloads this shared object, and a
 * callback would then point into nothing.
 */
static int  exchange_index = -1;


ngx_int_t
mecai_prepare_exchanges(void)
{
    if (exchange_index == -1) {
        exchange_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    }
    return exchange_index != -1 ? NGX_OK : NGX_ERROR;
}


/* Returns what a handshake keeps, or NULL. */
static mecai_exchange_t *
exchange_of(const SSL *ssl)
{
    return exchange_index != -1 ? SSL_get_ex_data(ssl, exchange_index) : NULL;
}


/* The same; begins one. NULL: no memory. */
static mecai_exchange_t *
begin(SSL *ssl)
{
    mecai_exchange_t  *exchange = exchange_of(ssl);
    ngx_connection_t  *c = ngx_ssl_get_connection(ssl);

    if (exchange == NULL) {
        exchange = ngx_pcalloc(c->pool, sizeof(*exchange));
        if (exchange == NULL
            || SSL_set_ex_data(ssl, exchange_index, exchange) != 1)
        {
            return NULL;
        }
    }
    exchange->request.candidate_count = 0;
    return exchange;
}


mecai_exchange_t *
mecai_asked(const SSL *ssl)
{
    mecai_exchange_t  *exchange = exchange_of(ssl);

    return exchange != NULL && exchange->request.candidate_count > 0 ? exchange
                                                                     : NULL;
}


bool
mecai_is_quic(const ngx_connection_t *c)
{
    return c->type == SOCK_DGRAM;
}


/*
 * Refuses a ClientHello. With this reason first in the queue nginx logs as for
 * any bad client: at level info.
 */
static int
refuse(int *alert, int description, const char *why)
{
    ERR_raise_data(ERR_LIB_SSL, SSL_R_CLIENTHELLO_TLSEXT, "%s", why);
    *alert = description;
    return 0;
}


/*
 * Runs on the context of the default server, before SNI selects another: it
 * must not depend on a configuration. OpenSSL calls it again for the second
 * ClientHello of a HelloRetryRequest. Without `voucher` beside it, whose turn
 * comes next, this is another's extension by the same number: nothing is
 * refused yet.
 */
int
mecai_parse_request_extension(SSL *ssl, unsigned int type, unsigned int context,
    const unsigned char *in, size_t size, X509 *x509,
    size_t chain_index, int *alert, void *arg)
{
    mecai_exchange_t  *exchange = begin(ssl);

    if (exchange == NULL) {
        return 1;                   /* no memory: no answer */
    }
    /* an empty one has no version, so no version of ours */
    exchange->parsed = size == 0 ? MECAI_OTHER_VERSION
                       : mecai_parse_request(in, size, &exchange->request);
    return 1;
}


/*
 * The client's own extension `voucher` must be empty; who sends no
 * voucher_request may mean something else by it.
 */
int
mecai_parse_voucher_extension(SSL *ssl, unsigned int type, unsigned int context,
    const unsigned char *in, size_t size, X509 *x509,
    size_t chain_index, int *alert, void *arg)
{
    const mecai_exchange_t  *exchange = exchange_of(ssl);

    if (exchange == NULL || mecai_is_quic(ngx_ssl_get_connection(ssl))) {
        return 1;
    }
    if (exchange->parsed == MECAI_DECODE_ERROR) {
        return refuse(alert, SSL_AD_DECODE_ERROR,
                      "voucher_request does not decode");
    }
    if (exchange->parsed == MECAI_ILLEGAL_PARAMETER) {
        return refuse(alert, SSL_AD_ILLEGAL_PARAMETER,
                      "voucher_request has an illegal value");
    }
    if (size != 0 && mecai_asked(ssl) != NULL) {
        return refuse(alert, SSL_AD_DECODE_ERROR,
                      "voucher of a client is not empty");
    }
    return 1;
}


const char *
mecai_reason_word(mecai_reason_code_t reason)
{
    return words[reason];
}


/* OpenSSL asks for no answer where a session of TLS 1.3 is resumed. */
static mecai_reason_code_t
reason_of(const mecai_exchange_t *exchange, SSL *ssl)
{
    return exchange->reason == MECAI_NOT_ASKED && SSL_session_reused(ssl)
           ? MECAI_RESUMED : exchange->reason;
}


static ngx_int_t
show_request(const mecai_request_t *request, ngx_pool_t *pool, ngx_str_t *text)
{
    u_char  *next;

    text->data = ngx_pnalloc(pool, QUORUM_DIGITS + request->candidate_count
                             * (1 + 2 * (size_t) MECAI_AUTHORITY_SIZE));
    if (text->data == NULL) {
        return NGX_ERROR;
    }
    next = ngx_sprintf(text->data, "%ud", (unsigned) request->quorum);
    for (ngx_uint_t i = 0; i < request->candidate_count; i++) {
        *next++ = i == 0 ? '/' : ',';
        next = ngx_hex_dump(next, (u_char *) request->candidates[i],
                            MECAI_AUTHORITY_SIZE);
    }
    text->len = (size_t) (next - text->data);
    return NGX_OK;
}


static ngx_int_t
show(const mecai_exchange_t *exchange, SSL *ssl, mecai_show_t what,
    ngx_pool_t *pool, ngx_str_t *text)
{
    switch (what) {
    case MECAI_SHOW_REQUESTED:
        return show_request(&exchange->request, pool, text);
    case MECAI_SHOW_ANSWERED:
        text->data = ngx_pnalloc(pool, NGX_SIZE_T_LEN);
        if (text->data == NULL) {
            return NGX_ERROR;
        }
        text->len = (size_t) (ngx_sprintf(text->data, "%uz", exchange->sent)
                              - text->data);
        return NGX_OK;
    default:
        text->data = (u_char *) words[reason_of(exchange, ssl)];
        text->len = ngx_strlen(text->data);
        return NGX_OK;
    }
}


ngx_int_t
mecai_show(ngx_connection_t *c, mecai_show_t what, ngx_pool_t *pool,
    ngx_variable_value_t *value)
{
    SSL                     *ssl = c->ssl != NULL ? c->ssl->connection : NULL;
    const mecai_exchange_t  *exchange = ssl != NULL ? exchange_of(ssl) : NULL;
    ngx_str_t                text = ngx_null_string;

    if (exchange != NULL && exchange->request.candidate_count > 0
        && show(exchange, ssl, what, pool, &text) != NGX_OK)
    {
        return NGX_ERROR;
    }
    value->not_found = text.len == 0;
    value->valid = text.len > 0;
    value->no_cacheable = 0;
    value->len = text.len;
    value->data = text.data;
    return NGX_OK;
}
