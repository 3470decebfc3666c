/*
 * What is in service, in memory that all workers share (ADR 0062).
 *
 * The zone holds one set per certificate and directory: its files as they were
 * checked last, and what of them is in service. It is made of blocks of one
 * size, so it never fragments. A process that was killed while it wrote leaves
 * a mark: who takes the lock next starts the zone over, and all is read again.
 *
 * Every function but the locks takes the lock as held. Nothing of nginx is
 * needed; nothing is logged, no file is touched.
 */

#ifndef MECAI_VOUCHER_ZONE_H
#define MECAI_VOUCHER_ZONE_H

#include <sys/stat.h>

#include "mecai_voucher_file.h"

#pragma GCC visibility push(hidden)

/* changes with every layout: two layouts of the module share no zone */
#define MECAI_ZONE_LAYOUT_TEXT  "3"

enum {
    MECAI_ZONE_SIZE_MIN = 1024 * 1024,      /* octets */
    MECAI_BLOCK_SIZE = 256,                 /* octets */
    MECAI_FILES_MAX = 1024,     /* voucher files of one certificate */
    MECAI_TELL_SECONDS = 60 * 60,           /* one line a cause */
    /* lines of the log in that time, whatever the causes: of refused files of
     * one certificate; of everything; where so few are left, a certificate has
     * one for its refused files */
    MECAI_REFUSALS_MAX = 100,
    MECAI_LINES_MAX = 1000,
    MECAI_LINES_SCARCE = MECAI_LINES_MAX / 2,
    /* OpenSSL does not always say that it lacked memory: what was refused for
     * its content is checked again then, once in a while, and not told again */
    MECAI_RECHECK_SECONDS = 60 * 60,
    MECAI_UNLOOKED_SECONDS = 10 * 60,       /* then a set is forgotten */
    MECAI_SLICE_FILES = 32,     /* that go while the lock is held once */
};

/* What is said once in MECAI_TELL_SECONDS of a set, but for the last two. */
typedef enum {
    MECAI_TELL_MISSING,         /* by a handshake that asked */
    MECAI_TELL_LEFT_OUT,        /* the same */
    MECAI_TELL_UNREADABLE,
    MECAI_TELL_PASSING,         /* no fault of a file */
    MECAI_TELL_CROWDED,
    MECAI_TELL_NAME,
    MECAI_TELLS,
    MECAI_TELL_FULL = MECAI_TELLS,          /* once of the zone */
    MECAI_TELL_REFUSED,                     /* MECAI_REFUSALS_MAX times */
} mecai_tell_t;

/* Whether a line may be written. */
typedef enum {
    MECAI_SILENT,
    MECAI_SAY,
    MECAI_SAY_LAST_OF_SET,      /* of refused files, for a while */
    MECAI_SAY_SCARCE,           /* lines are scarce from here on */
    MECAI_SAY_LAST,             /* of anything, for a while */
} mecai_leave_t;

/* Lines that were written since a moment. */
typedef struct {
    time_t    since;
    unsigned  lines;
} mecai_said_t;

/* How handshakes ended that asked for vouchers. */
typedef enum {
    MECAI_NOT_ASKED,
    MECAI_ANSWERED,             /* with one voucher or more */
    MECAI_CACHED,               /* all the client needs, it has */
    MECAI_OFF,                  /* "voucher off" in this server */
    MECAI_RESUMED,
    MECAI_QUIC,                 /* (T10) */
    MECAI_NO_DIRECTORY,
    MECAI_UNREAD,               /* not yet */
    MECAI_NO_MATCH,             /* none of the candidates' that may be sent */
    MECAI_NO_ROOM,              /* what there is does not fit */
    MECAI_REASONS,
} mecai_reason_code_t;

/* One version of a file or directory. */
typedef struct {
    dev_t            device;
    ino_t            inode;
    off_t            size;
    struct timespec  modified;
    struct timespec  changed;
} mecai_version_t;

typedef struct mecai_block_s  mecai_block_t;
typedef struct mecai_file_s   mecai_file_t;
typedef struct mecai_set_s    mecai_set_t;
typedef struct mecai_zone_s   mecai_zone_t;

/* One file of a certificate's directory and what of it is in service. */
struct mecai_file_s {
    mecai_file_t     *next;
    mecai_block_t    *content;      /* in service; NULL: nothing ever passed */
    mecai_version_t   seen;         /* the version checked last, good or bad */
    time_t            from;         /* refused: to be checked again from then */
    time_t            until;        /* up to then; 0 and 0: not refused */
    time_t            this_update;  /* of what is in service, as the rest */
    time_t            next_update;
    uint64_t          scan;         /* the last reading that found it */
    uint32_t          size;         /* octets of DER */
    uint8_t           address_count;
    uint8_t           context_count;
    bool              refused;      /* the version checked last */
    bool              settled;      /* a later change of it will show */
    uint8_t           authority[MECAI_AUTHORITY_SIZE];
    uint8_t           hash[MECAI_HASH_SIZE];
    char              name[MECAI_NAME_SIZE];
};

/* Everything for one certificate in one directory. */
struct mecai_set_s {
    mecai_set_t      *next;
    mecai_file_t     *vouchers;     /* sorted by name */
    mecai_file_t     *ocsp;
    mecai_version_t   directory;    /* the version read last */
    uint64_t          scan;         /* the reading that began last */
    int64_t           looked;       /* ms, when somebody did last */
    time_t            told[MECAI_TELLS];
    mecai_said_t      refusals;
    int               trouble;      /* errno of the directory; 0: none */
    uint32_t          file_count;   /* of vouchers */
    uint32_t          refused_count;        /* of all files */
    bool              complete;     /* was read to its end once */
    bool              settled;      /* a later change of it will show */
    uint8_t           key[MECAI_HASH_SIZE];
};

/* How one process reaches the zone. */
typedef struct {
    mecai_zone_t  *zone;
    void          *mutex;
    void         (*lock)(void *mutex);
    void         (*unlock)(void *mutex);
} mecai_access_t;

typedef struct {
    size_t    size;                 /* octets of the zone */
    size_t    used;                 /* of it, by sets and files */
    uint64_t  certificates;
    uint64_t  unread;               /* of them, not read to the end once */
    uint64_t  vouchers;             /* in service */
    uint64_t  staples;
    uint64_t  refused;              /* files that were */
    uint64_t  resets;               /* after a process was killed in it */
    uint64_t  handshakes[MECAI_REASONS];
} mecai_figures_t;

/* Makes an empty zone of `size` octets at `memory`; NULL: it is too small. */
mecai_zone_t *mecai_zone_make(void *memory, size_t size);

/* Takes the lock, to read; or to write, which ends with the unlocking. */
void mecai_lock(const mecai_access_t *access);
void mecai_lock_to_write(const mecai_access_t *access);
void mecai_unlock(const mecai_access_t *access);

/* Tells whether there is room for one more of the largest files. */
bool mecai_zone_has_room(const mecai_zone_t *zone);

/* Returns the set of a key (SHA-256 of the directory's path), or NULL. */
mecai_set_t *mecai_zone_find(mecai_zone_t *zone,
                             const uint8_t key[MECAI_HASH_SIZE]);

/* The same; makes an empty one where there is none. NULL: no room. */
mecai_set_t *mecai_zone_set(mecai_zone_t *zone,
                            const uint8_t key[MECAI_HASH_SIZE]);

/* Notes that somebody looked at a set at this moment, or at a later one. */
void mecai_zone_look(mecai_set_t *set, int64_t now_ms);

/* Begins a reading of a set; returns its number, by which files are marked. */
uint64_t mecai_zone_begin(mecai_zone_t *zone, mecai_set_t *set);

/* Returns the file of a name; makes one. NULL: the set or the zone is full. */
mecai_file_t *mecai_zone_file(mecai_zone_t *zone, mecai_set_t *set,
                              const char *name);

/* The same without making one. */
mecai_file_t *mecai_zone_known(const mecai_set_t *set, const char *name);

/* Puts an item into service; false: no room, and nothing changed. */
bool mecai_zone_take(mecai_zone_t *zone, mecai_set_t *set, mecai_file_t *file,
                     const mecai_version_t *version, const mecai_item_t *item);

/* Notes that a version was refused; what the file held before stays. */
void mecai_zone_refuse(mecai_zone_t *zone, mecai_set_t *set,
                       mecai_file_t *file, const mecai_version_t *version,
                       const mecai_reason_t *reason);

/*
 * Ends a reading: files that it did not find go, MECAI_SLICE_FILES in one call.
 * False: there are more, to be called again; or a later reading began.
 */
bool mecai_zone_end(mecai_zone_t *zone, mecai_set_t *set, uint64_t scan);

/* Notes that a set was read to its end. */
void mecai_zone_complete(mecai_zone_t *zone, mecai_set_t *set);

/*
 * Frees the sets that nobody looked at for MECAI_UNLOOKED_SECONDS, in a part of
 * the zone; each call takes the next part. False: of this part there is more,
 * for the next call.
 */
bool mecai_zone_sweep(mecai_zone_t *zone, int64_t now_ms);

/*
 * Tells whether it is time to say this of a set, and notes that it is said:
 * once in MECAI_TELL_SECONDS, and at most MECAI_LINES_MAX lines of everything.
 */
mecai_leave_t mecai_zone_tell(mecai_zone_t *zone, mecai_set_t *set,
                              mecai_tell_t tell, time_t now);

/* Returns what such a line ends with. */
const char *mecai_last_words(mecai_leave_t leave);

/* Copies DER of a file in service: all `file->size` octets. */
void mecai_file_der(const mecai_file_t *file, uint8_t *out);

/* Copies what choosing takes beside `file`: room for the most. */
typedef struct {
    mecai_address_t  addresses[MECAI_ADDRESSES_MAX];
    mecai_context_t  contexts[MECAI_TRUST_CONTEXTS_MAX];
} mecai_lists_t;
void mecai_file_lists(const mecai_file_t *file, mecai_lists_t *lists);

/* Counts a handshake; needs no lock. */
void mecai_zone_count(mecai_zone_t *zone, mecai_reason_code_t reason);

void mecai_zone_figures(const mecai_zone_t *zone, mecai_figures_t *figures);

mecai_version_t mecai_version_of(const struct stat *status);
bool mecai_same_version(const mecai_version_t *a, const mecai_version_t *b);

#pragma GCC visibility pop

#endif
