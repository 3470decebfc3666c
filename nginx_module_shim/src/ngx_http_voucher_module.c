/* The voucher module for http: finds the servers. */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "mecai_voucher_status.h"

static ngx_int_t  ngx_http_voucher_variables(ngx_conf_t *cf);
static ngx_int_t  ngx_http_voucher_init(ngx_conf_t *cf);
static ngx_int_t  ngx_http_voucher_start(ngx_cycle_t *cycle);
static ngx_int_t  ngx_http_voucher_restart(ngx_cycle_t *cycle);
static char      *ngx_http_voucher_set_status(ngx_conf_t *cf,
    ngx_command_t *command, void *conf);

static ngx_command_t  ngx_http_voucher_commands[] = {
    MECAI_COMMANDS(NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF,
                   NGX_HTTP_SRV_CONF_OFFSET, NGX_HTTP_MAIN_CONF,
                   NGX_HTTP_MAIN_CONF_OFFSET),
    { ngx_string("voucher_status"),
      NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF | NGX_CONF_NOARGS,
      ngx_http_voucher_set_status, 0, 0, NULL },
    ngx_null_command
};

static ngx_http_module_t  ngx_http_voucher_module_ctx = {
    .preconfiguration = ngx_http_voucher_variables,
    .postconfiguration = ngx_http_voucher_init,
    .create_main_conf = mecai_create_main,
    .init_main_conf = mecai_init_main,
    .create_srv_conf = mecai_create_conf,
    .merge_srv_conf = mecai_merge_conf,
};

ngx_module_t  ngx_http_voucher_module = {
    NGX_MODULE_V1,
    &ngx_http_voucher_module_ctx,
    ngx_http_voucher_commands,
    NGX_HTTP_MODULE,
    NULL,                           /* init_master */
    ngx_http_voucher_restart,       /* init_module */
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
    return mecai_start(ngx_http_cycle_get_module_main_conf(cycle,
                       ngx_http_voucher_module));
}


static ngx_int_t
ngx_http_voucher_restart(ngx_cycle_t *cycle)
{
    return mecai_restart(cycle, ngx_http_cycle_get_module_main_conf(cycle,
                                ngx_http_voucher_module));
}


static ngx_int_t
ngx_http_voucher_variable(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t what)
{
    return mecai_show(r->connection, what, r->pool, v);
}


static ngx_int_t
ngx_http_voucher_variables(ngx_conf_t *cf)
{
    static ngx_str_t      names[] = { MECAI_VARIABLES };

    ngx_http_variable_t  *variable;

    for (ngx_uint_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        variable = ngx_http_add_variable(cf, &names[i], 0);
        if (variable == NULL) {
            return NGX_ERROR;
        }
        variable->get_handler = ngx_http_voucher_variable;
        variable->data = i;
    }
    return NGX_OK;
}


static ngx_int_t
ngx_http_voucher_status(ngx_http_request_t *r)
{
    ngx_str_t      type = ngx_string("application/json"), text;
    mecai_main_t  *main = ngx_http_get_module_main_conf(r,
                                                    ngx_http_voucher_module);
    ngx_http_complex_value_t  value;

    if (!(r->method & (NGX_HTTP_GET | NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }
    if (mecai_write_status(&main->access, r->pool, &text) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    ngx_memzero(&value, sizeof(value));
    value.value = text;
    return ngx_http_send_response(r, NGX_HTTP_OK, &type, &value);
}


static char *
ngx_http_voucher_set_status(ngx_conf_t *cf, ngx_command_t *command, void *conf)
{
    ngx_http_core_loc_conf_t  *location;
    mecai_main_t              *main;

    main = ngx_http_conf_get_module_main_conf(cf, ngx_http_voucher_module);
    main->status = 1;
    location = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    location->handler = ngx_http_voucher_status;
    return NGX_CONF_OK;
}


/* Runs after every merge, when each server's TLS context is complete. */
static ngx_int_t
ngx_http_voucher_init(ngx_conf_t *cf)
{
    ngx_http_core_main_conf_t  *main;
    ngx_http_core_srv_conf_t  **blocks;
    mecai_main_t               *mine;

    main = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);
    mine = ngx_http_conf_get_module_main_conf(cf, ngx_http_voucher_module);
    blocks = main->servers.elts;
    for (ngx_uint_t i = 0; i < main->servers.nelts; i++) {
        void                    **confs = blocks[i]->ctx->srv_conf;
        ngx_http_ssl_srv_conf_t  *ssl = confs[ngx_http_ssl_module.ctx_index];

        if (mecai_add_server(mine, ssl->ssl.ctx,
                             confs[ngx_http_voucher_module.ctx_index],
                             blocks[i]->file_name, blocks[i]->line)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }
    return mecai_register(cf, mine);
}
