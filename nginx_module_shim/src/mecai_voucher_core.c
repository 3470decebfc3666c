/* What the http and the stream module share: see the header. */

#include "mecai_voucher_core.h"

#include <ngx_event.h>

#define DEFAULT_DIRECTORY  "/var/lib/mecai-sidecar/staples"

enum {
    /* With a chain of two RSA-2048 certificates, a staple and the rest of the server's first flight (5 KB together)
     * this stays under 12.2 KB, beyond which a new connection needs another round trip. */
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
register_vouchers(ngx_conf_t *cf, const mecai_server_t *server)
{
    if (mecai_staple_vouchers(server->ctx, server->conf) == NGX_OK) {
        return NGX_OK;
    }
    ngx_ssl_error(NGX_LOG_EMERG, cf->log, 0, "voucher: the server at %s:%ui has TLS extension %d or %d registered "
                  "already; take \"ssl_conf_command ServerInfoFile\" out of it", server->file, server->line,
                  MECAI_EXTENSION_VOUCHER, MECAI_EXTENSION_VOUCHER_REQUEST);
    return NGX_ERROR;
}


static ngx_int_t
register_ocsp(ngx_conf_t *cf, const mecai_server_t *server)
{
    if (mecai_staple_ocsp(server->ctx, server->conf) == NGX_OK) {
        return NGX_OK;
    }
    ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "voucher: the server at %s:%ui has both \"voucher_ocsp\" and "
                  "\"ssl_stapling\" on; one of them can answer, so turn the other off", server->file, server->line);
    return NGX_ERROR;
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
    for (i = 0; i < count; i++) {
        if (vouchers > 0 && register_vouchers(cf, &servers[i]) != NGX_OK) {
            return NGX_ERROR;
        }
        if (servers[i].conf->ocsp && register_ocsp(cf, &servers[i]) != NGX_OK) {
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
            || mecai_read_address(addr.sockaddr, address) != NGX_OK)
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
