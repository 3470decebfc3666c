/* The files of one certificate, in the zone: see mecai_voucher_zone.h. */

#include "mecai_voucher_blocks.h"

#include <string.h>


static mecai_file_t **
place_of(mecai_set_t *set, const char *name)
{
    mecai_file_t **link = &set->vouchers;

    if (strcmp(name, MECAI_OCSP_NAME) == 0) {
        return &set->ocsp;
    }
    while (*link != NULL && strcmp((*link)->name, name) < 0) {
        link = &(*link)->next;
    }
    return link;
}


mecai_file_t *
mecai_zone_known(const mecai_set_t *set, const char *name)
{
    mecai_file_t  *file = *place_of((mecai_set_t *) set, name);

    return file != NULL && strcmp(file->name, name) == 0 ? file : NULL;
}


mecai_file_t *
mecai_zone_file(mecai_zone_t *zone, mecai_set_t *set, const char *name)
{
    mecai_file_t **link = place_of(set, name);
    mecai_file_t  *file = *link;

    if (file != NULL && strcmp(file->name, name) == 0) {
        return file;
    }
    if (link != &set->ocsp && set->file_count >= MECAI_FILES_MAX) {
        return NULL;
    }
    file = (mecai_file_t *) mecai_new_block(zone);
    if (file != NULL) {
        strncpy(file->name, name, sizeof(file->name) - 1);
        file->next = *link;
        *link = file;
        set->file_count += link != &set->ocsp;
    }
    return file;
}


/* Counts a file in service, or one fewer. */
static void
count_file(mecai_zone_t *zone, const mecai_set_t *set,
    const mecai_file_t *file, int64_t change)
{
    uint64_t  *figure = file == set->ocsp ? &zone->figures.staples
                                          : &zone->figures.vouchers;

    if (file->content != NULL) {
        *figure += (uint64_t) change;
    }
}


static void
set_refused(mecai_zone_t *zone, mecai_set_t *set, mecai_file_t *file,
    bool refused)
{
    set->refused_count += (uint32_t) refused - (uint32_t) file->refused;
    zone->figures.refused += (uint64_t) refused - (uint64_t) file->refused;
    file->refused = refused;
}


static size_t
lists_size(size_t addresses, size_t contexts)
{
    return addresses * sizeof(mecai_address_t)
           + contexts * sizeof(mecai_context_t);
}


bool
mecai_zone_take(mecai_zone_t *zone, mecai_set_t *set, mecai_file_t *file,
    const mecai_version_t *version, const mecai_item_t *item)
{
    const mecai_claims_t  *claims = &item->claims;
    mecai_block_t         *chain;
    mecai_cursor_t               cursor;

    chain = mecai_new_chain(zone, item->size + lists_size(claims->address_count,
                                                    claims->context_count));
    if (chain == NULL) {
        return false;
    }
    cursor = (mecai_cursor_t) { chain, 0 };
    mecai_copy(&cursor, (void *) claims->addresses,
         lists_size(claims->address_count, 0), true);
    mecai_copy(&cursor, (void *) claims->contexts,
         lists_size(0, claims->context_count), true);
    mecai_copy(&cursor, (void *) item->der, item->size, true);

    count_file(zone, set, file, -1);
    mecai_free_blocks(zone, file->content);
    file->content = chain;
    count_file(zone, set, file, 1);
    set_refused(zone, set, file, false);
    file->seen = *version;
    file->from = file->until = 0;
    file->size = (uint32_t) item->size;
    file->address_count = (uint8_t) claims->address_count;
    file->context_count = (uint8_t) claims->context_count;
    file->this_update = claims->this_update;
    file->next_update = claims->next_update;
    memcpy(file->authority, claims->authority, MECAI_AUTHORITY_SIZE);
    memcpy(file->hash, claims->hash, MECAI_HASH_SIZE);
    return true;
}


void
mecai_zone_refuse(mecai_zone_t *zone, mecai_set_t *set, mecai_file_t *file,
    const mecai_version_t *version, const mecai_reason_t *reason)
{
    set_refused(zone, set, file, true);
    file->seen = *version;
    file->from = reason->from;
    file->until = reason->until;
}


static void
drop(mecai_zone_t *zone, mecai_set_t *set, mecai_file_t **link)
{
    mecai_file_t  *file = *link;

    count_file(zone, set, file, -1);
    set_refused(zone, set, file, false);
    set->file_count -= link != &set->ocsp;
    *link = file->next;
    mecai_free_blocks(zone, file->content);
    mecai_free_one(zone, file);
}


/* Drops a slice of what a reading did not mark; true: nothing is left. */
static bool
drop_others(mecai_zone_t *zone, mecai_set_t *set, uint64_t scan)
{
    mecai_file_t **link = &set->vouchers;
    unsigned       left = MECAI_SLICE_FILES;

    while (*link != NULL) {
        if ((*link)->scan == scan) {
            link = &(*link)->next;
        } else if (left-- > 0) {
            drop(zone, set, link);
        } else {
            return false;
        }
    }
    if (set->ocsp != NULL && set->ocsp->scan != scan) {
        drop(zone, set, &set->ocsp);
    }
    return true;
}


bool
mecai_zone_end(mecai_zone_t *zone, mecai_set_t *set, uint64_t scan)
{
    if (set->scan != scan || !drop_others(zone, set, scan)) {
        return false;
    }
    mecai_zone_complete(zone, set);
    return true;
}


void
mecai_zone_complete(mecai_zone_t *zone, mecai_set_t *set)
{
    zone->figures.unread -= !set->complete;
    set->complete = true;
}


void
mecai_file_der(const mecai_file_t *file, uint8_t *out)
{
    size_t    skip = lists_size(file->address_count, file->context_count);
    mecai_cursor_t  cursor = { file->content, 0 };

    while (skip >= MECAI_PAYLOAD) {
        cursor.block = cursor.block->next;
        skip -= MECAI_PAYLOAD;
    }
    cursor.offset = skip;
    mecai_copy(&cursor, out, file->size, false);
}


void
mecai_file_lists(const mecai_file_t *file, mecai_lists_t *lists)
{
    mecai_cursor_t  cursor = { file->content, 0 };

    mecai_copy(&cursor, lists->addresses, lists_size(file->address_count, 0),
               false);
    mecai_copy(&cursor, lists->contexts, lists_size(0, file->context_count),
               false);
}


void
mecai_zone_look(mecai_set_t *set, int64_t now_ms)
{
    if (now_ms > set->looked) {
        set->looked = now_ms;
    }
}


uint64_t
mecai_zone_begin(mecai_zone_t *zone, mecai_set_t *set)
{
    set->scan = ++zone->scans;
    return set->scan;
}
