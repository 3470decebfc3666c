/*
 * The staple directory in memory, one store per directory and process:
 *
 *     DIRECTORY/<SHA-256 of the certificate's DER, 64 hex digits>/<VA id, 16 hex digits>[-LABEL].voucher
 *                                                                /ocsp.der
 *
 * Whoever writes there renames whole files into place; nothing has to be reloaded. A certificate's directory is looked
 * at when a handshake asks for it, at most once a second, and read again only where its modification time says so, or a
 * file in it is not valid yet. A LABEL lets one authority have several vouchers, for servers with more addresses than
 * one voucher lists.
 *
 * A version of a file that fails its check is named once in the log and never served. A file that is gone is out of
 * service. Nothing of nginx is needed; not for several threads.
 */

#ifndef MECAI_VOUCHER_STORE_H
#define MECAI_VOUCHER_STORE_H

#include "mecai_voucher_file.h"

#pragma GCC visibility push(hidden)

enum { MECAI_VOUCHERS_MAX = 256 };      /* voucher files per certificate */

typedef struct mecai_set_s  mecai_set_t;

/* Everything for one certificate. */
struct mecai_set_s {
    mecai_set_t      *next;
    mecai_file_t     *vouchers;     /* sorted by name */
    mecai_file_t      ocsp;
    size_t            voucher_count;
    mecai_version_t   directory;    /* the version read last */
    bool              settled;      /* old enough when read that a later change shows, and no file waits */
    bool              told_full;
    int               trouble;      /* what keeps it from being read, named in the log already; 0: nothing */
    time_t            looked;
    uint8_t           hash[MECAI_HASH_SIZE];
    char              path[];
};

typedef struct mecai_store_s  mecai_store_t;

/* Takes one line without a line end. */
typedef void  (*mecai_log_pt)(const char *line);

/* Reads nothing yet; returns NULL without memory. */
mecai_store_t *mecai_store_create(const char *path, mecai_log_pt log);
void mecai_store_destroy(mecai_store_t *store);

/* Returns what lies there for a certificate at the time `now`, valid until the next call; NULL without memory. */
mecai_set_t *mecai_store_find(mecai_store_t *store, X509 *certificate, time_t now);

#pragma GCC visibility pop

#endif
