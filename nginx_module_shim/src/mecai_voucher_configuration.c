/* What the http, stream and mail modules share: see the header. */

#include "mecai_voucher_configuration.h"
#include "mecai_voucher_address.h"

#define DEFAULT_DIRECTORY  "/var/lib/mecai-sidecar/staples"

enum {
    /* With a chain of two RSA-2048 certificates, a staple and the rest of the
     * server's first flight (5 KB together) this stays under 12.2 KB, beyond
     * which a new connection needs another round trip. */
    DEFAULT_MAX_SIZE = 7168,
    LEAST_MAX_SIZE = 512,
    DEFAULT_REFRESH_MS = 1000,
    LEAST_REFRESH_MS = 100,
    MOST_REFRESH_MS = 60 * 1000,
};

static char *check_max_size(ngx_conf_t *cf, void *post, void *data);
static char *check_zone_size(ngx_conf_t *cf, void *post, void *data);
static char *check_refresh(ngx_conf_t *cf, void *post, void *data);

ngx_conf_post_t  mecai_max_size_bounds = { check_max_size };
ngx_conf_post_t  mecai_zone_size_bounds = { check_zone_size };
ngx_conf_post_t  mecai_refresh_bounds = { check_refresh };


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


static char *
check_zone_size(ngx_conf_t *cf, void *post, void *data)
{
    size_t  size = *(size_t *) data;

    if (size < MECAI_ZONE_SIZE_MIN) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"voucher_zone\" is %uz; "
                           "expected %d octets or more", size,
                           MECAI_ZONE_SIZE_MIN);
        return NGX_CONF_ERROR;
    }
    return NGX_CONF_OK;
}


static char *
check_refresh(ngx_conf_t *cf, void *post, void *data)
{
    ngx_msec_t  refresh = *(ngx_msec_t *) data;

    if (refresh < LEAST_REFRESH_MS || refresh > MOST_REFRESH_MS) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"voucher_refresh\" is %M "
                           "ms; expected %dms to %dms", refresh,
                           LEAST_REFRESH_MS, MOST_REFRESH_MS);
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
mecai_create_main(ngx_conf_t *cf)
{
    mecai_main_t  *main = ngx_pcalloc(cf->pool, sizeof(*main));

    if (main == NULL
        || ngx_array_init(&main->stores, cf->pool, 1, sizeof(mecai_store_t *))
           != NGX_OK
        || ngx_array_init(&main->servers, cf->pool, 4, sizeof(mecai_server_t))
           != NGX_OK)
    {
        return NULL;
    }
    main->zone_size = NGX_CONF_UNSET_SIZE;
    main->refresh = NGX_CONF_UNSET_MSEC;
    return main;
}


char *
mecai_init_main(ngx_conf_t *cf, void *conf)
{
    mecai_main_t  *main = conf;

    ngx_conf_init_size_value(main->zone_size, 0);
    ngx_conf_init_msec_value(main->refresh, DEFAULT_REFRESH_MS);
    return NGX_CONF_OK;
}


void *
mecai_create_conf(ngx_conf_t *cf)
{
    mecai_conf_t  *conf = ngx_pcalloc(cf->pool, sizeof(*conf));

    if (conf != NULL) {
        conf->cycle = cf->cycle;
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
    ngx_str_t     *directory = &conf->directory;

    conf->said = conf->enable == 1 || conf->ocsp == 1;
    ngx_conf_merge_value(conf->enable, from->enable, 0);
    ngx_conf_merge_value(conf->ocsp, from->ocsp, 0);
    ngx_conf_merge_size_value(conf->max_size, from->max_size, DEFAULT_MAX_SIZE);
    ngx_conf_merge_str_value(conf->directory, from->directory,
                             DEFAULT_DIRECTORY);
    if (conf->addresses == NULL) {
        conf->addresses = from->addresses;
    }
    /* "/a" and "/a/" are one directory, to be read once */
    while (directory->len > 1 && directory->data[directory->len - 1] == '/') {
        directory->data[--directory->len] = '\0';
    }
    return ngx_conf_full_name(cf->cycle, directory, 0) == NGX_OK
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}
