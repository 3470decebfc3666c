/*
 * A certificate's directory, a zone and a store for the tests that read: what
 * they write there, and what was logged.
 */

#ifndef MECAI_PLACE_H
#define MECAI_PLACE_H

#include <errno.h>
#include <unistd.h>

#include "calls.h"
#include "check.h"
#include "mecai_voucher_store.h"

/* of the sanitizer's allocator; gcc ships its declaration not everywhere */
size_t __sanitizer_get_current_allocated_bytes(void);

typedef struct {
    uint8_t  der[MECAI_SIZE_MAX];
    size_t   size;
} sample_t;

/* `damaged` is as long as `first`. */
extern sample_t        first, second, ahead, foreign, ocsp, damaged;

extern char            root[128];       /* the staple directory */
extern char            place[256];      /* the certificate's in it */
extern char            name[64];        /* of the samples' voucher */
extern char            label[80];       /* that and a '-', for more of them */
extern X509           *certificate;
extern mecai_access_t  zone;

extern unsigned        lines;           /* of the log */
extern char            last_line[1024];

/* Begins a test program: samples, an empty directory, a zone, a store. */
mecai_store_t *begin(int count, char **arguments);

/* Ends it; the store is destroyed. */
void finish(const char *test);

/* Renames content into place, as a sidecar does. */
void put(const char *file, const sample_t *sample);

/* Writes into the file itself, as a sidecar must not. */
void write_in_place(const char *file, const sample_t *sample, size_t size);

void take_away(const char *file);

/* Sets modification times; a file that changes so has no other version. */
void touch_directory(time_t when);
void touch(const char *file, time_t when);

/* Takes everything away, and looks. */
void clear(mecai_store_t *store, time_t now);

/* Puts copies of a sample, or takes them away: PREFIX0 to PREFIX(count-1),
 * and SUFFIX. */
void put_many(const char *prefix, const char *suffix, unsigned from,
              unsigned to, const sample_t *sample);
void take_many_away(const char *prefix, const char *suffix, unsigned from,
                    unsigned to);

/* What the log was told of a set, and of all, is long past. */
void let_an_hour_pass(const mecai_set_t *set);

void count_line(const char *line);
bool file_is(const mecai_file_t *file, const sample_t *sample);
bool serves(const mecai_set_t *set, const sample_t *sample);
size_t zone_used(void);

/* Returns what a handshake finds; it must touch no file for that. */
const mecai_set_t *find(mecai_store_t *store, time_t now);

/* Runs a round; `look` returns what a handshake then finds. */
bool refresh(mecai_store_t *store, time_t now);
const mecai_set_t *look(mecai_store_t *store, time_t now);

#endif
