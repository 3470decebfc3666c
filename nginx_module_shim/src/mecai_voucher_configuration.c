/* What the http and the stream module share: see the header. */

#include "mecai_voucher_configuration.h"

#include <ngx_event.h>

#define DEFAULT_DIRECTORY  "/var/lib/mecai-sidecar/staples"

enum {
    /* With a chain of two RSA-2048 certificates, a staple and the rest of the
     * server's first flight (5 KB together) this stays under 12.2 KB, beyond
     * which a new connection needs another round trip. */
    DEFAULT_MAX_SIZE = 7168,
    LEAST_MAX_SIZE = 512,
};

static char *check_max_size(ngx_conf_t *cf, void *post, void *data);

ngx_conf_post_t  mecai_max_size_bounds = { check_max_size };

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
open_store(ngx_conf_t *cf, const ngx_str_t *directory, mecai_stores_t *stores)
{
    ngx_pool_cleanup_t  *cleanup = ngx_pool_cleanup_add(cf->pool, 0);
    mecai_store_t      **store = ngx_array_push(stores);

    if (cleanup == NULL || store == NULL) {
        return NULL;
    }
    *store = mecai_store_create((const char *) directory->data, log_line);
    if (*store != NULL) {
        cleanup->data = *store;
        cleanup->handler = close_store;
    }
    return *store;
}


/* Finds the store of a server among those of the servers before it. */
static mecai_store_t *
store_of(const mecai_server_t *servers, ngx_uint_t count,
    const ngx_str_t *directory)
{
    for (ngx_uint_t i = 0; i < count; i++) {
        const mecai_conf_t  *conf = servers[i].conf;

        if (conf->store != NULL
            && ngx_strcmp(conf->directory.data, directory->data) == 0)
        {
            return conf->store;
        }
    }
    return NULL;
}


/* Lets a store keep each certificate of a context. */
static ngx_int_t
keep_certificates(mecai_store_t *store, SSL_CTX *ctx)
{
    X509  *current = SSL_CTX_get0_certificate(ctx);
    int    more = SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_FIRST);

    while (more == 1) {
        if (!mecai_store_keep(store, SSL_CTX_get0_certificate(ctx))) {
            return NGX_ERROR;
        }
        more = SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_NEXT);
    }
    if (current != NULL) {
        SSL_CTX_select_current_cert(ctx, current);
    }
    return NGX_OK;
}


/* Gives each server that staples its store: one per directory. */
static ngx_int_t
open_stores(ngx_conf_t *cf, const mecai_server_t *servers, ngx_uint_t count,
    mecai_stores_t *stores)
{
    for (ngx_uint_t i = 0; i < count; i++) {
        mecai_conf_t  *conf = servers[i].conf;

        if (!conf->enable && !conf->ocsp) {
            continue;
        }
        conf->store = store_of(servers, i, &conf->directory);
        if (conf->store == NULL) {
            conf->store = open_store(cf, &conf->directory, stores);
        }
        if (conf->store == NULL
            || keep_certificates(conf->store, servers[i].ctx) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }
    return NGX_OK;
}


static ngx_int_t
register_vouchers(ngx_conf_t *cf, const mecai_server_t *server)
{
    if (mecai_staple_vouchers(server->ctx, server->conf) == NGX_OK) {
        return NGX_OK;
    }
    ngx_ssl_error(NGX_LOG_EMERG, cf->log, 0, "voucher: the server at %s:%ui "
                  "has TLS extension %d or %d registered already; take "
                  "\"ssl_conf_command ServerInfoFile\" out of it",
                  server->file, server->line, MECAI_EXTENSION_VOUCHER,
                  MECAI_EXTENSION_VOUCHER_REQUEST);
    return NGX_ERROR;
}


static ngx_int_t
register_ocsp(ngx_conf_t *cf, const mecai_server_t *server)
{
    if (mecai_staple_ocsp(server->ctx, server->conf) == NGX_OK) {
        return NGX_OK;
    }
    ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "voucher: the server at %s:%ui "
                  "has both \"voucher_ocsp\" and \"ssl_stapling\" on; one of "
                  "them can answer, so turn the other off", server->file,
                  server->line);
    return NGX_ERROR;
}


static ngx_int_t
register_server(ngx_conf_t *cf, const mecai_server_t *server,
    ngx_uint_t vouchers)
{
    if (vouchers > 0 && register_vouchers(cf, server) != NGX_OK) {
        return NGX_ERROR;
    }
    return server->conf->ocsp ? register_ocsp(cf, server) : NGX_OK;
}


ngx_int_t
mecai_register(ngx_conf_t *cf, const mecai_server_t *servers, ngx_uint_t count,
    mecai_stores_t *stores)
{
    ngx_uint_t  i, vouchers = 0;

    if (open_stores(cf, servers, count, stores) != NGX_OK) {
        return NGX_ERROR;
    }
    for (i = 0; i < count; i++) {
        vouchers += servers[i].conf->enable;
    }
    for (i = 0; i < count; i++) {
        if (register_server(cf, &servers[i], vouchers) != NGX_OK) {
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
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"voucher_max_size\" is "
                           "%uz; expected %d to %d octets", size,
                           LEAST_MAX_SIZE, MECAI_ANSWER_MAX);
        return NGX_CONF_ERROR;
    }
    return NGX_CONF_OK;
}


static bool
add_address(ngx_conf_t *cf, ngx_array_t *addresses, const ngx_str_t *text)
{
    mecai_address_t  *address = ngx_array_push(addresses);
    ngx_addr_t        addr;

    return address != NULL
           && ngx_parse_addr(cf->pool, &addr, text->data, text->len) == NGX_OK
           && mecai_read_address(addr.sockaddr, address) == NGX_OK;
}


char *
mecai_set_addresses(ngx_conf_t *cf, ngx_command_t *command, void *conf)
{
    mecai_conf_t  *mine = conf;
    ngx_str_t     *texts = cf->args->elts;

    if (mine->addresses == NULL) {
        mine->addresses = ngx_array_create(cf->pool, 2,
                                           sizeof(mecai_address_t));
        if (mine->addresses == NULL) {
            return NGX_CONF_ERROR;
        }
    }
    for (ngx_uint_t i = 1; i < cf->args->nelts; i++) {
        if (!add_address(cf, mine->addresses, &texts[i])) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" is no IP "
                               "address; expected for example "
                               "\"voucher_public_address 192.0.2.1 "
                               "2001:db8::1\"", &texts[i]);
            return NGX_CONF_ERROR;
        }
    }
    return NGX_CONF_OK;
}


void *
mecai_create_stores(ngx_conf_t *cf)
{
    return ngx_array_create(cf->pool, 1, sizeof(mecai_store_t *));
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
    ngx_conf_merge_str_value(conf->directory, from->directory,
                             DEFAULT_DIRECTORY);
    if (conf->addresses == NULL) {
        conf->addresses = from->addresses;
    }
    if (ngx_conf_full_name(cf->cycle, &conf->directory, 0) != NGX_OK) {
        return NGX_CONF_ERROR;
    }
    return NGX_CONF_OK;
}
