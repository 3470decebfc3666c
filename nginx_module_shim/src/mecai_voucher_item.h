/*
 * One file of the staple directory, checked: a voucher or an OCSP response.
 *
 * What is checked is what a server can know: damage, the time, and that the
 * bytes are about this certificate and this authority. Whether a voucher
 * deserves belief is the client's question; a server has no directory of
 * authorities. Nothing of nginx is needed; the clock is an argument.
 */

#ifndef MECAI_VOUCHER_ITEM_H
#define MECAI_VOUCHER_ITEM_H

#include <openssl/x509.h>

#include "mecai_voucher_info.h"

#pragma GCC visibility push(hidden)

/* Octets of a file: the limits of mecai/protocol/limits.py. */
enum {
    MECAI_VOUCHER_SIZE_MAX = 16 * 1024,     /* voucher_size (O5) */
    MECAI_OCSP_SIZE_MAX = 16 * 1024 - 4,    /* ocsp_staple_size */
    MECAI_SIZE_MAX = MECAI_VOUCHER_SIZE_MAX,
};

/* RSA keys of vouchers: the modulus (K3), the exponent at most (K7). */
enum {
    MECAI_RSA_BITS_MIN = 2048,
    MECAI_RSA_BITS_MAX = 8192,
    MECAI_RSA_EXPONENT_BITS = 64,
};

/* How far thisUpdate may lie ahead of this clock (V7). */
enum { MECAI_CLOCK_SKEW_SECONDS = 300 };

typedef struct {
    mecai_claims_t  claims;         /* of an OCSP response: the times alone */
    size_t          size;
    uint8_t         der[];
} mecai_item_t;

/* What an item must be about. */
typedef struct {
    X509           *certificate;        /* the end entity */
    const uint8_t  *certificate_hash;   /* SHA-256: the directory's name */
    const uint8_t  *authority;          /* VA id: the file's name; NULL: OCSP */
    time_t          now;
} mecai_subject_t;

/* Why an item is refused, for a log line. */
typedef struct {
    char    text[128];
    time_t  from;       /* refused for the time alone: it passes from then */
    time_t  until;      /* up to, and without, then; 0 and 0: never */
    bool    passing;    /* not the file's fault: to be tried again */
    bool    gone;       /* passing: there is no such file any more */
} mecai_reason_t;

/* Says why; returns false, so that a check may end on it. */
bool mecai_refuse(mecai_reason_t *reason, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * A checked item is freed with free(). NULL comes with the reason.
 *
 * A voucher: CMS SignedData of one signer whose signature verifies with the
 * enclosed certificate (no chain is built), eContentType id-ct-voucherInfo,
 * VoucherInfo strict, authority and certificateHash those of `subject`, not
 * expired, and thisUpdate at most MECAI_CLOCK_SKEW_SECONDS ahead.
 */
mecai_item_t *mecai_check_voucher(const uint8_t *der, size_t size,
                                  const mecai_subject_t *subject,
                                  mecai_reason_t *reason);

/*
 * An OCSP response: successful, with an answer whose CertID names the
 * certificate (issuer name and serial number; the issuer's key is not at hand),
 * a nextUpdate in the future, and thisUpdate as of a voucher. The signature and
 * the status are left to the client.
 */
mecai_item_t *mecai_check_ocsp(const uint8_t *der, size_t size,
                               const mecai_subject_t *subject,
                               mecai_reason_t *reason);

/* Writes a time as 2026-03-02T12:00:00Z; returns `text`. */
enum { MECAI_TIME_TEXT = sizeof("2026-03-02T12:00:00Z") + 16 };
char *mecai_time_text(time_t time, char text[MECAI_TIME_TEXT]);

#pragma GCC visibility pop

#endif
