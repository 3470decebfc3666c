/* The voucher module for http: finds the servers. */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "mecai_voucher_configuration.h"

static ngx_int_t  ngx_http_voucher_init(ngx_conf_t *cf);
static ngx_int_t  ngx_http_voucher_start(ngx_cycle_t *cycle);

static ngx_command_t  ngx_http_voucher_commands[] = {
    MECAI_COMMANDS(NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF,
                   NGX_HTTP_SRV_CONF_OFFSET)
};

static ngx_http_module_t  ngx_http_voucher_module_ctx = {
    .postconfiguration = ngx_http_voucher_init,
    .create_main_conf = mecai_create_stores,
    .create_srv_conf = mecai_create_conf,
    .merge_srv_conf = mecai_merge_conf,
};

ngx_module_t  ngx_http_voucher_module = {
    NGX_MODULE_V1,
    &ngx_http_voucher_module_ctx,
    ngx_http_voucher_commands,
    NGX_HTTP_MODULE,
    NULL,                           /* init_master */
    NULL,                           /* init_module */
    ngx_http_voucher_start,         /* init_process */
    NULL,                           /* init_thread */
    NULL,                           /* exit_thread */
    NULL,                           /* exit_process */
    NULL,                           /* exit_master */
    NGX_MODULE_V1_PADDING
};


static ngx_int_t
ngx_http_voucher_start(ngx_cycle_t *cycle)
{
    mecai_stores_t  *stores;

    stores = ngx_http_cycle_get_module_main_conf(cycle,
                                                 ngx_http_voucher_module);
    return mecai_start_reading(stores);
}


/* Adds a server to the list if it has a TLS context. */
static ngx_int_t
ngx_http_voucher_add(ngx_array_t *servers, ngx_http_core_srv_conf_t *block)
{
    void                   **confs = block->ctx->srv_conf;
    ngx_http_ssl_srv_conf_t *ssl = confs[ngx_http_ssl_module.ctx_index];
    mecai_server_t          *server;

    if (ssl->ssl.ctx == NULL) {
        return NGX_OK;
    }
    server = ngx_array_push(servers);
    if (server == NULL) {
        return NGX_ERROR;
    }
    server->ctx = ssl->ssl.ctx;
    server->conf = confs[ngx_http_voucher_module.ctx_index];
    server->file = block->file_name;
    server->line = block->line;
    return NGX_OK;
}


/* Runs after every merge, when each server's TLS context is complete. */
static ngx_int_t
ngx_http_voucher_init(ngx_conf_t *cf)
{
    ngx_http_core_main_conf_t  *main;
    ngx_http_core_srv_conf_t  **blocks;
    mecai_stores_t             *stores;
    ngx_array_t                *servers;

    main = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);
    stores = ngx_http_conf_get_module_main_conf(cf, ngx_http_voucher_module);
    servers = ngx_array_create(cf->temp_pool, 4, sizeof(mecai_server_t));
    if (servers == NULL) {
        return NGX_ERROR;
    }
    blocks = main->servers.elts;
    for (ngx_uint_t i = 0; i < main->servers.nelts; i++) {
        if (ngx_http_voucher_add(servers, blocks[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }
    return mecai_register(cf, servers->elts, servers->nelts, stores);
}
