/* What calls of the rooms under test come to: see the header. */

#include "calls.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "place.h"

unsigned       file_calls, opened;
bool           fill, one_tick, no_memory_after;
int64_t        clock_ms;
int            fstatat_error, readdir_error, openat_error, fstat_error;
int            read_error;
bool           no_memory[2];
unsigned long  memory_left, mallocs;


/* The Makefile links these in place of the originals (ld --wrap). */
#define WRAP(type, name, parameters, arguments)                                \
    type __real_##name parameters;                                             \
    type __wrap_##name parameters;                                             \
    type                                                                       \
    __wrap_##name parameters                                                   \
    {                                                                          \
        file_calls++;                                                          \
        return __real_##name arguments;                                        \
    }

WRAP(int, open, (const char *path, int flags, mode_t mode), (path, flags, mode))
WRAP(int, lstat, (const char *path, struct stat *status), (path, status))
WRAP(DIR *, fdopendir, (int fd), (fd))

int __wrap_clock_gettime(clockid_t id, struct timespec *now);
int
__wrap_clock_gettime(clockid_t id, struct timespec *now)
{
    CHECK(id == CLOCK_MONOTONIC);
    now->tv_sec = clock_ms / 1000;
    now->tv_nsec = clock_ms % 1000 * 1000000;
    return 0;
}


static bool
fails(int *error)
{
    file_calls++;
    errno = *error;
    *error = 0;
    return errno != 0;
}


int __real_fstat(int fd, struct stat *status);
int
__wrap_fstat(int fd, struct stat *status)
{
    return fails(&fstat_error) ? -1 : __real_fstat(fd, status);
}


ssize_t __real_read(int fd, void *buffer, size_t size);
ssize_t
__wrap_read(int fd, void *buffer, size_t size)
{
    return fails(&read_error) ? -1 : __real_read(fd, buffer, size);
}


static bool
has_memory(bool *none)
{
    bool  some = !*none;

    *none = false;
    return some;
}


/* Counts down to the malloc of OpenSSL's that fails. */
static bool
has_some_left(void)
{
    mallocs++;
    if (memory_left == 0 || --memory_left > 0) {
        return true;
    }
    memory_left = no_memory_after;
    return false;
}


void *__real_malloc(size_t size);
void *
__wrap_malloc(size_t size)
{
    return has_memory(&no_memory[0]) ? __real_malloc(size) : NULL;
}


static void *
openssl_malloc(size_t size, const char *file, int line)
{
    (void) file, (void) line;
    return has_memory(&no_memory[1]) && has_some_left() ? __real_malloc(size)
                                                        : NULL;
}


static void *
openssl_realloc(void *memory, size_t size, const char *file, int line)
{
    (void) file, (void) line;
    return has_memory(&no_memory[1]) && has_some_left()
           ? realloc(memory, size) : NULL;
}


static void
openssl_free(void *memory, const char *file, int line)
{
    (void) file, (void) line;
    free(memory);
}


int __real_openat(int at, const char *path, int flags, mode_t mode);
int
__wrap_openat(int at, const char *path, int flags, mode_t mode)
{
    uint8_t  key[MECAI_HASH_SIZE] = { 0 };

    file_calls++;
    opened++;
    while (fill && mecai_zone_set(zone.zone, key) != NULL) {
        for (size_t i = 0; ++key[i] == 0; i++) { /* void */ }
    }
    fill = false;
    if (fails(&openat_error)) {
        return -1;
    }
    return __real_openat(at, path, flags, mode);
}


int __real_fstatat(int at, const char *path, struct stat *status, int flags);
int
__wrap_fstatat(int at, const char *path, struct stat *status, int flags)
{
    file_calls++;
    if (fstatat_error != 0) {
        errno = fstatat_error;
        fstatat_error = 0;
        return -1;
    }
    if (__real_fstatat(at, path, status, flags) != 0) {
        return -1;
    }
    if (one_tick) {
        status->st_ctim = (struct timespec) { 0 };
    }
    return 0;
}


struct dirent *__real_readdir(DIR *directory);
struct dirent *
__wrap_readdir(DIR *directory)
{
    file_calls++;
    if (readdir_error != 0) {
        errno = readdir_error;
        readdir_error = 0;
        return NULL;
    }
    return __real_readdir(directory);
}


void
take_openssl_memory(void)
{
    CHECK(CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc,
                                   openssl_free) == 1);
}
