/* One file of a certificate's directory: see the header. */

#include "mecai_voucher_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


mecai_version_t
mecai_version_of(const struct stat *status)
{
    return (mecai_version_t) {
        .device = status->st_dev,
        .inode = status->st_ino,
        .size = status->st_size,
        .modified = status->st_mtim,
        .changed = status->st_ctim,
    };
}


static bool
same_moment(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}


bool
mecai_same_version(const mecai_version_t *a, const mecai_version_t *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size
           && same_moment(a->modified, b->modified)
           && same_moment(a->changed, b->changed);
}


bool
mecai_name_ours(const char *name)
{
    size_t  length = strlen(name), suffix = sizeof(MECAI_VOUCHER_SUFFIX) - 1;

    /* a dot: a writer's temporary file */
    if (name[0] == '.' || length >= MECAI_NAME_SIZE) {
        return false;
    }
    return strcmp(name, MECAI_OCSP_NAME) == 0
           || (length >= suffix
               && strcmp(name + length - suffix, MECAI_VOUCHER_SUFFIX) == 0);
}


static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}


/* Reads the VA id that a voucher's file name begins with. */
static bool
authority_of(const char *name, uint8_t authority[MECAI_AUTHORITY_SIZE])
{
    for (size_t i = 0; i < MECAI_AUTHORITY_SIZE; i++) {
        int  high = hex_digit(name[2 * i]);
        int  low = high < 0 ? -1 : hex_digit(name[2 * i + 1]);

        if (low < 0) {
            return false;
        }
        authority[i] = (uint8_t) (high << 4 | low);
    }
    name += 2 * MECAI_AUTHORITY_SIZE;
    return *name == '-' || strcmp(name, MECAI_VOUCHER_SUFFIX) == 0;
}


/*
 * Reads a whole file of at most `room` - 1 octets; returns its size, `room` for
 * a larger one, or -1.
 */
static ssize_t
read_all(int fd, uint8_t *buffer, size_t room)
{
    size_t   used = 0;
    ssize_t  got;

    do {
        got = read(fd, buffer + used, room - used);
        if (got < 0 && errno != EINTR) {
            return -1;
        }
        used += got > 0 ? (size_t) got : 0;
    } while (got != 0 && used < room);

    return (ssize_t) used;
}


/* Checks the content of an open file under its name. */
static mecai_item_t *
check_open(int fd, const char *name, const mecai_subject_t *subject,
    mecai_reason_t *reason)
{
    bool             ocsp = strcmp(name, MECAI_OCSP_NAME) == 0;
    int              most = ocsp ? MECAI_OCSP_SIZE_MAX : MECAI_VOUCHER_SIZE_MAX;
    uint8_t          buffer[MECAI_SIZE_MAX + 1];
    uint8_t          authority[MECAI_AUTHORITY_SIZE];
    mecai_subject_t  named = *subject;
    struct stat      status;
    ssize_t          size;

    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        mecai_refuse(reason, "not a regular file");
        return NULL;
    }
    size = read_all(fd, buffer, (size_t) most + 1);
    if (size < 0) {
        mecai_refuse(reason, "cannot be read: %s", strerror(errno));
        return NULL;
    }
    if (size > most) {
        mecai_refuse(reason, "larger than %d octets", most);
        return NULL;
    }
    if (ocsp) {
        return mecai_check_ocsp(buffer, (size_t) size, subject, reason);
    }
    if (!authority_of(name, authority)) {
        mecai_refuse(reason, "expected a name of 16 hex digits, then -LABEL or "
                     "nothing, then " MECAI_VOUCHER_SUFFIX);
        return NULL;
    }
    named.authority = authority;
    return mecai_check_voucher(buffer, (size_t) size, &named, reason);
}


/* Tells whether this version was checked last, and its time, if it was ahead,
 * still is. */
static bool
nothing_new(const mecai_file_t *file, const mecai_version_t *version,
    time_t now)
{
    return mecai_same_version(version, &file->seen)
           && (file->due == 0 || now < file->due);
}


static mecai_refreshed_t
refused(mecai_file_t *file, const mecai_version_t *version, time_t due)
{
    file->seen = *version;
    file->refused = true;
    file->due = due;
    return MECAI_FILE_REFUSED;
}


static mecai_refreshed_t
taken(mecai_file_t *file, const mecai_version_t *version, mecai_item_t *item)
{
    file->seen = *version;
    file->refused = false;
    file->due = 0;
    free(file->item);
    file->item = item;
    return MECAI_FILE_TAKEN;
}


mecai_refreshed_t
mecai_file_refresh(mecai_file_t *file, int directory_fd,
    const mecai_subject_t *subject, mecai_reason_t *reason)
{
    mecai_version_t  version;
    mecai_item_t    *item;
    struct stat      status;
    int              fd, error;

    if (fstatat(directory_fd, file->name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
        return MECAI_FILE_GONE;
    }
    version = mecai_version_of(&status);
    if (nothing_new(file, &version, subject->now)) {
        return MECAI_FILE_SAME;
    }
    /* O_NONBLOCK: opening a FIFO must not wait for its writer */
    fd = openat(directory_fd, file->name,
                O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        error = errno;
        mecai_refuse(reason, "cannot be opened: %s", strerror(error));
        if (error == EMFILE || error == ENFILE || error == ENOMEM) {
            return MECAI_FILE_LATER;
        }
        return refused(file, &version, 0);
    }
    item = check_open(fd, file->name, subject, reason);
    close(fd);
    return item != NULL ? taken(file, &version, item)
                        : refused(file, &version, reason->due);
}
