/*
 * The zone as nginx's shared memory: one for http, stream and mail, which a
 * reload keeps.
 */

#ifndef MECAI_VOUCHER_MEMORY_H
#define MECAI_VOUCHER_MEMORY_H

#include <ngx_config.h>
#include <ngx_core.h>

#include "mecai_voucher_zone.h"

#pragma GCC visibility push(hidden)

/*
 * Asks nginx for the zone; `size` 0 takes the other module's, or the default.
 * Two sizes are a configuration error. Its `data` is a mecai_until_t of each
 * process, 0 at first, which all blocks share.
 */
ngx_shm_zone_t *mecai_add_memory(ngx_conf_t *cf, size_t size);

/* Fills in how this process reaches the zone, once nginx has made it. */
void mecai_attach(ngx_shm_zone_t *memory, mecai_access_t *access);

#pragma GCC visibility pop

#endif
