/* What the http and the stream module share: see the header. */

#include "mecai_voucher_core.h"
#include "mecai_voucher_choose.h"

#include <ngx_event.h>

#include <openssl/err.h>

#define DEFAULT_DIRECTORY  "/var/lib/mecai-sidecar/staples"

enum {
    /* With a chain of two RSA-2048 certificates, a staple and the rest of the server's first flight (5 KB together)
     * this stays under 12.2 KB, beyond which a new connection needs another round trip. */
    DEFAULT_MAX_SIZE = 7168,
    LEAST_MAX_SIZE = 512,
    STAPLE_OVERHEAD = 8,            /* extension type and length, status type, length of the response */
};

static char *check_max_size(ngx_conf_t *cf, void *post, void *data);

ngx_conf_post_t  mecai_max_size_bounds = { check_max_size };

/*
 * The request of a connection, as ex_data of its SSL, in the memory of its connection. The index has no callbacks: it
 * stays with OpenSSL when a reload unloads this shared object, and a callback would then point into nothing.
 */
static int  request_index = -1;


/* Refuses a ClientHello. With this reason first in the queue nginx logs as for any bad client: at level info. */
static int
refuse(int *alert, int description, const char *why)
{
    ERR_raise_data(ERR_LIB_SSL, SSL_R_CLIENTHELLO_TLSEXT, "%s", why);
    *alert = description;
    return 0;
}


/*
 * Runs on the context of the default server, before SNI selects another: it must not depend on a configuration.
 * OpenSSL calls it again for the second ClientHello of a HelloRetryRequest.
 */
static int
parse_request(SSL *ssl, unsigned int type, unsigned int context, const unsigned char *in, size_t size, X509 *x509,
    size_t chain_index, int *alert, void *arg)
{
    ngx_connection_t  *c = ngx_ssl_get_connection(ssl);
    mecai_request_t   *request = SSL_get_ex_data(ssl, request_index);

    if (request == NULL) {
        request = ngx_palloc(c->pool, sizeof(*request));
        if (request == NULL || SSL_set_ex_data(ssl, request_index, request) != 1) {
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
        return refuse(alert, SSL_AD_DECODE_ERROR, "voucher_request does not decode");
    default:
        return refuse(alert, SSL_AD_ILLEGAL_PARAMETER, "voucher_request has an illegal value");
    }
}


/* Returns the request that came with this handshake, or NULL. */
static const mecai_request_t *
request_of(const SSL *ssl)
{
    const mecai_request_t  *request = SSL_get_ex_data(ssl, request_index);

    return request != NULL && request->candidate_count > 0 ? request : NULL;
}


/* The client's own extension `voucher` must be empty; who sends no voucher_request may mean something else by it. */
static int
parse_voucher(SSL *ssl, unsigned int type, unsigned int context, const unsigned char *in, size_t size, X509 *x509,
    size_t chain_index, int *alert, void *arg)
{
    if (size != 0 && request_of(ssl) != NULL) {
        return refuse(alert, SSL_AD_DECODE_ERROR, "voucher of a client is not empty");
    }
    return 1;
}


static ngx_int_t
read_address(const struct sockaddr *sockaddr, mecai_address_t *address)
{
    switch (sockaddr->sa_family) {
    case AF_INET:
        mecai_set_address(address, (const uint8_t *) &((const struct sockaddr_in *) sockaddr)->sin_addr, 4);
        return NGX_OK;
#if (NGX_HAVE_INET6)
    case AF_INET6:
        mecai_set_address(address, (const uint8_t *) &((const struct sockaddr_in6 *) sockaddr)->sin6_addr, 16);
        return NGX_OK;
#endif
    default:
        return NGX_DECLINED;
    }
}


/* Finds where the client sees this server: what the proxy in front says, else the connection's own local address. */
static ngx_int_t
local_address(ngx_connection_t *c, mecai_address_t *address)
{
    ngx_addr_t  addr;

    if (c->proxy_protocol != NULL) {
        const ngx_str_t  *text = &c->proxy_protocol->dst_addr;

        if (ngx_parse_addr(c->pool, &addr, text->data, text->len) == NGX_OK) {
            return read_address(addr.sockaddr, address);
        }
    }
    if (ngx_connection_local_sockaddr(c, NULL, 0) != NGX_OK) {
        return NGX_DECLINED;
    }
    return read_address(c->local_sockaddr, address);
}


/* Looks into the store without leaving errors in OpenSSL's queue, where the handshake would trip over them. */
static mecai_set_t *
find_set(const mecai_conf_t *conf, X509 *certificate)
{
    mecai_set_t  *set;

    ERR_set_mark();
    set = mecai_store_find(conf->store, certificate, ngx_time());
    ERR_pop_to_mark();
    return set;
}


/*
 * How many octets the answer may have in this handshake: in TLS 1.3 it shares the extensions of one CertificateEntry,
 * 2^16-1 octets, with the staple.
 */
static size_t
room_for(SSL *ssl, const mecai_conf_t *conf)
{
    const unsigned char  *staple;
    long                  staple_size = SSL_get_tlsext_status_ocsp_resp(ssl, &staple);

    if (staple_size <= 0) {
        return conf->max_size;
    }
    if (staple_size + STAPLE_OVERHEAD > MECAI_ANSWER_MAX - LEAST_MAX_SIZE) {
        return 0;
    }
    return ngx_min(conf->max_size, (size_t) (MECAI_ANSWER_MAX - STAPLE_OVERHEAD - staple_size));
}


/* Runs on the context of the server that SNI selected; OpenSSL calls it only where the client sent `voucher`. */
static int
add_voucher(SSL *ssl, unsigned int type, unsigned int context, const unsigned char **out, size_t *size, X509 *x509,
    size_t chain_index, int *alert, void *arg)
{
    static uint8_t         answer[MECAI_ANSWER_MAX];    /* OpenSSL copies it before the next handshake */

    const mecai_conf_t    *conf = arg;
    const mecai_request_t *request = request_of(ssl);
    ngx_connection_t      *c = ngx_ssl_get_connection(ssl);
    X509                  *certificate = context == SSL_EXT_TLS1_2_SERVER_HELLO ? SSL_get_certificate(ssl) : x509;
    mecai_address_t        address;
    mecai_choice_t         choice;
    mecai_set_t           *set;
    mecai_wish_t           wish = { request, NULL, 0, ngx_time() };
    size_t                 room;

    if (!conf->enable || request == NULL || chain_index != 0 || certificate == NULL || SSL_session_reused(ssl)) {
        return 0;
    }
    set = find_set(conf, certificate);
    room = room_for(ssl, conf);
    if (set == NULL || room == 0) {
        return 0;
    }
    if (conf->addresses != NULL) {
        wish.addresses = conf->addresses->elts;
        wish.address_count = conf->addresses->nelts;
    } else if (local_address(c, &address) == NGX_OK) {
        wish.addresses = &address;
        wish.address_count = 1;
    }
    choice = mecai_choose(&wish, set->vouchers, answer, room);
    if (choice.left_out) {
        ngx_log_error(NGX_LOG_INFO, c->log, 0, "voucher: one was left out, because the answer may have %uz octets; "
                      "see voucher_max_size", room);
    }
    *out = answer;
    *size = choice.size;
    return choice.size > 0;
}


/* Hands the OCSP response for the certificate in use to OpenSSL, which takes the copy. */
static int
add_staple(SSL *ssl, void *arg)
{
    const mecai_conf_t  *conf = arg;
    X509                *certificate = SSL_get_certificate(ssl);
    mecai_set_t         *set = certificate != NULL ? find_set(conf, certificate) : NULL;
    const mecai_item_t  *item = set != NULL ? set->ocsp.item : NULL;
    unsigned char       *copy;

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


static void
log_line(const char *line)
{
    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0, "voucher: %s", line);
}


static void
close_store(void *store)
{
    mecai_store_destroy(store);
}


static mecai_store_t *
open_store(ngx_conf_t *cf, const ngx_str_t *directory)
{
    ngx_pool_cleanup_t  *cleanup = ngx_pool_cleanup_add(cf->pool, 0);

    if (cleanup == NULL) {
        return NULL;
    }
    cleanup->data = mecai_store_create((const char *) directory->data, log_line);
    if (cleanup->data != NULL) {
        cleanup->handler = close_store;
    }
    return cleanup->data;
}


/* Gives each server its store: one per directory. */
static ngx_int_t
open_stores(ngx_conf_t *cf, const mecai_server_t *servers, ngx_uint_t count)
{
    ngx_array_t    *opened = ngx_array_create(cf->temp_pool, 4, sizeof(mecai_conf_t *));
    mecai_conf_t  **known;
    ngx_uint_t      i, j;

    if (opened == NULL) {
        return NGX_ERROR;
    }
    for (i = 0; i < count; i++) {
        mecai_conf_t  *conf = servers[i].conf;

        known = opened->elts;
        for (j = 0; j < opened->nelts && conf->store == NULL; j++) {
            if (ngx_strcmp(known[j]->directory.data, conf->directory.data) == 0) {
                conf->store = known[j]->store;
            }
        }
        if (conf->store != NULL) {
            continue;
        }
        conf->store = open_store(cf, &conf->directory);
        known = ngx_array_push(opened);
        if (conf->store == NULL || known == NULL) {
            return NGX_ERROR;
        }
        *known = conf;
    }
    return NGX_OK;
}


static ngx_int_t
register_extensions(ngx_conf_t *cf, const mecai_server_t *server)
{
    /* in this order: the callbacks of one ClientHello run in the order of registration */
    if (SSL_CTX_add_custom_ext(server->ctx, MECAI_EXTENSION_VOUCHER_REQUEST, SSL_EXT_CLIENT_HELLO, NULL, NULL, NULL,
                               parse_request, NULL) == 1
        && SSL_CTX_add_custom_ext(server->ctx, MECAI_EXTENSION_VOUCHER,
                                  SSL_EXT_CLIENT_HELLO | SSL_EXT_TLS1_2_SERVER_HELLO | SSL_EXT_TLS1_3_CERTIFICATE,
                                  add_voucher, NULL, server->conf, parse_voucher, NULL) == 1)
    {
        return NGX_OK;
    }
    ngx_ssl_error(NGX_LOG_EMERG, cf->log, 0, "voucher: the server at %s:%ui has TLS extension %d or %d registered "
                  "already; take \"ssl_conf_command ServerInfoFile\" out of it", server->file, server->line,
                  MECAI_EXTENSION_VOUCHER, MECAI_EXTENSION_VOUCHER_REQUEST);
    return NGX_ERROR;
}


static ngx_int_t
register_staple(ngx_conf_t *cf, const mecai_server_t *server)
{
    int  (*taken)(SSL *, void *) = NULL;

    SSL_CTX_get_tlsext_status_cb(server->ctx, &taken);
    if (taken != NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "voucher: the server at %s:%ui has both \"voucher_ocsp\" and "
                      "\"ssl_stapling\" on; one of them can answer, so turn the other off", server->file, server->line);
        return NGX_ERROR;
    }
    SSL_CTX_set_tlsext_status_cb(server->ctx, add_staple);
    SSL_CTX_set_tlsext_status_arg(server->ctx, server->conf);
    return NGX_OK;
}


ngx_int_t
mecai_register(ngx_conf_t *cf, const mecai_server_t *servers, ngx_uint_t count)
{
    ngx_uint_t  i, vouchers = 0, staples = 0;

    for (i = 0; i < count; i++) {
        vouchers += servers[i].conf->enable;
        staples += servers[i].conf->ocsp;
    }
    if (vouchers + staples == 0) {
        return NGX_OK;
    }
    if (open_stores(cf, servers, count) != NGX_OK) {
        return NGX_ERROR;
    }
    if (request_index == -1) {
        request_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
        if (request_index == -1) {
            ngx_ssl_error(NGX_LOG_EMERG, cf->log, 0, "voucher: SSL_get_ex_new_index() failed");
            return NGX_ERROR;
        }
    }
    for (i = 0; i < count; i++) {
        if (vouchers > 0 && register_extensions(cf, &servers[i]) != NGX_OK) {
            return NGX_ERROR;
        }
        if (servers[i].conf->ocsp && register_staple(cf, &servers[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }
    return NGX_OK;
}


static char *
check_max_size(ngx_conf_t *cf, void *post, void *data)
{
    size_t  size = *(size_t *) data;

    if (size < LEAST_MAX_SIZE || size > MECAI_ANSWER_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"voucher_max_size\" is %uz; expected %d to %d octets", size,
                           LEAST_MAX_SIZE, MECAI_ANSWER_MAX);
        return NGX_CONF_ERROR;
    }
    return NGX_CONF_OK;
}


char *
mecai_set_addresses(ngx_conf_t *cf, ngx_command_t *command, void *conf)
{
    mecai_conf_t     *mine = conf;
    ngx_str_t        *texts = cf->args->elts;
    mecai_address_t  *address;
    ngx_addr_t        addr;
    ngx_uint_t        i;

    if (mine->addresses == NULL) {
        mine->addresses = ngx_array_create(cf->pool, 2, sizeof(mecai_address_t));
        if (mine->addresses == NULL) {
            return NGX_CONF_ERROR;
        }
    }
    for (i = 1; i < cf->args->nelts; i++) {
        address = ngx_array_push(mine->addresses);
        if (address == NULL) {
            return NGX_CONF_ERROR;
        }
        if (ngx_parse_addr(cf->pool, &addr, texts[i].data, texts[i].len) != NGX_OK
            || read_address(addr.sockaddr, address) != NGX_OK)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" is no IP address; expected for example "
                               "\"voucher_public_address 192.0.2.1 2001:db8::1\"", &texts[i]);
            return NGX_CONF_ERROR;
        }
    }
    return NGX_CONF_OK;
}


void *
mecai_create_conf(ngx_conf_t *cf)
{
    mecai_conf_t  *conf = ngx_pcalloc(cf->pool, sizeof(*conf));

    if (conf != NULL) {
        conf->enable = NGX_CONF_UNSET;
        conf->ocsp = NGX_CONF_UNSET;
        conf->max_size = NGX_CONF_UNSET_SIZE;
    }
    return conf;
}


char *
mecai_merge_conf(ngx_conf_t *cf, void *parent, void *child)
{
    mecai_conf_t  *from = parent, *conf = child;

    ngx_conf_merge_value(conf->enable, from->enable, 0);
    ngx_conf_merge_value(conf->ocsp, from->ocsp, 0);
    ngx_conf_merge_size_value(conf->max_size, from->max_size, DEFAULT_MAX_SIZE);
    ngx_conf_merge_str_value(conf->directory, from->directory, DEFAULT_DIRECTORY);
    if (conf->addresses == NULL) {
        conf->addresses = from->addresses;
    }
    return ngx_conf_full_name(cf->cycle, &conf->directory, 0) == NGX_OK ? NGX_CONF_OK : NGX_CONF_ERROR;
}
