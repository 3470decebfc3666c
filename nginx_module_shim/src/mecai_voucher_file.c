/* One file of a certificate's directory: see the header. */

#include "mecai_voucher_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>


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


mecai_name_t
mecai_read_name(const char *name, uint8_t authority[MECAI_AUTHORITY_SIZE])
{
    size_t  length = strlen(name), suffix = sizeof(MECAI_VOUCHER_SUFFIX) - 1;

    if (strcmp(name, MECAI_OCSP_NAME) == 0) {
        return MECAI_NAME_OCSP;
    }
    /* a dot: a writer's temporary file */
    if (name[0] == '.' || length < suffix || length >= MECAI_NAME_SIZE
        || strcmp(name + length - suffix, MECAI_VOUCHER_SUFFIX) != 0)
    {
        return MECAI_NAME_STRANGE;
    }
    return authority_of(name, authority) ? MECAI_NAME_VOUCHER : MECAI_NAME_BAD;
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


/* What a file is, or who may read it, stays until it changes; all else passes:
 * no descriptors, no memory, a file system that fails. */
static void
refuse(mecai_reason_t *reason, const char *done, int error)
{
    mecai_refuse(reason, "cannot be %s: %s", done, strerror(error));
    reason->passing = error != ELOOP && error != EACCES && error != EPERM
                      && error != ENXIO && error != ENODEV;
    reason->gone = error == ENOENT;
}


/* Checks the content of an open file. */
static mecai_item_t *
check_open(int fd, const mecai_subject_t *subject, mecai_reason_t *reason)
{
    bool         ocsp = subject->authority == NULL;
    int          most = ocsp ? MECAI_OCSP_SIZE_MAX : MECAI_VOUCHER_SIZE_MAX;
    uint8_t      buffer[MECAI_SIZE_MAX + 1];
    struct stat  status;
    ssize_t      size;

    if (fstat(fd, &status) != 0) {
        refuse(reason, "read", errno);
        return NULL;
    }
    if (!S_ISREG(status.st_mode)) {
        mecai_refuse(reason, "not a regular file");
        return NULL;
    }
    size = read_all(fd, buffer, (size_t) most + 1);
    if (size < 0) {
        refuse(reason, "read", errno);
        return NULL;
    }
    if (size > most) {
        mecai_refuse(reason, "larger than %d octets", most);
        return NULL;
    }
    if (ocsp) {
        return mecai_check_ocsp(buffer, (size_t) size, subject, reason);
    }
    return mecai_check_voucher(buffer, (size_t) size, subject, reason);
}


mecai_item_t *
mecai_file_read(int directory_fd, const char *name,
    const mecai_subject_t *subject, mecai_reason_t *reason)
{
    mecai_subject_t  named = *subject;
    uint8_t          authority[MECAI_AUTHORITY_SIZE];
    mecai_item_t    *item;
    int              fd;

    named.authority = mecai_read_name(name, authority) == MECAI_NAME_VOUCHER
                      ? authority : NULL;
    /* O_NONBLOCK: opening a FIFO must not wait for its writer */
    fd = openat(directory_fd, name,
                O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        refuse(reason, "opened", errno);
        return NULL;
    }
    item = check_open(fd, &named, reason);
    close(fd);
    return item;
}
