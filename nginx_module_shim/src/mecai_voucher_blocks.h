/*
 * The blocks that the zone is made of. For mecai_voucher_zone.c,
 * mecai_voucher_set.c, mecai_voucher_tell.c and mecai_voucher_blocks.c alone.
 */

#ifndef MECAI_VOUCHER_BLOCKS_H
#define MECAI_VOUCHER_BLOCKS_H

#include "mecai_voucher_zone.h"

#pragma GCC visibility push(hidden)

enum {
    MECAI_BUCKETS = 4096,
    MECAI_PAYLOAD = MECAI_BLOCK_SIZE - sizeof(void *),
};

struct mecai_block_s {
    mecai_block_t  *next;
    uint8_t         data[MECAI_PAYLOAD];
};

struct mecai_zone_s {
    bool            writing;    /* left behind by who was killed */
    uint32_t        swept;      /* the bucket to go on with */
    mecai_block_t  *free;
    mecai_block_t  *fresh;      /* never used, up to `end`: takes no memory */
    mecai_block_t  *end;
    uint64_t        used;       /* blocks */
    uint64_t        scans;
    time_t          told_full;
    mecai_said_t    said;       /* of all sets */
    mecai_figures_t figures;
    mecai_set_t    *buckets[MECAI_BUCKETS];
};

/* One copy to or from a chain: where it goes on. */
typedef struct {
    mecai_block_t  *block;
    size_t          offset;
} mecai_cursor_t;

/* Returns a block of zeros, or NULL. */
mecai_block_t *mecai_new_block(mecai_zone_t *zone);

/* Returns a chain for so many octets; NULL: no room, and none is taken. */
mecai_block_t *mecai_new_chain(mecai_zone_t *zone, size_t size);

/* Frees a chain of blocks. */
void mecai_free_blocks(mecai_zone_t *zone, mecai_block_t *block);

/* Frees a set or a file, whose `next` is not the block's. */
void mecai_free_one(mecai_zone_t *zone, void *one);

/* Copies into (or out of) a chain, up to its end, and moves the cursor on. */
void mecai_copy(mecai_cursor_t *cursor, void *memory, size_t size, bool in);

#pragma GCC visibility pop

#endif
