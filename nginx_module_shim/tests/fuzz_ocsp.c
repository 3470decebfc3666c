/*
 * Fuzzes an OCSP response file: what is taken is whole, and the error queue is
 * left as it was.
 */

#include "check.h"
#include "fuzz.h"

#include <string.h>

#include <openssl/err.h>

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static X509      *certificate;
    mecai_reason_t    reason = { .text = "" };
    mecai_item_t     *item;

    if (certificate == NULL) {
        certificate = read_certificate(DATA);
    }
    item = mecai_check_ocsp(data, size,
                            &(mecai_subject_t) { certificate, NULL, NULL, NOW },
                            &reason);
    if (item != NULL) {
        CHECK(item->size == size && memcmp(item->der, data, size) == 0);
        CHECK(item->claims.next_update > NOW);
    } else {
        CHECK(reason.text[0] != '\0');
    }
    CHECK(ERR_peek_error() == 0);
    free(item);
    return 0;
}
