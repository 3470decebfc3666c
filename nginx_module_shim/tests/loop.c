/*
 * Preloaded into nginx (LD_PRELOAD): how long its event loop is kept.
 *
 * Each process writes into the file $MECAI_LOOP.PID, as text, the longest time
 * between two of its waits for events in nanoseconds: on the clock, and of its
 * processor time; and how many waits there were. What comes before its second
 * wait is its start: the first one is nginx's own test of what epoll can do.
 */

#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { WAITS_OF_START = 2, KINDS = 2 };

static const clockid_t  clocks[KINDS] = {
    CLOCK_MONOTONIC, CLOCK_THREAD_CPUTIME_ID
};
static char      place[PATH_MAX];
static pid_t     owner;
static int       file = -1;
static uint64_t  waits, since[KINDS], longest[KINDS];


/* before nginx clears its environment */
__attribute__((constructor)) static void
find_place(void)
{
    const char  *named = getenv("MECAI_LOOP");

    snprintf(place, sizeof(place), "%s", named != NULL ? named : "loop");
}


static uint64_t
moment(clockid_t clock)
{
    struct timespec  now;

    clock_gettime(clock, &now);
    return (uint64_t) now.tv_sec * 1000000000 + (uint64_t) now.tv_nsec;
}


/* A worker is a copy of its master: its figures begin anew. */
static void
begin(void)
{
    char  path[PATH_MAX + 16];

    owner = getpid();
    waits = 0;
    longest[0] = longest[1] = 0;
    snprintf(path, sizeof(path), "%s.%d", place, (int) owner);
    file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
}


static void
note(void)
{
    char  line[80];
    int   size;

    for (int kind = 0; kind < KINDS && waits >= WAITS_OF_START; kind++) {
        uint64_t  took = moment(clocks[kind]) - since[kind];

        if (took > longest[kind]) {
            longest[kind] = took;
        }
    }
    waits++;
    size = snprintf(line, sizeof(line), "%20llu %20llu %20llu\n",
                    (unsigned long long) longest[0],
                    (unsigned long long) longest[1],
                    (unsigned long long) waits);
    if (pwrite(file, line, (size_t) size, 0) != size) {
        file = -1;
    }
}


int
epoll_wait(int epoll, struct epoll_event *events, int most, int timeout)
{
    static int (*wait)(int, struct epoll_event *, int, int);
    int          found;

    if (wait == NULL) {
        *(void **) &wait = dlsym(RTLD_NEXT, "epoll_wait");
    }
    if (owner != getpid()) {
        begin();
    }
    note();
    found = wait(epoll, events, most, timeout);
    since[0] = moment(clocks[0]);
    since[1] = moment(clocks[1]);
    return found;
}
