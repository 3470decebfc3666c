/* The two TLS extensions in octets: see the header. */

#include "mecai_voucher_wire.h"

#include <string.h>

enum { VERSION = 1, LENGTH_SIZE = 2 };

typedef struct {
    const uint8_t  *next;
    size_t          left;
} reader_t;


/*
 * Takes a vector whose length stands in `length_size` octets before it; false:
 * too short.
 */
static bool
take_vector(reader_t *reader, size_t length_size, const uint8_t **vector,
    size_t *size)
{
    size_t  length = 0;

    if (reader->left < length_size) {
        return false;
    }
    for (size_t i = 0; i < length_size; i++) {
        length = length << 8 | reader->next[i];
    }
    if (reader->left - length_size < length) {
        return false;
    }
    *vector = reader->next + length_size;
    *size = length;
    reader->next += length_size + length;
    reader->left -= length_size + length;
    return true;
}


static mecai_parsed_t
check_contexts(const uint8_t *contexts, size_t size)
{
    reader_t        reader = { contexts, size };
    const uint8_t  *context;
    size_t          length;
    mecai_parsed_t  result = MECAI_PARSED;

    while (reader.left > 0) {
        if (!take_vector(&reader, 1, &context, &length) || length == 0
            || length > MECAI_CONTEXT_SIZE)
        {
            return MECAI_DECODE_ERROR;
        }
        if (!mecai_context_valid(context, length)) {
            result = MECAI_ILLEGAL_PARAMETER;
        }
    }
    return result;
}


static bool
candidates_distinct(const mecai_request_t *request)
{
    for (size_t i = 1; i < request->candidate_count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (memcmp(request->candidates[i], request->candidates[j],
                       MECAI_AUTHORITY_SIZE) == 0)
            {
                return false;
            }
        }
    }
    return true;
}


mecai_parsed_t
mecai_parse_request(const uint8_t *data, size_t size, mecai_request_t *request)
{
    reader_t        reader = { data, size };
    const uint8_t  *candidates, *contexts, *cached;
    size_t          candidates_size, contexts_size, cached_size;
    mecai_parsed_t  result;

    if (size == 0) {
        return MECAI_DECODE_ERROR;
    }
    if (data[0] != VERSION) {
        return MECAI_OTHER_VERSION;
    }
    if (size < 2) {
        return MECAI_DECODE_ERROR;
    }
    reader.next += 2;
    reader.left -= 2;
    if (!take_vector(&reader, 1, &candidates, &candidates_size)
        || !take_vector(&reader, 1, &contexts, &contexts_size)
        || !take_vector(&reader, 2, &cached, &cached_size) || reader.left != 0)
    {
        return MECAI_DECODE_ERROR;
    }
    if (candidates_size == 0 || candidates_size > sizeof(request->candidates)
        || candidates_size % MECAI_AUTHORITY_SIZE != 0
        || cached_size > sizeof(request->cached)
        || cached_size % MECAI_HASH_SIZE != 0)
    {
        return MECAI_DECODE_ERROR;
    }
    result = check_contexts(contexts, contexts_size);
    if (result != MECAI_PARSED) {
        return result;
    }

    request->quorum = data[1];
    request->candidate_count = (uint8_t) (candidates_size
                                          / MECAI_AUTHORITY_SIZE);
    request->cached_count = (uint8_t) (cached_size / MECAI_HASH_SIZE);
    request->contexts_size = (uint8_t) contexts_size;
    memcpy(request->candidates, candidates, candidates_size);
    memcpy(request->contexts, contexts, contexts_size);
    memcpy(request->cached, cached, cached_size);

    if (request->quorum == 0 || request->quorum > request->candidate_count
        || !candidates_distinct(request))
    {
        return MECAI_ILLEGAL_PARAMETER;
    }
    return MECAI_PARSED;
}


bool
mecai_context_valid(const uint8_t *text, size_t size)
{
    if (size == 0 || size > MECAI_CONTEXT_SIZE) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        uint8_t  c = text[i];

        if (!((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-')) {
            return false;
        }
    }
    return true;
}


static void
put_length(uint8_t *out, size_t length)
{
    out[0] = (uint8_t) (length >> 8);
    out[1] = (uint8_t) length;
}


void
mecai_answer_begin(mecai_answer_t *answer, uint8_t *out, size_t room)
{
    answer->out = out;
    answer->room = room < MECAI_ANSWER_MAX ? room : MECAI_ANSWER_MAX;
    answer->used = MECAI_ANSWER_MIN;
}


uint8_t *
mecai_answer_add(mecai_answer_t *answer, size_t size)
{
    uint8_t  *out = answer->out + answer->used;

    if (size == 0 || size > UINT16_MAX
        || answer->room < answer->used + LENGTH_SIZE + size)
    {
        return NULL;
    }
    put_length(out, size);
    answer->used += LENGTH_SIZE + size;
    return out + LENGTH_SIZE;
}


size_t
mecai_answer_end(mecai_answer_t *answer)
{
    put_length(answer->out, answer->used - LENGTH_SIZE);
    return answer->used;
}
