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
    SETTLING_SECONDS = 2,       /* file systems stamp coarsely: a younger
                                 * directory may change unseen */
    LINE_SIZE = 1024,
    EXHAUSTED = -1,             /* beside errno: out of descriptors or memory
                                 * while a file was opened */
};

struct mecai_store_s {
    mecai_log_pt   log;
    unsigned       round;       /* the one under way */
    mecai_set_t   *buckets[BUCKETS];
    char           path[];
};

/* One reading of one certificate's directory. */
typedef struct {
    const mecai_store_t  *store;
    mecai_set_t          *set;
    mecai_subject_t       subject;
    int                   fd;
    unsigned             *work;
    bool                  cut;      /* short, for want of work */
} scan_t;


__attribute__((format(printf, 2, 3))) static void
tell(const mecai_store_t *store, const char *format, ...)
{
    char     line[LINE_SIZE];
    va_list  arguments;

    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    /* a file's name must not forge a line of the log */
    for (char *c = line; *c != '\0'; c++) {
        if ((unsigned char) *c < ' ' || *c == 0x7f) {
            *c = '?';
        }
    }
    store->log(line);
}


static void
tell_refused(const scan_t *scan, const mecai_file_t *file,
    const mecai_reason_t *reason)
{
    const mecai_item_t  *item = file->item;
    char                 when[MECAI_TIME_TEXT];

    if (item == NULL || item->claims.next_update <= scan->subject.now) {
        tell(scan->store, "\"%s/%s\" is not served: %s", scan->set->path,
             file->name, reason->text);
        return;
    }
    tell(scan->store, "\"%s/%s\" is not served: %s; what it held before, with "
         "nextUpdate %s, stays in service", scan->set->path, file->name,
         reason->text, mecai_time_text(item->claims.next_update, when));
}


static void
take_off(unsigned *work, unsigned done)
{
    *work -= done < *work ? done : *work;
}


/*
 * Brings one file up to date. Returns false where the reading must end here: no
 * work is left, or the process, not the file, is at fault.
 */
static bool
refresh(scan_t *scan, mecai_file_t *file)
{
    mecai_reason_t     reason;
    mecai_refreshed_t  result;

    if (*scan->work == 0) {
        scan->cut = true;
        return false;
    }
    result = mecai_file_refresh(file, scan->fd, &scan->subject, &reason);
    take_off(scan->work, result == MECAI_FILE_SAME ? MECAI_LOOK_WORK
                                                   : MECAI_CHECK_WORK);
    file->present = result != MECAI_FILE_GONE;
    if (result == MECAI_FILE_REFUSED
        || (result == MECAI_FILE_LATER && scan->set->trouble != EXHAUSTED))
    {
        tell_refused(scan, file, &reason);
    }
    if (result == MECAI_FILE_LATER) {
        scan->set->trouble = EXHAUSTED;
        return false;
    }
    return true;
}


static void
tell_full(const scan_t *scan, const char *what, int most, const char *name)
{
    if (!scan->set->told_full) {
        tell(scan->store, "\"%s\" holds more than %d %s; \"%s\" and others are "
             "not served", scan->set->path, most, what, name);
        scan->set->told_full = true;
    }
}


/* Returns the file of a name, new where there is none; NULL: the set is full */
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
        tell_full(scan, "vouchers", MECAI_VOUCHERS_MAX, name);
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
        set->ocsp = (mecai_file_t) { .name = MECAI_OCSP_NAME };
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


/* Reads one name. Returns false where the reading must end here. */
static bool
read_name(scan_t *scan, const char *name)
{
    mecai_file_t  *file;

    if (!mecai_name_ours(name)) {
        return true;
    }
    if (strcmp(name, MECAI_OCSP_NAME) == 0) {
        file = &scan->set->ocsp;
    } else {
        file = voucher_file(scan, name);
    }
    return file == NULL || refresh(scan, file);
}


/* Reads all names. Returns false, with nothing dropped, if it came to no end */
static bool
read_names(scan_t *scan, DIR *directory)
{
    const struct dirent  *entry;
    unsigned              count = 0;

    mark_absent(scan->set);
    while ((entry = readdir(directory)) != NULL) {
        if (++count > MECAI_NAMES_MAX) {
            tell_full(scan, "names", MECAI_NAMES_MAX, entry->d_name);
            break;
        }
        if (!read_name(scan, entry->d_name)) {
            return false;
        }
    }
    drop_absent(scan->set);
    return true;
}


/*
 * Tells whether a file was refused. The directory does not change when its time
 * comes, or when whoever wrote it in place comes to the end.
 */
static bool
one_refused(const mecai_set_t *set)
{
    for (const mecai_file_t *file = set->vouchers; file; file = file->next) {
        if (file->refused) {
            return true;
        }
    }
    return set->ocsp.refused;
}


/* The directory cannot be read; a missing one means that nothing is there. */
static void
lost(const mecai_store_t *store, mecai_set_t *set, int error)
{
    if (error == ENOENT || error == ENOTDIR) {
        mark_absent(set);
        drop_absent(set);
    }
    if (set->trouble != error) {
        tell(store, "nothing to staple for the certificate in use: directory "
             "\"%s\": %s", set->path, strerror(error));
    }
    set->trouble = error;
    set->settled = false;
}


static void
read_directory(scan_t *scan)
{
    mecai_set_t  *set = scan->set;
    DIR          *directory;
    struct stat   status;
    bool          complete;

    scan->fd = open(set->path,
                    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (scan->fd < 0) {
        lost(scan->store, set, errno);
        return;
    }
    if (fstat(scan->fd, &status) != 0
        || (directory = fdopendir(scan->fd)) == NULL)
    {
        lost(scan->store, set, errno);
        close(scan->fd);
        return;
    }
    complete = read_names(scan, directory);
    closedir(directory);
    if (complete) {
        set->trouble = 0;
    }
    set->directory = mecai_version_of(&status);
    set->settled = complete && !one_refused(set)
                   && scan->subject.now - status.st_mtime >= SETTLING_SECONDS;
}


/* Brings a set up to date. Returns false where work was too little for that. */
static bool
look(const mecai_store_t *store, mecai_set_t *set, time_t now, unsigned *work)
{
    scan_t           scan = { store, set, { set->certificate, set->hash, NULL,
                              now }, -1, work, false };
    mecai_version_t  version;
    struct stat      status;

    take_off(work, MECAI_LOOK_WORK);
    if (lstat(set->path, &status) != 0) {
        lost(store, set, errno);
        return true;
    }
    version = mecai_version_of(&status);
    if (!set->settled || !mecai_same_version(&version, &set->directory)) {
        read_directory(&scan);
    }
    return !scan.cut;
}


static void
free_set(mecai_set_t *set)
{
    mark_absent(set);
    drop_absent(set);
    X509_free(set->certificate);
    free(set);
}


static mecai_set_t *
new_set(const mecai_store_t *store, X509 *certificate,
    const uint8_t hash[MECAI_HASH_SIZE])
{
    size_t        size = strlen(store->path) + sizeof("/")
                         + 2 * MECAI_HASH_SIZE;
    mecai_set_t  *set = calloc(1, sizeof(*set) + size);
    char         *out;

    if (set == NULL) {
        return NULL;
    }
    X509_up_ref(certificate);
    set->certificate = certificate;
    set->round = store->round - 1;
    memcpy(set->hash, hash, MECAI_HASH_SIZE);
    strcpy(set->ocsp.name, MECAI_OCSP_NAME);
    out = set->path + sprintf(set->path, "%s/", store->path);
    for (size_t i = 0; i < MECAI_HASH_SIZE; i++) {
        out += sprintf(out, "%02x", hash[i]);
    }
    return set;
}


/* Returns the set of a certificate, new and empty where there is none. */
static mecai_set_t *
set_of(mecai_store_t *store, X509 *certificate)
{
    uint8_t       hash[MECAI_HASH_SIZE];
    mecai_set_t **bucket, *set;

    if (X509_digest(certificate, EVP_sha256(), hash, NULL) != 1) {
        return NULL;
    }
    bucket = &store->buckets[hash[0]];
    for (set = *bucket; set != NULL; set = set->next) {
        if (memcmp(set->hash, hash, sizeof(hash)) == 0) {
            return set;
        }
    }
    set = new_set(store, certificate, hash);
    if (set != NULL) {
        set->next = *bucket;
        *bucket = set;
    }
    return set;
}


bool
mecai_store_keep(mecai_store_t *store, X509 *certificate)
{
    mecai_set_t  *set = set_of(store, certificate);

    if (set != NULL) {
        set->configured = true;
    }
    return set != NULL;
}


const mecai_set_t *
mecai_store_find(mecai_store_t *store, X509 *certificate, time_t now)
{
    mecai_set_t  *set = set_of(store, certificate);

    if (set != NULL) {
        set->shown = now;
    }
    return set;
}


/* Looks at what this round has not seen; false: no work is left. */
static bool
refresh_bucket(mecai_store_t *store, mecai_set_t **link, time_t now,
    unsigned *work)
{
    while (*link != NULL) {
        mecai_set_t  *set = *link;

        if (!set->configured && now - set->shown > MECAI_FORGET_SECONDS) {
            *link = set->next;
            free_set(set);
            continue;
        }
        if (set->round != store->round) {
            if (*work == 0 || !look(store, set, now, work)) {
                return false;
            }
            set->round = store->round;
        }
        link = &set->next;
    }
    return true;
}


bool
mecai_store_refresh(mecai_store_t *store, time_t now, unsigned *work)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        if (!refresh_bucket(store, &store->buckets[i], now, work)) {
            return false;
        }
    }
    store->round++;
    return true;
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
