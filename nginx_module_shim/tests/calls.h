/*
 * What calls of the rooms under test come to: those that touch a file are
 * counted, and fail where a test says so; the clock is the test's own. The
 * Makefile links them in place of the originals (ld --wrap).
 */

#ifndef MECAI_CALLS_H
#define MECAI_CALLS_H

#include <stdbool.h>
#include <stdint.h>

extern unsigned        file_calls;      /* of the rooms under test */
extern unsigned        opened;          /* files in the directory */
extern bool            fill;            /* others fill the zone then */
extern bool            one_tick;        /* no change moves the files' ctime */
extern int64_t         clock_ms;        /* that no one sets */

/* An errno that the next call shall fail with; 0: none. */
extern int  fstatat_error, readdir_error, openat_error, fstat_error, read_error;

/* The next malloc fails: of the rooms under test, of OpenSSL. */
extern bool  no_memory[2];

/* The so many-th malloc of OpenSSL's fails, with all behind it or alone; 0:
 * none. How many there were. */
extern unsigned long  memory_left, mallocs;
extern bool           no_memory_after;

/* Lets OpenSSL's memory come from here. Before its first. */
void take_openssl_memory(void);

#endif
