/*
 * One reading of one certificate's directory, in parts:
 *
 *     DIRECTORY/<SHA-256 of the certificate's DER, 64 hex digits>/
 *         <VA id, 16 hex digits>[-LABEL].voucher
 *         ocsp.der
 *
 * Between two parts it keeps its place in the directory. Files are read and
 * checked without the zone's lock, which is taken to look up what was seen
 * before and to put in what is new. Nothing of nginx is needed; not for several
 * threads.
 */

#ifndef MECAI_VOUCHER_SCAN_H
#define MECAI_VOUCHER_SCAN_H

#include <dirent.h>

#include "mecai_voucher_zone.h"

#pragma GCC visibility push(hidden)

/* A certificate this process knows, in one directory. */
typedef struct mecai_known_s  mecai_known_t;

struct mecai_known_s {
    mecai_known_t  *next;
    X509           *certificate;
    time_t          shown;              /* in a handshake */
    bool            configured;         /* stays, shown or not */
    uint8_t         hash[MECAI_HASH_SIZE];
    uint8_t         key[MECAI_HASH_SIZE];       /* SHA-256 of the path */
    char            path[];
};

/* File systems stamp coarsely, the kernel by its ticks: what is younger may
 * change unseen. */
enum { MECAI_SETTLING_SECONDS = 2 };

/* Takes one line without a line end. */
typedef void  (*mecai_log_pt)(const char *line);

/* A clock that no one sets, the same in all processes. */
int64_t mecai_clock_ns(void);
int64_t mecai_clock_ms(void);

/* How long the work may go on: of that clock, ns. A part does one step at
 * least. */
typedef int64_t  mecai_until_t;

typedef struct {
    const mecai_access_t  *access;
    mecai_log_pt           log;
    DIR                   *directory;   /* NULL: none is being read */
    const mecai_known_t   *known;
    mecai_version_t        version;     /* of the directory, as it began */
    uint64_t               number;
    time_t                 modified;
    int                    trouble;     /* errno of the directory; 0: none */
    bool                   left_out;    /* something, to be tried again */
    bool                   ending;      /* all names were read */
} mecai_scan_t;

/*
 * Looks at a directory, and begins to read it where it is not as it was read
 * last. Nothing is under way afterwards where there is nothing to do.
 */
void mecai_scan_begin(mecai_scan_t *scan, const mecai_known_t *known,
                      time_t now);

/* Goes on; returns true where the reading is at its end. */
bool mecai_scan_go_on(mecai_scan_t *scan, time_t now,
                      mecai_until_t until);

/* Breaks the reading off, if one is under way. */
void mecai_scan_break_off(mecai_scan_t *scan);

#pragma GCC visibility pop

#endif
