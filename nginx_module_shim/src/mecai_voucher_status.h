/* The status of the module as JSON, for monitoring. */

#ifndef MECAI_VOUCHER_STATUS_H
#define MECAI_VOUCHER_STATUS_H

#include "mecai_voucher_configuration.h"

#pragma GCC visibility push(hidden)

/* Writes it into memory of `pool`. */
ngx_int_t mecai_write_status(const mecai_access_t *access, ngx_pool_t *pool,
                             ngx_str_t *text);

#pragma GCC visibility pop

#endif
