/*
 * Fuzzes voucher_request: what is taken encodes to the same octets, and any
 * choice stays within its room.
 */

#include "check.h"
#include "fuzz.h"

#include <string.h>

/* Writes a request as the client would have; returns its size. */
static size_t
encode(const mecai_request_t *request, uint8_t *out)
{
    size_t    candidates = request->candidate_count
                           * (size_t) MECAI_AUTHORITY_SIZE;
    size_t    cached = (size_t) request->cached_count * MECAI_HASH_SIZE;
    uint8_t  *next = out;

    *next++ = 1;
    *next++ = request->quorum;
    *next++ = (uint8_t) candidates;
    memcpy(next, request->candidates, candidates);
    next += candidates;
    *next++ = request->contexts_size;
    memcpy(next, request->contexts, request->contexts_size);
    next += request->contexts_size;
    *next++ = (uint8_t) (cached >> 8);
    *next++ = (uint8_t) cached;
    memcpy(next, request->cached, cached);
    return (size_t) (next - out) + cached;
}


/*
 * Puts a voucher of the first candidate, with the first context, before the
 * choice.
 */
static void
choose(const mecai_request_t *request, size_t room)
{
    static uint8_t                out[MECAI_ANSWER_MAX];
    static mecai_access_t         access;
    static const uint8_t          key[MECAI_HASH_SIZE];
    static const mecai_version_t  version;

    mecai_item_t   *item = calloc(1, sizeof(*item) + 500);
    mecai_wish_t    wish = { request, NULL, 0, NOW };
    mecai_set_t    *set;
    mecai_choice_t  choice;

    if (access.zone == NULL) {
        access = new_zone(MECAI_ZONE_SIZE_MIN);
    }
    CHECK(item != NULL);
    item->size = 500;
    item->claims.next_update = NOW + 3600;
    memcpy(item->claims.authority, request->candidates[0],
           MECAI_AUTHORITY_SIZE);
    if (request->contexts_size > 0) {
        item->claims.context_count = 1;
        item->claims.contexts[0].size = request->contexts[0];
        memcpy(item->claims.contexts[0].text, request->contexts + 1,
               request->contexts[0]);
    }
    set = mecai_zone_set(access.zone, key);
    CHECK(mecai_zone_take(access.zone, set,
                          mecai_zone_file(access.zone, set, "a.voucher"),
                          &version, item));
    choice = mecai_choose(&wish, set->vouchers, out, room);
    CHECK(choice.size <= room);
    CHECK(choice.size == 0 || choice.size == 2 || choice.size == 504);
    CHECK(room < 504 || choice.size > 0);
    free(item);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mecai_request_t  request;
    uint8_t          again[2048];

    if (mecai_parse_request(data, size, &request) == MECAI_PARSED) {
        CHECK(encode(&request, again) == size);
        CHECK(memcmp(again, data, size) == 0);
        CHECK(request.quorum >= 1 && request.quorum <= request.candidate_count);
        choose(&request, 503);
        choose(&request, 504);
    }
    return 0;
}
