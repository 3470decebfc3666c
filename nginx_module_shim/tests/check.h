/*
 * Checks of the C tests: the first that fails names its line and ends the test.
 */

#ifndef MECAI_CHECK_H
#define MECAI_CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mecai_voucher_choose.h"

#define CHECK(condition)                                                       \
    do {                                                                       \
        if (!(condition)) {                                                    \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);    \
            exit(1);                                                           \
        }                                                                      \
    } while (0)

/* 2026-03-02T12:00:00Z, tests.pki.NOW: the samples are valid then */
#define NOW  ((time_t) 1772452800)

/* Reads a whole sample; returns its size. */
static inline size_t
read_sample(const char *directory, const char *name, uint8_t *buffer,
    size_t room)
{
    char    path[512];
    FILE   *file;
    size_t  size;

    snprintf(path, sizeof(path), "%s%s%s", directory,
             *directory != 0 ? "/" : "", name);
    file = fopen(path, "rb");
    CHECK(file != NULL);
    size = fread(buffer, 1, room, file);
    fclose(file);
    return size;
}

/* A zone of this process alone; its lock must be free when it is taken. */
static bool  zone_locked;

static inline void
test_lock(void *mutex)
{
    (void) mutex;
    CHECK(!zone_locked);
    zone_locked = true;
}

static inline void
test_unlock(void *mutex)
{
    (void) mutex;
    CHECK(zone_locked);
    zone_locked = false;
}

/* Returns the way to a new zone of so many octets; free() its `zone`. */
static inline mecai_access_t
new_zone(size_t size)
{
    void            *memory = aligned_alloc(4096, size);
    mecai_access_t   access = { NULL, NULL, test_lock, test_unlock };

    CHECK(memory != NULL);
    memset(memory, 0xa5, size);
    access.zone = mecai_zone_make(memory, size);
    CHECK(access.zone == memory);
    return access;
}

static inline X509 *
read_certificate(const char *directory)
{
    uint8_t               der[4096];
    const unsigned char  *next = der;
    size_t                size;
    X509                 *certificate;

    size = read_sample(directory, "certificate.der", der, sizeof(der));
    certificate = d2i_X509(NULL, &next, (long) size);
    CHECK(certificate != NULL);
    return certificate;
}

#endif
