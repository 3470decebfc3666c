/* What happens in a handshake: see the header. */

#include "mecai_voucher_handshake.h"
#include "mecai_voucher_choose.h"

#include <ngx_event.h>

#include <openssl/err.h>

enum {
    /* extension type and length, status type, length of the response */
    STAPLE_OVERHEAD = 8,
    VOUCHER_CONTEXT = SSL_EXT_CLIENT_HELLO | SSL_EXT_TLS1_2_SERVER_HELLO
                      | SSL_EXT_TLS1_3_CERTIFICATE,
};

/*
 * The request of a connection, as ex_data of its SSL, in the memory of its
 * connection. The index has no callbacks: it stays with OpenSSL when a reload
 * unloads this shared object, and a callback would then point into nothing.
 */
static int  request_index = -1;


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
 * ClientHello of a HelloRetryRequest.
 */
static int
parse_request(SSL *ssl, unsigned int type, unsigned int context,
    const unsigned char *in, size_t size, X509 *x509,
    size_t chain_index, int *alert, void *arg)
{
    ngx_connection_t  *c = ngx_ssl_get_connection(ssl);
    mecai_request_t   *request = SSL_get_ex_data(ssl, request_index);

    if (request == NULL) {
        request = ngx_palloc(c->pool, sizeof(*request));
        if (request == NULL
            || SSL_set_ex_data(ssl, request_index, request) != 1)
        {
            *alert = SSL_AD_INTERNAL_ERROR;
            return 0;
        }
    }
    request->candidate_count = 0;
    switch (mecai_parse_request(in, size, request)) {
    case MECAI_PARSED:
    case MECAI_OTHER_VERSION:
        return 1;
    case MECAI_DECODE_ERROR:
        return refuse(alert, SSL_AD_DECODE_ERROR,
                      "voucher_request does not decode");
    default:
        return refuse(alert, SSL_AD_ILLEGAL_PARAMETER,
                      "voucher_request has an illegal value");
    }
}


/* Returns the request that came with this handshake, or NULL. */
static const mecai_request_t *
request_of(const SSL *ssl)
{
    const mecai_request_t  *request = SSL_get_ex_data(ssl, request_index);

    return request != NULL && request->candidate_count > 0 ? request : NULL;
}


/*
 * The client's own extension `voucher` must be empty; who sends no
 * voucher_request may mean something else by it.
 */
static int
parse_voucher(SSL *ssl, unsigned int type, unsigned int context,
    const unsigned char *in, size_t size, X509 *x509,
    size_t chain_index, int *alert, void *arg)
{
    if (size != 0 && request_of(ssl) != NULL) {
        return refuse(alert, SSL_AD_DECODE_ERROR,
                      "voucher of a client is not empty");
    }
    return 1;
}


ngx_int_t
mecai_read_address(const struct sockaddr *sockaddr, mecai_address_t *address)
{
    const struct sockaddr_in   *in;
#if (NGX_HAVE_INET6)
    const struct sockaddr_in6  *in6;
#endif

    switch (sockaddr->sa_family) {
    case AF_INET:
        in = (const struct sockaddr_in *) sockaddr;
        mecai_set_address(address, (const uint8_t *) &in->sin_addr, 4);
        return NGX_OK;
#if (NGX_HAVE_INET6)
    case AF_INET6:
        in6 = (const struct sockaddr_in6 *) sockaddr;
        mecai_set_address(address, (const uint8_t *) &in6->sin6_addr, 16);
        return NGX_OK;
#endif
    default:
        return NGX_DECLINED;
    }
}


/*
 * Finds where the client sees this server: what the proxy in front says, else
 * the connection's own local address.
 */
static ngx_int_t
local_address(ngx_connection_t *c, mecai_address_t *address)
{
    ngx_addr_t  addr;

    if (c->proxy_protocol != NULL) {
        const ngx_str_t  *text = &c->proxy_protocol->dst_addr;

        if (ngx_parse_addr(c->pool, &addr, text->data, text->len) == NGX_OK) {
            return mecai_read_address(addr.sockaddr, address);
        }
    }
    if (ngx_connection_local_sockaddr(c, NULL, 0) != NGX_OK) {
        return NGX_DECLINED;
    }
    return mecai_read_address(c->local_sockaddr, address);
}


/* Fills in where the client sees this server; `own` has room for one. */
static void
find_addresses(const mecai_conf_t *conf, ngx_connection_t *c,
    mecai_address_t *own, mecai_wish_t *wish)
{
    if (conf->addresses != NULL) {
        wish->addresses = conf->addresses->elts;
        wish->address_count = conf->addresses->nelts;
    } else if (local_address(c, own) == NGX_OK) {
        wish->addresses = own;
        wish->address_count = 1;
    }
}


/*
 * Looks into the store without leaving errors in OpenSSL's queue, where the
 * handshake would trip over them.
 */
static const mecai_set_t *
find_set(const mecai_conf_t *conf, X509 *certificate)
{
    const mecai_set_t  *set;

    ERR_set_mark();
    set = mecai_store_find(conf->store, certificate, ngx_time());
    ERR_pop_to_mark();
    return set;
}


/*
 * How many octets the answer may have in this handshake: in TLS 1.3 it shares
 * the extensions of one CertificateEntry, 2^16-1 octets, with the staple.
 */
static size_t
room_for(SSL *ssl, const mecai_conf_t *conf)
{
    const unsigned char  *staple;
    long                  staple_size, left;

    staple_size = SSL_get_tlsext_status_ocsp_resp(ssl, &staple);
    if (staple_size <= 0) {
        return conf->max_size;
    }
    left = MECAI_ANSWER_MAX - STAPLE_OVERHEAD - staple_size;
    return left > 0 ? ngx_min(conf->max_size, (size_t) left) : 0;
}


/*
 * Runs on the context of the server that SNI selected; OpenSSL calls it only
 * where the client sent `voucher`.
 */
static int
add_voucher(SSL *ssl, unsigned int type, unsigned int context,
    const unsigned char **out, size_t *size, X509 *x509,
    size_t chain_index, int *alert, void *arg)
{
    /* OpenSSL copies it before the next handshake */
    static uint8_t         answer[MECAI_ANSWER_MAX];

    const mecai_conf_t    *conf = arg;
    const mecai_request_t *request = request_of(ssl);
    ngx_connection_t      *c = ngx_ssl_get_connection(ssl);
    X509                  *certificate;
    mecai_address_t        address;
    mecai_choice_t         choice;
    const mecai_set_t     *set;
    mecai_wish_t           wish = { request, NULL, 0, ngx_time() };
    size_t                 room;

    certificate = context == SSL_EXT_TLS1_2_SERVER_HELLO
                  ? SSL_get_certificate(ssl) : x509;
    if (!conf->enable || request == NULL || chain_index != 0
        || certificate == NULL || SSL_session_reused(ssl))
    {
        return 0;
    }
    set = find_set(conf, certificate);
    room = room_for(ssl, conf);
    if (set == NULL || room < MECAI_ANSWER_MIN) {
        return 0;
    }
    find_addresses(conf, c, &address, &wish);
    choice = mecai_choose(&wish, set->vouchers, answer, room);
    if (choice.left_out) {
        ngx_log_error(NGX_LOG_INFO, c->log, 0, "voucher: one was left out, "
                      "because the answer may have %uz octets; see "
                      "voucher_max_size", room);
    }
    *out = answer;
    *size = choice.size;
    return choice.size > 0;
}


/*
 * Hands the OCSP response for the certificate in use to OpenSSL, which takes
 * the copy.
 */
static int
add_staple(SSL *ssl, void *arg)
{
    const mecai_conf_t  *conf = arg;
    X509                *certificate = SSL_get_certificate(ssl);
    const mecai_set_t   *set = NULL;
    const mecai_item_t  *item;
    unsigned char       *copy;

    if (certificate != NULL) {
        set = find_set(conf, certificate);
    }
    item = set != NULL ? set->ocsp.item : NULL;
    if (item == NULL || item->claims.next_update <= ngx_time()) {
        return SSL_TLSEXT_ERR_NOACK;
    }
    copy = OPENSSL_memdup(item->der, item->size);
    if (copy == NULL) {
        return SSL_TLSEXT_ERR_NOACK;
    }
    SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long) item->size);
    return SSL_TLSEXT_ERR_OK;
}


ngx_int_t
mecai_staple_vouchers(SSL_CTX *ctx, mecai_conf_t *conf)
{
    if (request_index == -1) {
        request_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
        if (request_index == -1) {
            return NGX_ERROR;
        }
    }
    /* the callbacks of one ClientHello run in the order of registration */
    if (SSL_CTX_add_custom_ext(ctx, MECAI_EXTENSION_VOUCHER_REQUEST,
                               SSL_EXT_CLIENT_HELLO, NULL, NULL, NULL,
                               parse_request, NULL) != 1)
    {
        return NGX_DECLINED;
    }
    if (SSL_CTX_add_custom_ext(ctx, MECAI_EXTENSION_VOUCHER, VOUCHER_CONTEXT,
                               add_voucher, NULL, conf, parse_voucher, NULL)
        != 1)
    {
        return NGX_DECLINED;
    }
    return NGX_OK;
}


ngx_int_t
mecai_staple_ocsp(SSL_CTX *ctx, mecai_conf_t *conf)
{
    int  (*taken)(SSL *, void *) = NULL;

    SSL_CTX_get_tlsext_status_cb(ctx, &taken);
    if (taken != NULL) {
        return NGX_DECLINED;
    }
    SSL_CTX_set_tlsext_status_cb(ctx, add_staple);
    SSL_CTX_set_tlsext_status_arg(ctx, conf);
    return NGX_OK;
}
