/* Which vouchers answer a request: see the header. */

#include "mecai_voucher_choose.h"

#include <string.h>


static bool
has_context(const mecai_file_t *file, const mecai_lists_t *lists,
    const uint8_t *text, size_t size)
{
    for (size_t i = 0; i < file->context_count; i++) {
        if (lists->contexts[i].size == size
            && memcmp(lists->contexts[i].text, text, size) == 0)
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
context_fits(const mecai_file_t *file, const mecai_lists_t *lists,
    const mecai_request_t *request)
{
    const uint8_t  *context = request->contexts;
    const uint8_t  *end = context + request->contexts_size;

    if (context == end) {
        return true;
    }
    for ( /* void */ ; context < end; context += 1 + context[0]) {
        if (has_context(file, lists, context + 1, context[0])) {
            return true;
        }
    }
    return false;
}


static bool
lists_address(const mecai_file_t *file, const mecai_lists_t *lists,
    const mecai_wish_t *wish)
{
    for (size_t i = 0; i < file->address_count; i++) {
        for (size_t j = 0; j < wish->address_count; j++) {
            const mecai_address_t  *a = &lists->addresses[i];
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


/* Finds the first file of each candidate, in one walk: the lock is held. */
static void
find_firsts(const mecai_request_t *request, const mecai_file_t *vouchers,
    const mecai_file_t *firsts[MECAI_CANDIDATES_MAX])
{
    for (const mecai_file_t *file = vouchers; file != NULL; file = file->next) {
        for (size_t i = 0; i < request->candidate_count; i++) {
            if (firsts[i] == NULL && file->content != NULL
                && memcmp(file->authority, request->candidates[i],
                          MECAI_AUTHORITY_SIZE) == 0)
            {
                firsts[i] = file;
            }
        }
    }
}


/*
 * Returns the voucher of one authority that goes first, or NULL. Its files lie
 * together from `first` on: their names begin with the authority.
 */
static const mecai_file_t *
best_of(const uint8_t *authority, const mecai_wish_t *wish,
    const mecai_file_t *first)
{
    const mecai_file_t  *best = NULL;
    mecai_lists_t        lists;
    unsigned             left = MECAI_LABELS_MAX;

    for (const mecai_file_t *file = first; file != NULL && left > 0;
         file = file->next)
    {
        if (file->content == NULL) {
            continue;
        }
        if (memcmp(file->authority, authority, MECAI_AUTHORITY_SIZE) != 0) {
            break;
        }
        if (file->next_update - wish->now < MECAI_REMAINING_SECONDS) {
            continue;
        }
        left--;
        mecai_file_lists(file, &lists);
        if (!context_fits(file, &lists, wish->request)) {
            continue;
        }
        if (lists_address(file, &lists, wish)) {
            return file;
        }
        if (best == NULL) {
            best = file;
        }
    }
    return best;
}


static bool
is_cached(const mecai_file_t *file, const mecai_request_t *request)
{
    for (size_t i = 0; i < request->cached_count; i++) {
        if (memcmp(file->hash, request->cached[i], MECAI_HASH_SIZE) == 0) {
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
    mecai_choice_t          choice = { 0, 0, false };
    mecai_answer_t          answer;
    const mecai_file_t     *firsts[MECAI_CANDIDATES_MAX] = { NULL };
    size_t                  chosen = 0, count = request->candidate_count;

    find_firsts(request, vouchers, firsts);
    mecai_answer_begin(&answer, out, room);
    for (size_t i = 0; i < count && chosen < request->quorum; i++) {
        const mecai_file_t  *file;
        uint8_t             *place;

        file = best_of(request->candidates[i], wish, firsts[i]);
        if (file == NULL) {
            continue;
        }
        if (is_cached(file, request)) {
            chosen++;
        } else if ((place = mecai_answer_add(&answer, file->size)) != NULL) {
            mecai_file_der(file, place);
            chosen++;
            choice.sent++;
        } else {
            choice.left_out = true;
        }
    }
    if (chosen > 0) {
        choice.size = mecai_answer_end(&answer);
    }
    return choice;
}
