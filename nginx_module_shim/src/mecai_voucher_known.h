/*
 * The certificates this process knows, in one staple directory.
 *
 * They are told apart by the SHA-256 of their DER. Those of the configuration
 * are found by OpenSSL's object, too: a handshake then hashes nothing.
 */

#ifndef MECAI_VOUCHER_KNOWN_H
#define MECAI_VOUCHER_KNOWN_H

#include "mecai_voucher_scan.h"

#pragma GCC visibility push(hidden)

enum { MECAI_KNOWN_BUCKETS = 256 };

typedef struct mecai_object_s  mecai_object_t;

/* All zero: none. */
typedef struct {
    mecai_known_t   *buckets[MECAI_KNOWN_BUCKETS];  /* by the hash's first
                                                     * octet; a new one last */
    mecai_object_t  *objects[MECAI_KNOWN_BUCKETS];
} mecai_certificates_t;

/* Returns what is known of a certificate, new where there is nothing; `path` is
 * the staple directory. NULL: no memory. */
mecai_known_t *mecai_know(mecai_certificates_t *all, const char *path,
                          X509 *certificate);

/* The same, of the configuration: it stays. */
mecai_known_t *mecai_know_for_good(mecai_certificates_t *all, const char *path,
                                   X509 *certificate);

/* Forgets one that the configuration does not name, or all. */
void mecai_unknow(mecai_known_t **link);
void mecai_unknow_all(mecai_certificates_t *all);

#pragma GCC visibility pop

#endif
