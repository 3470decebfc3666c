/*
 * Fuzzes a voucher file: only what is signed is taken, and the error queue is
 * left as it was.
 */

#include "check.h"
#include "fuzz.h"

#include <string.h>

#include <openssl/err.h>

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t  nobody[MECAI_HASH_SIZE];
    mecai_subject_t       subject = { NULL, nobody, nobody, NOW };
    mecai_reason_t        reason = { .text = "" };
    mecai_item_t         *item = mecai_check_voucher(data, size, &subject,
                                                     &reason);

    /* at the latest because it is about somebody */
    CHECK(item == NULL);
    CHECK(reason.text[0] != '\0');
    CHECK(ERR_peek_error() == 0);
    return 0;
}
