/* Servers get their stores and extensions: see mecai_voucher_configuration.h */

#include "mecai_voucher_configuration.h"

#include <ngx_event.h>


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
open_store(ngx_conf_t *cf, const ngx_str_t *directory, mecai_main_t *main)
{
    ngx_pool_cleanup_t  *cleanup = ngx_pool_cleanup_add(cf->pool, 0);
    mecai_store_t      **store = ngx_array_push(&main->stores);

    if (cleanup == NULL || store == NULL) {
        return NULL;
    }
    *store = mecai_store_create((const char *) directory->data, &main->access,
                                log_line);
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
    mecai_main_t *main)
{
    for (ngx_uint_t i = 0; i < count; i++) {
        mecai_conf_t  *conf = servers[i].conf;

        /* one that is off counts who asks it */
        conf->access = &main->access;
        if (servers[i].ctx == NULL || (!conf->enable && !conf->ocsp)) {
            continue;
        }
        conf->store = store_of(servers, i, &conf->directory);
        if (conf->store == NULL) {
            conf->store = open_store(cf, &conf->directory, main);
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


/*
 * OpenSSL compresses certificates once and ahead: what is stapled in the
 * handshake never reaches clients that take them compressed.
 */
static ngx_int_t
refuse_compression(ngx_conf_t *cf, const mecai_server_t *server)
{
#if (defined SSL_OP_NO_TX_CERTIFICATE_COMPRESSION && nginx_version >= 1029002)
    uint64_t  options = SSL_CTX_get_options(server->ctx);

    if ((options & SSL_OP_NO_TX_CERTIFICATE_COMPRESSION) == 0) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "voucher: the server at "
                      "%s:%ui has \"ssl_certificate_compression\" on, which "
                      "keeps vouchers and staples from clients that take "
                      "compressed certificates; turn it off", server->file,
                      server->line);
        return NGX_ERROR;
    }
#endif
    return NGX_OK;
}


static ngx_int_t
register_server(ngx_conf_t *cf, const mecai_server_t *server,
    ngx_uint_t vouchers)
{
    if (server->ctx == NULL) {
        if (server->conf->said) {
            ngx_log_error(NGX_LOG_WARN, cf->log, 0, "voucher: the server at "
                          "%s:%ui has \"voucher\" or \"voucher_ocsp\" on and "
                          "no TLS; it staples nothing", server->file,
                          server->line);
        }
        return NGX_OK;
    }
    if (server->conf->store != NULL
        && refuse_compression(cf, server) != NGX_OK)
    {
        return NGX_ERROR;
    }
    if (vouchers > 0 && register_vouchers(cf, server) != NGX_OK) {
        return NGX_ERROR;
    }
    return server->conf->ocsp ? register_ocsp(cf, server) : NGX_OK;
}


ngx_int_t
mecai_add_server(mecai_main_t *main, SSL_CTX *ctx, mecai_conf_t *conf,
    u_char *file, ngx_uint_t line)
{
    mecai_server_t  *server = ngx_array_push(&main->servers);

    if (server == NULL) {
        return NGX_ERROR;
    }
    *server = (mecai_server_t) { ctx, conf, file, line };
    return NGX_OK;
}


ngx_int_t
mecai_register(ngx_conf_t *cf, mecai_main_t *main)
{
    const mecai_server_t  *servers = main->servers.elts;
    ngx_uint_t             i, count = main->servers.nelts, vouchers = 0;

    if (open_stores(cf, servers, count, main) != NGX_OK) {
        return NGX_ERROR;
    }
    /* the status is that of all blocks: it needs the zone where another block
     * staples, or none */
    if (main->stores.nelts > 0 || main->status) {
        main->memory = mecai_add_memory(cf, main->zone_size);
        if (main->memory == NULL || mecai_prepare_exchanges() != NGX_OK) {
            return NGX_ERROR;
        }
    }
    for (i = 0; i < count; i++) {
        vouchers += servers[i].conf->store != NULL && servers[i].conf->enable;
    }
    for (i = 0; i < count; i++) {
        if (register_server(cf, &servers[i], vouchers) != NGX_OK) {
            return NGX_ERROR;
        }
    }
    return NGX_OK;
}


static ngx_int_t
start(mecai_main_t *main)
{
    if (main == NULL || main->memory == NULL) {
        return NGX_OK;
    }
    mecai_attach(main->memory, &main->access);
    return mecai_start_reading(&main->stores, main->refresh,
                               main->memory->data);
}


ngx_int_t
mecai_start(mecai_main_t *main)
{
    /* a cache manager is started like a worker, and shakes no hands */
    return ngx_process == NGX_PROCESS_WORKER
           || ngx_process == NGX_PROCESS_SINGLE ? start(main) : NGX_OK;
}


ngx_int_t
mecai_restart(ngx_cycle_t *cycle, mecai_main_t *main)
{
    return ngx_process == NGX_PROCESS_SINGLE
           && !ngx_is_init_cycle(cycle->old_cycle) ? start(main) : NGX_OK;
}
