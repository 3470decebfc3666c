/* The blocks that the zone is made of: see the header. */

#include "mecai_voucher_blocks.h"

#include <string.h>


mecai_block_t *
mecai_new_block(mecai_zone_t *zone)
{
    mecai_block_t  *block = zone->free;

    if (block != NULL) {
        zone->free = block->next;
    } else if (zone->fresh < zone->end) {
        block = zone->fresh++;
    } else {
        return NULL;
    }
    zone->used++;
    memset(block, 0, sizeof(*block));
    return block;
}


void
mecai_free_blocks(mecai_zone_t *zone, mecai_block_t *block)
{
    while (block != NULL) {
        mecai_block_t  *next = block->next;

        block->next = zone->free;
        zone->free = block;
        zone->used--;
        block = next;
    }
}


void
mecai_free_one(mecai_zone_t *zone, void *one)
{
    mecai_block_t  *block = one;

    block->next = NULL;
    mecai_free_blocks(zone, block);
}


mecai_block_t *
mecai_new_chain(mecai_zone_t *zone, size_t size)
{
    mecai_block_t  *chain = NULL;

    for (size_t done = 0; done < size; done += MECAI_PAYLOAD) {
        mecai_block_t  *block = mecai_new_block(zone);

        if (block == NULL) {
            mecai_free_blocks(zone, chain);
            return NULL;
        }
        block->next = chain;
        chain = block;
    }
    return chain;
}


void
mecai_copy(mecai_cursor_t *cursor, void *memory, size_t size, bool in)
{
    uint8_t  *next = memory;

    while (size > 0 && cursor->offset < MECAI_PAYLOAD) {
        uint8_t  *data = cursor->block->data + cursor->offset;
        size_t    part = MECAI_PAYLOAD - cursor->offset;

        part = part < size ? part : size;
        memcpy(in ? data : next, in ? next : data, part);
        next += part;
        size -= part;
        cursor->offset += part;
        if (cursor->offset == MECAI_PAYLOAD && cursor->block->next != NULL) {
            *cursor = (mecai_cursor_t) { cursor->block->next, 0 };
        }
    }
}
