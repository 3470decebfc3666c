/* The voucher module for mail (IMAP, POP3, SMTP): finds the servers. */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_mail.h>

#include "mecai_voucher_configuration.h"

extern ngx_module_t  ngx_mail_module;   /* in no header of nginx */

static char      *ngx_mail_voucher_merge(ngx_conf_t *cf, void *parent,
    void *child);
static ngx_int_t  ngx_mail_voucher_start(ngx_cycle_t *cycle);
static ngx_int_t  ngx_mail_voucher_restart(ngx_cycle_t *cycle);

static ngx_command_t  ngx_mail_voucher_commands[] = {
    MECAI_COMMANDS(NGX_MAIL_MAIN_CONF | NGX_MAIL_SRV_CONF,
                   NGX_MAIL_SRV_CONF_OFFSET, NGX_MAIL_MAIN_CONF,
                   NGX_MAIL_MAIN_CONF_OFFSET),
    ngx_null_command
};

static ngx_mail_module_t  ngx_mail_voucher_module_ctx = {
    .create_main_conf = mecai_create_main,
    .init_main_conf = mecai_init_main,
    .create_srv_conf = mecai_create_conf,
    .merge_srv_conf = ngx_mail_voucher_merge,
};

ngx_module_t  ngx_mail_voucher_module = {
    NGX_MODULE_V1,
    &ngx_mail_voucher_module_ctx,
    ngx_mail_voucher_commands,
    NGX_MAIL_MODULE,
    NULL,                           /* init_master */
    ngx_mail_voucher_restart,       /* init_module */
    ngx_mail_voucher_start,         /* init_process */
    NULL,                           /* init_thread */
    NULL,                           /* exit_thread */
    NULL,                           /* exit_process */
    NULL,                           /* exit_master */
    NGX_MODULE_V1_PADDING
};


/* Returns the directives of the block; NULL: there is none. */
static mecai_main_t *
ngx_mail_voucher_main(const ngx_cycle_t *cycle)
{
    ngx_mail_conf_ctx_t  *mail;

    mail = (ngx_mail_conf_ctx_t *) ngx_get_conf(cycle->conf_ctx,
                                                ngx_mail_module);
    return mail != NULL ? mail->main_conf[ngx_mail_voucher_module.ctx_index]
                        : NULL;
}


static ngx_int_t
ngx_mail_voucher_start(ngx_cycle_t *cycle)
{
    return mecai_start(ngx_mail_voucher_main(cycle));
}


static ngx_int_t
ngx_mail_voucher_restart(ngx_cycle_t *cycle)
{
    return mecai_restart(cycle, ngx_mail_voucher_main(cycle));
}


static ngx_int_t
ngx_mail_voucher_init(ngx_conf_t *cf, ngx_mail_core_main_conf_t *main,
    mecai_main_t *mine)
{
    ngx_mail_core_srv_conf_t  **blocks = main->servers.elts;

    for (ngx_uint_t i = 0; i < main->servers.nelts; i++) {
        void                **confs = blocks[i]->ctx->srv_conf;
        ngx_mail_ssl_conf_t  *ssl = confs[ngx_mail_ssl_module.ctx_index];

        if (mecai_add_server(mine, ssl->ssl.ctx,
                             confs[ngx_mail_voucher_module.ctx_index],
                             blocks[i]->file_name, blocks[i]->line)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }
    return mecai_register(cf, mine);
}


/*
 * nginx's mail knows no postconfiguration. Its own modules stand before this
 * one, so every TLS context is complete where the last server is merged.
 */
static char *
ngx_mail_voucher_merge(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_mail_conf_ctx_t         *mail = cf->ctx;
    ngx_mail_core_main_conf_t   *main;
    ngx_mail_core_srv_conf_t   **blocks;

    if (mecai_merge_conf(cf, parent, child) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }
    main = mail->main_conf[ngx_mail_core_module.ctx_index];
    blocks = main->servers.elts;
    if (blocks[main->servers.nelts - 1]->ctx != mail) {
        return NGX_CONF_OK;
    }
    if (ngx_mail_voucher_init(cf, main,
            mail->main_conf[ngx_mail_voucher_module.ctx_index])
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }
    return NGX_CONF_OK;
}
