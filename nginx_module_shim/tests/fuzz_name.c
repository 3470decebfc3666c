/*
 * Fuzzes the names of files in a staple directory: a voucher's begins with the
 * VA id that was read, and no other has one.
 */

#include "check.h"
#include "fuzz.h"
#include "mecai_voucher_file.h"

#include <string.h>

static void
check_voucher(const char *name, const uint8_t authority[MECAI_AUTHORITY_SIZE])
{
    char    digits[3];
    size_t  size = strlen(name);

    for (size_t i = 0; i < MECAI_AUTHORITY_SIZE; i++) {
        snprintf(digits, sizeof(digits), "%02x", authority[i]);
        CHECK(memcmp(name + 2 * i, digits, 2) == 0);
    }
    CHECK(size < MECAI_NAME_SIZE);
    CHECK(strcmp(strrchr(name, '.'), MECAI_VOUCHER_SUFFIX) == 0);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t       authority[MECAI_AUTHORITY_SIZE];
    mecai_name_t  kind;
    size_t        length = strnlen((const char *) data, size);
    char         *name = malloc(length + 1);

    CHECK(name != NULL);
    memcpy(name, data, length);
    name[length] = '\0';
    kind = mecai_read_name(name, authority);
    CHECK((kind == MECAI_NAME_OCSP) == (strcmp(name, MECAI_OCSP_NAME) == 0));
    CHECK(name[0] != '.' || kind == MECAI_NAME_STRANGE);
    if (kind == MECAI_NAME_VOUCHER) {
        check_voucher(name, authority);
    }
    free(name);
    return 0;
}
