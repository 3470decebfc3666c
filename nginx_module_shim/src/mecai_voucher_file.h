/*
 * One file of a certificate's directory: opened, read, checked.
 *
 * Links are not followed, FIFOs and devices not waited for or read. Nothing of
 * nginx is needed; nothing is logged, nothing is kept.
 */

#ifndef MECAI_VOUCHER_FILE_H
#define MECAI_VOUCHER_FILE_H

#include "mecai_voucher_item.h"

#pragma GCC visibility push(hidden)

#define MECAI_OCSP_NAME       "ocsp.der"
#define MECAI_VOUCHER_SUFFIX  ".voucher"

/* with its terminator; no longer ones are read */
enum { MECAI_NAME_SIZE = 64 };

typedef enum {
    MECAI_NAME_STRANGE,         /* somebody else's, or a writer's temporary */
    MECAI_NAME_BAD,             /* *.voucher, and no VA id before it */
    MECAI_NAME_OCSP,
    MECAI_NAME_VOUCHER,
} mecai_name_t;

/* Tells what a name stands for; fills in the VA id of a voucher's. */
mecai_name_t mecai_read_name(const char *name,
                             uint8_t authority[MECAI_AUTHORITY_SIZE]);

/*
 * Reads and checks the file of a good name in the directory `directory_fd`.
 * NULL comes with the reason; where that is passing this process or the file
 * system is at fault, not the file. The item is freed with free().
 */
mecai_item_t *mecai_file_read(int directory_fd, const char *name,
                              const mecai_subject_t *subject,
                              mecai_reason_t *reason);

#pragma GCC visibility pop

#endif
