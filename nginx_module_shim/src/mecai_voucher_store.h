/*
 * The staple directory in memory, one store per directory and process:
 *
 *     DIRECTORY/<SHA-256 of the certificate's DER, 64 hex digits>/
 *         <VA id, 16 hex digits>[-LABEL].voucher
 *         ocsp.der
 *
 * Files are read in rounds that whoever has the clock begins
 * (mecai_voucher_timer); a handshake finds what is in memory and touches no
 * file. Whoever writes renames whole files into place; nothing has to be
 * reloaded. A round looks at each certificate's directory and reads it where
 * its modification time says so, or a file in it was refused. The project's
 * sidecar writes one voucher a Voucher Authority, without a LABEL; where
 * something else writes several, choosing prefers the one that lists this
 * server's address.
 *
 * A version of a file that fails its check is named once in the log and never
 * served. A file that is gone is out of service. Nothing of nginx is needed;
 * not for several threads.
 */

#ifndef MECAI_VOUCHER_STORE_H
#define MECAI_VOUCHER_STORE_H

#include "mecai_voucher_file.h"

#pragma GCC visibility push(hidden)

enum {
    MECAI_VOUCHERS_MAX = 256,       /* voucher files per certificate */
    MECAI_NAMES_MAX = 1024,         /* of any kind in one directory */
    MECAI_LOOK_WORK = 1,            /* asking for one name's status */
    MECAI_CHECK_WORK = 100,         /* reading and checking one file */
    MECAI_LEAST_WORK = MECAI_VOUCHERS_MAX + 2 + MECAI_CHECK_WORK,
    MECAI_FORGET_SECONDS = 24 * 60 * 60,
};

typedef struct mecai_set_s  mecai_set_t;

/* Everything for one certificate. */
struct mecai_set_s {
    mecai_set_t      *next;
    X509             *certificate;
    mecai_file_t     *vouchers;     /* sorted by name */
    mecai_file_t      ocsp;
    size_t            voucher_count;
    mecai_version_t   directory;    /* the version read last */
    bool              settled;      /* a later change of it will show */
    bool              told_full;
    bool              configured;   /* stays, shown or not */
    int               trouble;      /* told already; 0: none */
    unsigned          round;        /* the last one that looked here */
    time_t            shown;        /* in a handshake */
    uint8_t           hash[MECAI_HASH_SIZE];
    char              path[];
};

typedef struct mecai_store_s  mecai_store_t;

/* Takes one line without a line end. */
typedef void  (*mecai_log_pt)(const char *line);

/* Reads nothing yet; returns NULL without memory. */
mecai_store_t *mecai_store_create(const char *path, mecai_log_pt log);
void mecai_store_destroy(mecai_store_t *store);

/* Adds a certificate that stays for the store's life; false: no memory. */
bool mecai_store_keep(mecai_store_t *store, X509 *certificate);

/*
 * Goes on with the round that is under way, or begins one. Takes what it does
 * off `work` and stops where nothing is left; with MECAI_LEAST_WORK or more it
 * comes a file further each time. Returns true where the round is complete:
 * every certificate was looked at.
 */
bool mecai_store_refresh(mecai_store_t *store, time_t now, unsigned *work);

/*
 * Returns what is in memory for a certificate; NULL without memory. Valid
 * until the next round. A certificate that was not known is empty until then,
 * and forgotten when no handshake showed it for MECAI_FORGET_SECONDS.
 */
const mecai_set_t *mecai_store_find(mecai_store_t *store, X509 *certificate,
                                    time_t now);

#pragma GCC visibility pop

#endif
