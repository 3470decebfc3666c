/* The status of the module as JSON: see the header. */

#include "mecai_voucher_status.h"

enum { TEXT_SIZE = 2048 };


ngx_int_t
mecai_write_status(const mecai_access_t *access, ngx_pool_t *pool,
    ngx_str_t *text)
{
    mecai_figures_t  figures;
    u_char          *next, *end;
    uint64_t         asked = 0;

    text->data = ngx_pnalloc(pool, TEXT_SIZE);
    if (text->data == NULL) {
        return NGX_ERROR;
    }
    end = text->data + TEXT_SIZE;
    mecai_lock(access);
    mecai_zone_figures(access->zone, &figures);
    mecai_unlock(access);
    next = ngx_slprintf(text->data, end,
                        "{\"zone\":{\"size\":%uz,\"used\":%uz,\"resets\":%uL},"
                        "\"certificates\":%uL,\"unread\":%uL,\"vouchers\":%uL,"
                        "\"staples\":%uL,\"refused\":%uL,\"handshakes\":{",
                        figures.size, figures.used, figures.resets,
                        figures.certificates, figures.unread, figures.vouchers,
                        figures.staples, figures.refused);
    for (ngx_uint_t i = MECAI_ANSWERED; i < MECAI_REASONS; i++) {
        asked += figures.handshakes[i];
        next = ngx_slprintf(next, end, "\"%s\":%uL,", mecai_reason_word(i),
                            figures.handshakes[i]);
    }
    next = ngx_slprintf(next, end, "\"asked\":%uL}}\n", asked);
    text->len = (size_t) (next - text->data);
    return NGX_OK;
}
