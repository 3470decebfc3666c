/* Which vouchers answer a request: see the header. */

#include "mecai_voucher_choose.h"

#include <string.h>


static bool
has_context(const mecai_claims_t *claims, const uint8_t *text, size_t size)
{
    for (size_t i = 0; i < claims->context_count; i++) {
        if (claims->contexts[i].size == size
            && memcmp(claims->contexts[i].text, text, size) == 0)
        {
            return true;
        }
    }
    return false;
}


/*
 * Tells whether a voucher carries one of the contexts asked for; asking for
 * none means any.
 */
static bool
context_fits(const mecai_claims_t *claims, const mecai_request_t *request)
{
    const uint8_t  *context = request->contexts;
    const uint8_t  *end = context + request->contexts_size;

    if (context == end) {
        return true;
    }
    for ( /* void */ ; context < end; context += 1 + context[0]) {
        if (has_context(claims, context + 1, context[0])) {
            return true;
        }
    }
    return false;
}


static bool
lists_address(const mecai_claims_t *claims, const mecai_wish_t *wish)
{
    for (size_t i = 0; i < claims->address_count; i++) {
        for (size_t j = 0; j < wish->address_count; j++) {
            const mecai_address_t  *a = &claims->addresses[i];
            const mecai_address_t  *b = &wish->addresses[j];

            if (a->size == b->size
                && memcmp(a->octets, b->octets, a->size) == 0)
            {
                return true;
            }
        }
    }
    return false;
}


/* Returns the voucher of one authority that goes first, or NULL. */
static const mecai_item_t *
best_of(const uint8_t *authority, const mecai_wish_t *wish,
    const mecai_file_t *vouchers)
{
    const mecai_item_t  *best = NULL;

    for (const mecai_file_t *file = vouchers; file != NULL; file = file->next) {
        const mecai_item_t  *item = file->item;

        if (item == NULL
            || memcmp(item->claims.authority, authority,
                      MECAI_AUTHORITY_SIZE) != 0
            || item->claims.next_update - wish->now < MECAI_REMAINING_SECONDS
            || !context_fits(&item->claims, wish->request))
        {
            continue;
        }
        if (lists_address(&item->claims, wish)) {
            return item;
        }
        if (best == NULL) {
            best = item;
        }
    }
    return best;
}


static bool
is_cached(const mecai_item_t *item, const mecai_request_t *request)
{
    for (size_t i = 0; i < request->cached_count; i++) {
        if (memcmp(item->claims.hash, request->cached[i], MECAI_HASH_SIZE)
            == 0)
        {
            return true;
        }
    }
    return false;
}


mecai_choice_t
mecai_choose(const mecai_wish_t *wish, const mecai_file_t *vouchers,
    uint8_t *out, size_t room)
{
    const mecai_request_t  *request = wish->request;
    mecai_choice_t          choice = { 0, false };
    mecai_answer_t          answer;
    size_t                  chosen = 0, count = request->candidate_count;

    mecai_answer_begin(&answer, out, room);
    for (size_t i = 0; i < count && chosen < request->quorum; i++) {
        const mecai_item_t  *item;

        item = best_of(request->candidates[i], wish, vouchers);
        if (item == NULL) {
            continue;
        }
        if (is_cached(item, request)
            || mecai_answer_add(&answer, item->der, item->size))
        {
            chosen++;
        } else {
            choice.left_out = true;
        }
    }
    if (chosen > 0) {
        choice.size = mecai_answer_end(&answer);
    }
    return choice;
}
