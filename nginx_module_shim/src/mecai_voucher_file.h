/*
 * One file of a certificate's directory and what of it is in service.
 *
 * Checked once per version of the file; one not valid yet, once more when its
 * time has come. What fails is not served; what the same file held before stays
 * in service. Nothing of nginx is needed; nothing is logged.
 */

#ifndef MECAI_VOUCHER_FILE_H
#define MECAI_VOUCHER_FILE_H

#include <sys/stat.h>

#include "mecai_voucher_item.h"

#pragma GCC visibility push(hidden)

#define MECAI_OCSP_NAME       "ocsp.der"
#define MECAI_VOUCHER_SUFFIX  ".voucher"

/* with its terminator; no longer ones are read */
enum { MECAI_NAME_SIZE = 64 };

/* One version of a file or directory. */
typedef struct {
    dev_t            device;
    ino_t            inode;
    off_t            size;
    struct timespec  modified;
    struct timespec  changed;
} mecai_version_t;

typedef struct mecai_file_s  mecai_file_t;

struct mecai_file_s {
    mecai_file_t     *next;
    mecai_item_t     *item;         /* in service; NULL: nothing ever passed */
    mecai_version_t   seen;         /* the version checked last, good or bad */
    bool              refused;      /* that version */
    time_t            due;          /* when it becomes valid; 0: never, or is */
    bool              present;      /* for whoever reads the directory */
    char              name[MECAI_NAME_SIZE];
};

typedef enum {
    MECAI_FILE_SAME,                /* nothing to check: not changed, not due */
    MECAI_FILE_TAKEN,               /* a new version is in service */
    MECAI_FILE_REFUSED,             /* a new version failed: see the reason */
    MECAI_FILE_GONE,
    MECAI_FILE_LATER,               /* this process is out of descriptors or
                                     * memory: see the reason, try again */
} mecai_refreshed_t;

/* Tells whether this module reads a name: ocsp.der, or any *.voucher without a
 * leading dot. */
bool mecai_name_ours(const char *name);

/* Brings `file` up to date with its name in the directory `directory_fd`. */
mecai_refreshed_t mecai_file_refresh(mecai_file_t *file, int directory_fd,
                                     const mecai_subject_t *subject,
                                     mecai_reason_t *reason);

mecai_version_t mecai_version_of(const struct stat *status);
bool mecai_same_version(const mecai_version_t *a, const mecai_version_t *b);

#pragma GCC visibility pop

#endif
