/*
 * What the http, stream and mail modules share: the directives, and the
 * registration on every TLS context.
 */

#ifndef MECAI_VOUCHER_CONFIGURATION_H
#define MECAI_VOUCHER_CONFIGURATION_H

#include <ngx_config.h>
#include <ngx_core.h>

#include "mecai_voucher_handshake.h"
#include "mecai_voucher_memory.h"
#include "mecai_voucher_timer.h"

#pragma GCC visibility push(hidden)

/* One server of a configuration. */
typedef struct {
    SSL_CTX        *ctx;                        /* NULL: without TLS */
    mecai_conf_t   *conf;
    u_char         *file;                       /* where its block stands */
    ngx_uint_t      line;
} mecai_server_t;

/* The directives of the whole block, and what its servers share. */
typedef struct {
    size_t           zone_size;
    ngx_msec_t       refresh;
    bool             status;                    /* is shown somewhere */
    ngx_shm_zone_t  *memory;    /* NULL: nobody staples or shows the status */
    mecai_access_t   access;
    mecai_stores_t   stores;
    ngx_array_t      servers;                   /* of mecai_server_t */
} mecai_main_t;

/* The directives of servers, for a module whose server configuration lies at
 * `offset` and which takes them where `where` says; those of the block lie at
 * `main_offset`. */
#define MECAI_COMMANDS(where, offset, main_where, main_offset)                 \
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
    { ngx_string("voucher_zone"), (main_where) | NGX_CONF_TAKE1,               \
      ngx_conf_set_size_slot, main_offset, offsetof(mecai_main_t, zone_size),  \
      &mecai_zone_size_bounds },                                               \
    { ngx_string("voucher_refresh"), (main_where) | NGX_CONF_TAKE1,            \
      ngx_conf_set_msec_slot, main_offset, offsetof(mecai_main_t, refresh),    \
      &mecai_refresh_bounds }

extern ngx_conf_post_t  mecai_max_size_bounds;
extern ngx_conf_post_t  mecai_zone_size_bounds;
extern ngx_conf_post_t  mecai_refresh_bounds;

char *mecai_set_addresses(ngx_conf_t *cf, ngx_command_t *command, void *conf);
void *mecai_create_main(ngx_conf_t *cf);
char *mecai_init_main(ngx_conf_t *cf, void *conf);
void *mecai_create_conf(ngx_conf_t *cf);
char *mecai_merge_conf(ngx_conf_t *cf, void *parent, void *child);

/* Adds a server of the block, before mecai_register(). */
ngx_int_t mecai_add_server(mecai_main_t *main, SSL_CTX *ctx, mecai_conf_t *conf,
                           u_char *file, ngx_uint_t line);

/*
 * Registers the extensions on every context once any server uses the module,
 * and adds to the stores of `main` what their handshakes will ask. No file is
 * read: this runs as root.
 */
ngx_int_t mecai_register(ngx_conf_t *cf, mecai_main_t *main);

/* Begins to read; for init_process. `main` may be NULL. */
ngx_int_t mecai_start(mecai_main_t *main);

/*
 * The same after a reload; for init_module. With "master_process off" the one
 * process goes on, and nginx calls no init_process again.
 */
ngx_int_t mecai_restart(ngx_cycle_t *cycle, mecai_main_t *main);

#pragma GCC visibility pop

#endif
