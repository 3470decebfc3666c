/* Fuzzes VoucherInfo: what is taken is within its bounds. */

#include "check.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mecai_claims_t  claims;

    if (mecai_read_info(data, size, &claims) == NULL) {
        CHECK(claims.address_count >= 1
              && claims.address_count <= MECAI_ADDRESSES_MAX);
        CHECK(claims.context_count <= MECAI_TRUST_CONTEXTS_MAX);
        CHECK(claims.this_update < claims.next_update);
        CHECK(claims.next_update > 0);
        for (size_t i = 0; i < claims.address_count; i++) {
            CHECK(claims.addresses[i].size == 4
                  || claims.addresses[i].size == 16);
        }
        for (size_t i = 0; i < claims.context_count; i++) {
            CHECK(mecai_context_valid(claims.contexts[i].text,
                                      claims.contexts[i].size));
        }
    }
    return 0;
}
