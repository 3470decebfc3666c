/* Where clients see this server: see the header. */

#include "mecai_voucher_address.h"


ngx_int_t
mecai_read_address(const struct sockaddr *sockaddr, mecai_address_t *address)
{
    const struct sockaddr_in   *in;
#if (NGX_HAVE_INET6)
    const struct sockaddr_in6  *in6;
#endif

    switch (sockaddr->sa_family) {
    case AF_INET:
        in = (const struct sockaddr_in *) sockaddr;
        mecai_set_address(address, (const uint8_t *) &in->sin_addr, 4);
        return NGX_OK;
#if (NGX_HAVE_INET6)
    case AF_INET6:
        in6 = (const struct sockaddr_in6 *) sockaddr;
        mecai_set_address(address, (const uint8_t *) &in6->sin6_addr, 16);
        return NGX_OK;
#endif
    default:
        return NGX_DECLINED;
    }
}


/*
 * Finds where the client sees this server: what the proxy in front says, else
 * the connection's own local address.
 */
static ngx_int_t
local_address(ngx_connection_t *c, mecai_address_t *address)
{
    ngx_addr_t  addr;

    if (c->proxy_protocol != NULL) {
        const ngx_str_t  *text = &c->proxy_protocol->dst_addr;

        if (ngx_parse_addr(c->pool, &addr, text->data, text->len) == NGX_OK) {
            return mecai_read_address(addr.sockaddr, address);
        }
    }
    if (ngx_connection_local_sockaddr(c, NULL, 0) != NGX_OK) {
        return NGX_DECLINED;
    }
    return mecai_read_address(c->local_sockaddr, address);
}


void
mecai_find_addresses(const ngx_array_t *configured, ngx_connection_t *c,
    mecai_address_t *own, mecai_wish_t *wish)
{
    if (configured != NULL) {
        wish->addresses = configured->elts;
        wish->address_count = configured->nelts;
    } else if (local_address(c, own) == NGX_OK) {
        wish->addresses = own;
        wish->address_count = 1;
    }
}
