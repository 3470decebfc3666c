/*
 * VoucherInfo: what a voucher says, as far as a server must know it (docs/spec,
 * "Voucher", O7 to O15).
 *
 * Strict: the DER is decoded with OpenSSL's templates, must encode to the same
 * octets again, and every field must be within its bounds. Nothing of nginx is
 * needed.
 */

#ifndef MECAI_VOUCHER_INFO_H
#define MECAI_VOUCHER_INFO_H

#include <time.h>

#include <openssl/asn1.h>

#include "mecai_voucher_wire.h"

#pragma GCC visibility push(hidden)

enum {
    MECAI_ADDRESSES_MAX = 16,
    MECAI_INTERMEDIATES_MAX = 8,
    MECAI_TRUST_CONTEXTS_MAX = 32,
    MECAI_EXTENSIONS_MAX = 16,
    MECAI_PERSPECTIVES_MAX = 255,
    MECAI_SERIAL_BITS = 128,
};

/* An IP address: 4 or 16 octets, an IPv4-mapped one as 4. */
typedef struct {
    uint8_t  size;
    uint8_t  octets[16];
} mecai_address_t;

typedef struct {
    uint8_t  size;
    uint8_t  text[MECAI_CONTEXT_SIZE];
} mecai_context_t;

/* What choosing a voucher takes. */
typedef struct {
    uint8_t          authority[MECAI_AUTHORITY_SIZE];
    uint8_t          certificate_hash[MECAI_HASH_SIZE];
    /* the voucher's own: SHA-256 over these octets (O6) */
    uint8_t          hash[MECAI_HASH_SIZE];
    time_t           this_update;
    time_t           next_update;
    size_t           address_count;
    mecai_address_t  addresses[MECAI_ADDRESSES_MAX];
    size_t           context_count;
    mecai_context_t  contexts[MECAI_TRUST_CONTEXTS_MAX];
} mecai_claims_t;

/* Fills `claims` from DER; returns NULL, or which field is wrong. */
const char *mecai_read_info(const uint8_t *der, size_t size,
    mecai_claims_t *claims);

/* Returns an ASN.1 time as seconds since the epoch, or -1. */
time_t mecai_seconds(const ASN1_TIME *time);

/* Fills `address` from 4 or 16 octets in network order. */
void mecai_set_address(mecai_address_t *address, const uint8_t *octets,
    size_t size);

#pragma GCC visibility pop

#endif
