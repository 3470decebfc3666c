/* What is in service, in memory that all workers share: see the header. */

#include "mecai_voucher_blocks.h"

#include <string.h>

enum {
    SWEPT_BUCKETS = 64,         /* in one call */
    /* a set, a file, and the largest content there may be */
    ROOM_BLOCKS = 2 + (sizeof(mecai_lists_t) + MECAI_SIZE_MAX) / MECAI_PAYLOAD
                  + 1,
};

_Static_assert(sizeof(mecai_block_t) == MECAI_BLOCK_SIZE, "one block");
_Static_assert(sizeof(mecai_file_t) <= MECAI_BLOCK_SIZE, "a file is a block");
_Static_assert(sizeof(mecai_set_t) <= MECAI_BLOCK_SIZE, "a set is a block");
/* another size is another layout: count MECAI_ZONE_LAYOUT_TEXT up */
_Static_assert(sizeof(void *) != 8
               || (sizeof(mecai_file_t) == 224 && sizeof(mecai_set_t) == 208
                   && sizeof(mecai_figures_t) == 144), "the layout");


static void
start_over(mecai_zone_t *zone)
{
    mecai_block_t  *first = (mecai_block_t *) zone
                            + sizeof(*zone) / MECAI_BLOCK_SIZE + 1;

    memset(zone->buckets, 0, sizeof(zone->buckets));
    zone->free = NULL;
    zone->fresh = first;
    zone->used = 0;
    zone->told_full = 0;
    zone->figures.certificates = zone->figures.unread = 0;
    zone->figures.vouchers = zone->figures.staples = 0;
    zone->figures.refused = 0;
}


mecai_zone_t *
mecai_zone_make(void *memory, size_t size)
{
    mecai_zone_t  *zone = memory;

    if (size < sizeof(*zone) + (1 + ROOM_BLOCKS) * MECAI_BLOCK_SIZE) {
        return NULL;
    }
    memset(zone, 0, sizeof(*zone));
    zone->figures.size = size;
    zone->end = (mecai_block_t *) zone + size / MECAI_BLOCK_SIZE;
    start_over(zone);
    return zone;
}


static void
mark(mecai_zone_t *zone, bool writing)
{
    /* in this order also for who looks after this process was killed */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    __atomic_store_n(&zone->writing, writing, __ATOMIC_SEQ_CST);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}


void
mecai_lock(const mecai_access_t *access)
{
    access->lock(access->mutex);
    if (access->zone->writing) {
        start_over(access->zone);
        access->zone->figures.resets++;
        mark(access->zone, false);
    }
}


void
mecai_lock_to_write(const mecai_access_t *access)
{
    mecai_lock(access);
    mark(access->zone, true);
}


void
mecai_unlock(const mecai_access_t *access)
{
    mark(access->zone, false);
    access->unlock(access->mutex);
}


bool
mecai_zone_has_room(const mecai_zone_t *zone)
{
    const mecai_block_t  *first = (const mecai_block_t *) zone
                                  + sizeof(*zone) / MECAI_BLOCK_SIZE + 1;
    uint64_t              all = (uint64_t) (zone->end - first);

    return all - zone->used >= ROOM_BLOCKS;
}


/* The keys are hashes: any two octets spread as well as others. */
static mecai_set_t **
bucket_of(mecai_zone_t *zone, const uint8_t key[MECAI_HASH_SIZE])
{
    return &zone->buckets[((unsigned) key[0] << 8 | key[1]) % MECAI_BUCKETS];
}


mecai_set_t *
mecai_zone_find(mecai_zone_t *zone, const uint8_t key[MECAI_HASH_SIZE])
{
    mecai_set_t  *set = *bucket_of(zone, key);

    while (set != NULL && memcmp(set->key, key, MECAI_HASH_SIZE) != 0) {
        set = set->next;
    }
    return set;
}


mecai_set_t *
mecai_zone_set(mecai_zone_t *zone, const uint8_t key[MECAI_HASH_SIZE])
{
    mecai_set_t **bucket = bucket_of(zone, key);
    mecai_set_t  *set = mecai_zone_find(zone, key);

    if (set == NULL) {
        set = (mecai_set_t *) mecai_new_block(zone);
        if (set != NULL) {
            memcpy(set->key, key, MECAI_HASH_SIZE);
            set->next = *bucket;
            *bucket = set;
            zone->figures.certificates++;
            zone->figures.unread++;
        }
    }
    return set;
}


bool
mecai_zone_sweep(mecai_zone_t *zone, int64_t now_ms)
{
    for (unsigned i = 0; i < SWEPT_BUCKETS; i++) {
        mecai_set_t **link = &zone->buckets[zone->swept++ % MECAI_BUCKETS];

        while (*link != NULL) {
            mecai_set_t  *set = *link;

            if (now_ms - set->looked < MECAI_UNLOOKED_SECONDS * 1000LL) {
                link = &set->next;
                continue;
            }
            if (!mecai_zone_end(zone, set, mecai_zone_begin(zone, set))) {
                zone->swept--;
                return false;
            }
            zone->figures.certificates--;
            *link = set->next;
            mecai_free_one(zone, set);
        }
    }
    return true;
}


void
mecai_zone_count(mecai_zone_t *zone, mecai_reason_code_t reason)
{
    __atomic_fetch_add(&zone->figures.handshakes[reason], 1, __ATOMIC_RELAXED);
}


void
mecai_zone_figures(const mecai_zone_t *zone, mecai_figures_t *figures)
{
    *figures = zone->figures;
    figures->used = zone->used * MECAI_BLOCK_SIZE;
}


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
