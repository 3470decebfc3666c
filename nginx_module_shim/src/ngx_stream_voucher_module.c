/* The voucher module for stream: finds the servers. */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_stream.h>

#include "mecai_voucher_configuration.h"

#if (nginx_version >= 1025005)
typedef ngx_stream_ssl_srv_conf_t  ngx_stream_voucher_ssl_conf_t;
#else
typedef ngx_stream_ssl_conf_t  ngx_stream_voucher_ssl_conf_t;
#endif

static ngx_int_t  ngx_stream_voucher_variables(ngx_conf_t *cf);
static ngx_int_t  ngx_stream_voucher_init(ngx_conf_t *cf);
static ngx_int_t  ngx_stream_voucher_start(ngx_cycle_t *cycle);
static ngx_int_t  ngx_stream_voucher_restart(ngx_cycle_t *cycle);

static ngx_command_t  ngx_stream_voucher_commands[] = {
    MECAI_COMMANDS(NGX_STREAM_MAIN_CONF | NGX_STREAM_SRV_CONF,
                   NGX_STREAM_SRV_CONF_OFFSET, NGX_STREAM_MAIN_CONF,
                   NGX_STREAM_MAIN_CONF_OFFSET),
    ngx_null_command
};

static ngx_stream_module_t  ngx_stream_voucher_module_ctx = {
    .preconfiguration = ngx_stream_voucher_variables,
    .postconfiguration = ngx_stream_voucher_init,
    .create_main_conf = mecai_create_main,
    .init_main_conf = mecai_init_main,
    .create_srv_conf = mecai_create_conf,
    .merge_srv_conf = mecai_merge_conf,
};

ngx_module_t  ngx_stream_voucher_module = {
    NGX_MODULE_V1,
    &ngx_stream_voucher_module_ctx,
    ngx_stream_voucher_commands,
    NGX_STREAM_MODULE,
    NULL,                           /* init_master */
    ngx_stream_voucher_restart,     /* init_module */
    ngx_stream_voucher_start,       /* init_process */
    NULL,                           /* init_thread */
    NULL,                           /* exit_thread */
    NULL,                           /* exit_process */
    NULL,                           /* exit_master */
    NGX_MODULE_V1_PADDING
};


static ngx_int_t
ngx_stream_voucher_start(ngx_cycle_t *cycle)
{
    return mecai_start(ngx_stream_cycle_get_module_main_conf(cycle,
                       ngx_stream_voucher_module));
}


static ngx_int_t
ngx_stream_voucher_restart(ngx_cycle_t *cycle)
{
    return mecai_restart(cycle, ngx_stream_cycle_get_module_main_conf(cycle,
                                ngx_stream_voucher_module));
}


static ngx_int_t
ngx_stream_voucher_variable(ngx_stream_session_t *s,
    ngx_stream_variable_value_t *v, uintptr_t what)
{
    ngx_connection_t  *c = s->connection;

    if (c->ssl == NULL || !c->ssl->handshaked) {
        /* who looks before the handshake fixes nothing for the log: nginx keeps
         * what is valid or not found */
        v->valid = v->not_found = v->no_cacheable = 0;
        v->len = 0;
        v->data = (u_char *) "";
        return NGX_OK;
    }
    return mecai_show(c, what, c->pool, v);
}


static ngx_int_t
ngx_stream_voucher_variables(ngx_conf_t *cf)
{
    static ngx_str_t        names[] = { MECAI_VARIABLES };

    ngx_stream_variable_t  *variable;

    for (ngx_uint_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        variable = ngx_stream_add_variable(cf, &names[i], 0);
        if (variable == NULL) {
            return NGX_ERROR;
        }
        variable->get_handler = ngx_stream_voucher_variable;
        variable->data = i;
    }
    return NGX_OK;
}


/* Runs after every merge, when each server's TLS context is complete. */
static ngx_int_t
ngx_stream_voucher_init(ngx_conf_t *cf)
{
    ngx_stream_core_main_conf_t  *main;
    ngx_stream_core_srv_conf_t  **blocks;
    mecai_main_t                 *mine;

    main = ngx_stream_conf_get_module_main_conf(cf, ngx_stream_core_module);
    mine = ngx_stream_conf_get_module_main_conf(cf, ngx_stream_voucher_module);
    blocks = main->servers.elts;
    for (ngx_uint_t i = 0; i < main->servers.nelts; i++) {
        void                          **confs = blocks[i]->ctx->srv_conf;
        ngx_stream_voucher_ssl_conf_t  *ssl;

        ssl = confs[ngx_stream_ssl_module.ctx_index];
        if (mecai_add_server(mine, ssl->ssl.ctx,
                             confs[ngx_stream_voucher_module.ctx_index],
                             blocks[i]->file_name, blocks[i]->line)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }
    return mecai_register(cf, mine);
}
