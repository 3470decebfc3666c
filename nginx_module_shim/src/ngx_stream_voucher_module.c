/* The voucher module for stream: finds the servers and hands them to the core. */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_stream.h>

#include "mecai_voucher_core.h"

#if (nginx_version >= 1025005)
typedef ngx_stream_ssl_srv_conf_t  ngx_stream_voucher_ssl_conf_t;
#else
typedef ngx_stream_ssl_conf_t  ngx_stream_voucher_ssl_conf_t;
#endif

static ngx_int_t  ngx_stream_voucher_init(ngx_conf_t *cf);

static ngx_command_t  ngx_stream_voucher_commands[] = {
    MECAI_COMMANDS(NGX_STREAM_MAIN_CONF | NGX_STREAM_SRV_CONF, NGX_STREAM_SRV_CONF_OFFSET)
};

static ngx_stream_module_t  ngx_stream_voucher_module_ctx = {
    .postconfiguration = ngx_stream_voucher_init,
    .create_srv_conf = mecai_create_conf,
    .merge_srv_conf = mecai_merge_conf,
};

ngx_module_t  ngx_stream_voucher_module = {
    NGX_MODULE_V1,
    &ngx_stream_voucher_module_ctx,
    ngx_stream_voucher_commands,
    NGX_STREAM_MODULE,
    NULL, NULL, NULL, NULL, NULL, NULL, NULL,
    NGX_MODULE_V1_PADDING
};


/* Runs after every merge, when each server's TLS context is complete. */
static ngx_int_t
ngx_stream_voucher_init(ngx_conf_t *cf)
{
    ngx_stream_core_main_conf_t  *main = ngx_stream_conf_get_module_main_conf(cf, ngx_stream_core_module);
    ngx_stream_core_srv_conf_t  **blocks = main->servers.elts;
    ngx_array_t                *servers = ngx_array_create(cf->temp_pool, 4, sizeof(mecai_server_t));
    ngx_uint_t                  i;

    if (servers == NULL) {
        return NGX_ERROR;
    }
    for (i = 0; i < main->servers.nelts; i++) {
        void                    **confs = blocks[i]->ctx->srv_conf;
        ngx_stream_voucher_ssl_conf_t  *ssl = confs[ngx_stream_ssl_module.ctx_index];
        mecai_server_t           *server;

        if (ssl->ssl.ctx == NULL) {
            continue;
        }
        server = ngx_array_push(servers);
        if (server == NULL) {
            return NGX_ERROR;
        }
        server->ctx = ssl->ssl.ctx;
        server->conf = confs[ngx_stream_voucher_module.ctx_index];
        server->file = blocks[i]->file_name;
        server->line = blocks[i]->line;
    }
    return mecai_register(cf, servers->elts, servers->nelts);
}
