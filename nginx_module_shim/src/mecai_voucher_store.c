/* The staple directory in memory: see the header. */

#include "mecai_voucher_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

enum {
    BUCKETS = 256,
    SETTLING_SECONDS = 2,           /* file systems stamp coarsely: a younger directory may change unseen */
    FORGET_SECONDS = 24 * 60 * 60,  /* a certificate that nobody showed for so long leaves memory */
    LINE_SIZE = 1024,
    EXHAUSTED = -1,                 /* beside errno: out of descriptors or memory while a file was opened */
};

struct mecai_store_s {
    mecai_log_pt   log;
    mecai_set_t   *buckets[BUCKETS];
    char           path[];
};

/* One reading of one certificate's directory. */
typedef struct {
    const mecai_store_t    *store;
    mecai_set_t            *set;
    const mecai_subject_t  *subject;
    int                     fd;
} scan_t;


__attribute__((format(printf, 2, 3))) static void
tell(const mecai_store_t *store, const char *format, ...)
{
    char     line[LINE_SIZE];
    va_list  arguments;

    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    for (char *c = line; *c != '\0'; c++) {     /* a file's name must not forge a line of the log */
        if ((unsigned char) *c < ' ' || *c == 0x7f) {
            *c = '?';
        }
    }
    store->log(line);
}


static void
tell_refused(const scan_t *scan, const mecai_file_t *file, const mecai_reason_t *reason)
{
    char  when[MECAI_TIME_TEXT];

    if (file->item == NULL || file->item->claims.next_update <= scan->subject->now) {
        tell(scan->store, "\"%s/%s\" is not served: %s", scan->set->path, file->name, reason->text);
    } else {
        tell(scan->store, "\"%s/%s\" is not served: %s; what it held before, with nextUpdate %s, stays in service",
             scan->set->path, file->name, reason->text, mecai_time_text(file->item->claims.next_update, when));
    }
}


/* Brings one file up to date. Returns false where the process, not the file, is at fault: try again later. */
static bool
refresh(const scan_t *scan, mecai_file_t *file)
{
    mecai_reason_t     reason;
    mecai_refreshed_t  result = mecai_file_refresh(file, scan->fd, scan->subject, &reason);

    file->present = result != MECAI_FILE_GONE;
    if (result == MECAI_FILE_REFUSED || (result == MECAI_FILE_LATER && scan->set->trouble != EXHAUSTED)) {
        tell_refused(scan, file, &reason);
    }
    if (result == MECAI_FILE_LATER) {
        scan->set->trouble = EXHAUSTED;
        return false;
    }
    return true;
}


/* Returns the file of a voucher's name, made new where there is none; NULL where the set is full. */
static mecai_file_t *
voucher_file(const scan_t *scan, const char *name)
{
    mecai_set_t   *set = scan->set;
    mecai_file_t **link = &set->vouchers;
    mecai_file_t  *file;

    while (*link != NULL && strcmp((*link)->name, name) < 0) {
        link = &(*link)->next;
    }
    if (*link != NULL && strcmp((*link)->name, name) == 0) {
        return *link;
    }
    if (set->voucher_count == MECAI_VOUCHERS_MAX) {
        if (!set->told_full) {
            tell(scan->store, "\"%s\" holds more than %d vouchers; \"%s\" and others are not served", set->path,
                 MECAI_VOUCHERS_MAX, name);
            set->told_full = true;
        }
        return NULL;
    }
    file = calloc(1, sizeof(*file));
    if (file != NULL) {
        strcpy(file->name, name);
        file->next = *link;
        *link = file;
        set->voucher_count++;
    }
    return file;
}


static void
drop(mecai_set_t *set, mecai_file_t **link)
{
    mecai_file_t  *file = *link;

    *link = file->next;
    free(file->item);
    free(file);
    set->voucher_count--;
}


/* Takes out of service what is not marked present. */
static void
drop_absent(mecai_set_t *set)
{
    mecai_file_t **link = &set->vouchers;

    while (*link != NULL) {
        if ((*link)->present) {
            link = &(*link)->next;
        } else {
            drop(set, link);
        }
    }
    if (!set->ocsp.present) {
        free(set->ocsp.item);
        set->ocsp.item = NULL;
        set->ocsp.due = 0;
        memset(&set->ocsp.seen, 0, sizeof(set->ocsp.seen));
    }
}


static void
mark_absent(mecai_set_t *set)
{
    for (mecai_file_t *file = set->vouchers; file != NULL; file = file->next) {
        file->present = false;
    }
    set->ocsp.present = false;
}


/* Reads all names. Returns false where the process is at fault: nothing is dropped then. */
static bool
read_names(const scan_t *scan, DIR *directory)
{
    const struct dirent  *entry;
    mecai_file_t         *file;

    mark_absent(scan->set);
    while ((entry = readdir(directory)) != NULL) {
        if (!mecai_name_ours(entry->d_name)) {
            continue;
        }
        if (strcmp(entry->d_name, MECAI_OCSP_NAME) == 0) {
            file = &scan->set->ocsp;
        } else {
            file = voucher_file(scan, entry->d_name);
        }
        if (file != NULL && !refresh(scan, file)) {
            return false;
        }
    }
    drop_absent(scan->set);
    return true;
}


/* Tells whether a file waits for its time: nothing in the directory will change when it comes. */
static bool
one_waits(const mecai_set_t *set)
{
    for (const mecai_file_t *file = set->vouchers; file != NULL; file = file->next) {
        if (file->due != 0) {
            return true;
        }
    }
    return set->ocsp.due != 0;
}


/* The directory itself cannot be read; a missing one means that there is nothing for this certificate. */
static void
lost(const mecai_store_t *store, mecai_set_t *set, int error)
{
    if (error == ENOENT || error == ENOTDIR) {
        mark_absent(set);
        drop_absent(set);
    }
    if (set->trouble != error) {
        tell(store, "nothing to staple for the certificate in use: directory \"%s\": %s", set->path, strerror(error));
    }
    set->trouble = error;
    set->settled = false;
}


static void
read_directory(const mecai_store_t *store, mecai_set_t *set, const mecai_subject_t *subject)
{
    int          fd = open(set->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR         *directory;
    scan_t       scan = { store, set, subject, fd };
    struct stat  status;
    bool         complete;

    if (fd < 0) {
        lost(store, set, errno);
        return;
    }
    if (fstat(fd, &status) != 0 || (directory = fdopendir(fd)) == NULL) {
        lost(store, set, errno);
        close(fd);
        return;
    }
    complete = read_names(&scan, directory);
    closedir(directory);
    if (complete) {
        set->trouble = 0;
    }
    set->directory = mecai_version_of(&status);
    set->settled = complete && subject->now - status.st_mtime >= SETTLING_SECONDS && !one_waits(set);
}


/* Brings a set up to date, at most once a second. */
static void
look(const mecai_store_t *store, mecai_set_t *set, X509 *certificate, time_t now)
{
    mecai_subject_t  subject = { certificate, set->hash, NULL, now };
    mecai_version_t  version;
    struct stat      status;

    if (set->looked == now) {
        return;
    }
    set->looked = now;
    if (lstat(set->path, &status) != 0) {
        lost(store, set, errno);
        return;
    }
    version = mecai_version_of(&status);
    if (!set->settled || !mecai_same_version(&version, &set->directory)) {
        read_directory(store, set, &subject);
    }
}


static void
free_set(mecai_set_t *set)
{
    mark_absent(set);
    drop_absent(set);
    free(set);
}


static mecai_set_t *
new_set(const mecai_store_t *store, const uint8_t hash[MECAI_HASH_SIZE])
{
    size_t        size = strlen(store->path) + sizeof("/") + 2 * MECAI_HASH_SIZE;
    mecai_set_t  *set = calloc(1, sizeof(*set) + size);
    char         *out;

    if (set == NULL) {
        return NULL;
    }
    memcpy(set->hash, hash, MECAI_HASH_SIZE);
    strcpy(set->ocsp.name, MECAI_OCSP_NAME);
    out = set->path + sprintf(set->path, "%s/", store->path);
    for (size_t i = 0; i < MECAI_HASH_SIZE; i++) {
        out += sprintf(out, "%02x", hash[i]);
    }
    return set;
}


/* Makes room when a certificate joins: those replaced long ago leave. */
static void
forget_old(mecai_set_t **link, time_t now)
{
    while (*link != NULL) {
        mecai_set_t  *set = *link;

        if (now - set->looked > FORGET_SECONDS) {
            *link = set->next;
            free_set(set);
        } else {
            link = &set->next;
        }
    }
}


mecai_set_t *
mecai_store_find(mecai_store_t *store, X509 *certificate, time_t now)
{
    uint8_t       hash[MECAI_HASH_SIZE];
    mecai_set_t **bucket, *set;

    if (X509_digest(certificate, EVP_sha256(), hash, NULL) != 1) {
        return NULL;
    }
    bucket = &store->buckets[hash[0]];
    for (set = *bucket; set != NULL && memcmp(set->hash, hash, sizeof(hash)) != 0; set = set->next) { /* void */ }

    if (set == NULL) {
        set = new_set(store, hash);
        if (set == NULL) {
            return NULL;
        }
        forget_old(bucket, now);
        set->next = *bucket;
        *bucket = set;
    }
    look(store, set, certificate, now);
    return set;
}


mecai_store_t *
mecai_store_create(const char *path, mecai_log_pt log)
{
    mecai_store_t  *store = calloc(1, sizeof(*store) + strlen(path) + 1);

    if (store != NULL) {
        store->log = log;
        strcpy(store->path, path);
    }
    return store;
}


void
mecai_store_destroy(mecai_store_t *store)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        while (store->buckets[i] != NULL) {
            mecai_set_t  *set = store->buckets[i];

            store->buckets[i] = set->next;
            free_set(set);
        }
    }
    free(store);
}
