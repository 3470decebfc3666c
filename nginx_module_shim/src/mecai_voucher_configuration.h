/*
 * What the http and the stream module share: the directives, and the
 * registration on every TLS context.
 */

#ifndef MECAI_VOUCHER_CONFIGURATION_H
#define MECAI_VOUCHER_CONFIGURATION_H

#include <ngx_config.h>
#include <ngx_core.h>

#include "mecai_voucher_handshake.h"
#include "mecai_voucher_timer.h"

#pragma GCC visibility push(hidden)

/* One server of a configuration that has a TLS context. */
typedef struct {
    SSL_CTX        *ctx;
    mecai_conf_t   *conf;
    u_char         *file;                       /* where its block stands */
    ngx_uint_t      line;
} mecai_server_t;

/* The directives, for a module whose server configuration lies at `offset` and
 * which takes them where `where` says. */
#define MECAI_COMMANDS(where, offset)                                          \
    { ngx_string("voucher"), (where) | NGX_CONF_FLAG, ngx_conf_set_flag_slot,  \
      offset, offsetof(mecai_conf_t, enable), NULL },                          \
    { ngx_string("voucher_ocsp"), (where) | NGX_CONF_FLAG,                     \
      ngx_conf_set_flag_slot, offset, offsetof(mecai_conf_t, ocsp), NULL },    \
    { ngx_string("voucher_directory"), (where) | NGX_CONF_TAKE1,               \
      ngx_conf_set_str_slot, offset, offsetof(mecai_conf_t, directory),        \
      NULL },                                                                  \
    { ngx_string("voucher_max_size"), (where) | NGX_CONF_TAKE1,                \
      ngx_conf_set_size_slot, offset, offsetof(mecai_conf_t, max_size),        \
      &mecai_max_size_bounds },                                                \
    { ngx_string("voucher_public_address"), (where) | NGX_CONF_1MORE,          \
      mecai_set_addresses, offset, 0, NULL },                                  \
    ngx_null_command

extern ngx_conf_post_t  mecai_max_size_bounds;

char *mecai_set_addresses(ngx_conf_t *cf, ngx_command_t *command, void *conf);
void *mecai_create_stores(ngx_conf_t *cf);
void *mecai_create_conf(ngx_conf_t *cf);
char *mecai_merge_conf(ngx_conf_t *cf, void *parent, void *child);

/*
 * Registers the extensions on every context once any server uses the module,
 * and adds to `stores` what their handshakes will ask. No file is read: this
 * runs as root.
 */
ngx_int_t mecai_register(ngx_conf_t *cf, const mecai_server_t *servers,
                         ngx_uint_t count, mecai_stores_t *stores);

#pragma GCC visibility pop

#endif
