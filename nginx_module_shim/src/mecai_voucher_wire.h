/*
 * The two TLS extensions in octets (docs/spec, "Voucher stapling in TLS", T1 to
 * T7).
 *
 * Not here: which vouchers to send (mecai_voucher_choose) and how OpenSSL is
 * told (mecai_voucher_handshake). Nothing of nginx or OpenSSL is needed;
 * nothing is allocated.
 */

#ifndef MECAI_VOUCHER_WIRE_H
#define MECAI_VOUCHER_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * http and stream are shared objects of their own in one process: neither may
 * lend the other its symbols.
 */
#pragma GCC visibility push(hidden)

#define MECAI_EXTENSION_VOUCHER          0xff4d
#define MECAI_EXTENSION_VOUCHER_REQUEST  0xff4e

enum {
    /* leftmost octets of SHA-256 over the root's SubjectPublicKeyInfo */
    MECAI_AUTHORITY_SIZE = 8,
    MECAI_HASH_SIZE = 32,           /* SHA-256 */
    MECAI_CANDIDATES_MAX = 16,      /* AuthorityId candidates<8..128> */
    MECAI_CONTEXT_SIZE = 32,        /* Context<1..32> */
    MECAI_CONTEXTS_SIZE = 255,      /* Context contexts<0..255> */
    MECAI_CACHED_MAX = 16,          /* VoucherHash cached<0..512> */
    /* octets of extension_data: an empty list */
    MECAI_ANSWER_MIN = 2,
    MECAI_ANSWER_MAX = 64000,       /* (T7) */
};

/* A VoucherRequest of version 1. */
typedef struct {
    uint8_t  quorum;
    uint8_t  candidate_count;
    uint8_t  cached_count;
    uint8_t  contexts_size;
    uint8_t  candidates[MECAI_CANDIDATES_MAX][MECAI_AUTHORITY_SIZE];
    /* as on the wire: each with its length before it */
    uint8_t  contexts[MECAI_CONTEXTS_SIZE];
    uint8_t  cached[MECAI_CACHED_MAX][MECAI_HASH_SIZE];
} mecai_request_t;

typedef enum {
    MECAI_PARSED,
    /* the extension is to be ignored; the request is not filled */
    MECAI_OTHER_VERSION,
    MECAI_DECODE_ERROR,             /* answer with this alert */
    MECAI_ILLEGAL_PARAMETER,        /* answer with this alert */
} mecai_parsed_t;

/* Fills `request` from the octets of extension voucher_request (T4, T5). */
mecai_parsed_t mecai_parse_request(const uint8_t *data, size_t size,
    mecai_request_t *request);

/*
 * Tells whether a trust context has the characters of O12: A-Z, 0-9 and '-', 1
 * to 32 of them.
 */
bool mecai_context_valid(const uint8_t *text, size_t size);

/*
 * The answer in extension voucher, written front to back into room of the
 * caller's.
 */
typedef struct {
    uint8_t  *out;
    size_t    room;                 /* at least MECAI_ANSWER_MIN */
    size_t    used;
} mecai_answer_t;

void mecai_answer_begin(mecai_answer_t *answer, uint8_t *out, size_t room);

/*
 * Adds one voucher of so many octets; returns where they go. NULL, with nothing
 * written, where it does not fit.
 */
uint8_t *mecai_answer_add(mecai_answer_t *answer, size_t size);

/* Returns the octets of the whole answer: 2 for an empty list. */
size_t mecai_answer_end(mecai_answer_t *answer);

#pragma GCC visibility pop

#endif
