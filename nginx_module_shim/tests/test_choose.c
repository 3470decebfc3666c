/* The request, the choice and the answer at their limits. */

#include "check.h"

#include <string.h>

enum { COUNT = 3 };

static mecai_access_t   access_;
static mecai_item_t    *items[COUNT];
static mecai_request_t  request;
static uint8_t          out[MECAI_ANSWER_MAX];

static const mecai_address_t  local = { 4, { 192, 0, 2, 1 } };


/*
 * Three vouchers of `size` octets, of the authorities 0..., 1... and 2...;
 * their hashes are 0..., 1... and 2...
 */
static void
set_up(size_t size)
{
    for (size_t i = 0; i < COUNT; i++) {
        free(items[i]);
        items[i] = calloc(1, sizeof(mecai_item_t) + size);
        CHECK(items[i] != NULL);
        memset(items[i]->claims.authority, (int) i, MECAI_AUTHORITY_SIZE);
        memset(items[i]->claims.hash, (int) i, MECAI_HASH_SIZE);
        items[i]->claims.next_update = NOW + MECAI_REMAINING_SECONDS;
        items[i]->size = size;
        memset(items[i]->der, (int) i, size);
        memset(request.candidates[i], (int) i, MECAI_AUTHORITY_SIZE);
    }
    request.quorum = COUNT;
    request.candidate_count = COUNT;
    request.cached_count = 0;
    request.contexts_size = 0;
}


/* Puts the vouchers into the zone, and chooses. */
static mecai_choice_t
choose(size_t room)
{
    static const uint8_t          key[MECAI_HASH_SIZE];
    static const mecai_version_t  version;

    mecai_wish_t    wish = { &request, &local, 1, NOW };
    mecai_set_t    *set = mecai_zone_set(access_.zone, key);

    for (size_t i = 0; i < COUNT; i++) {
        char           name[] = "0.voucher";
        mecai_file_t  *file;

        name[0] = (char) ('0' + i);
        file = mecai_zone_file(access_.zone, set, name);
        CHECK(mecai_zone_take(access_.zone, set, file, &version, items[i]));
    }
    return mecai_choose(&wish, set->vouchers, out, room);
}


static void
test_time_left(void)
{
    set_up(10);
    CHECK(choose(MECAI_ANSWER_MAX).size == 2 + COUNT * 12);
    items[1]->claims.next_update--;
    CHECK(choose(MECAI_ANSWER_MAX).size == 2 + (COUNT - 1) * 12);
    CHECK(out[4] == 0 && out[4 + 12] == 2);
}


static void
test_room(void)
{
    set_up(100);
    CHECK(choose(2 + 3 * 102).size == 2 + 3 * 102);
    CHECK(choose(2 + 3 * 102 - 1).size == 2 + 2 * 102);
    CHECK(choose(2 + 3 * 102 - 1).left_out);
    CHECK(choose(2 + 102 - 1).size == 0);
    CHECK(choose(2 + 102 - 1).left_out);
    set_up(MECAI_ANSWER_MAX / 2);
    CHECK(choose(2 * MECAI_ANSWER_MAX).size == 2 + 2 + MECAI_ANSWER_MAX / 2);
    CHECK(choose(2 * MECAI_ANSWER_MAX).left_out);
}


static void
test_cached(void)
{
    set_up(10);
    request.quorum = 2;
    request.cached_count = 1;
    memset(request.cached[0], 0, MECAI_HASH_SIZE);
    CHECK(choose(MECAI_ANSWER_MAX).size == 2 + 12);
    CHECK(out[4] == 1);
    request.quorum = 1;
    CHECK(choose(MECAI_ANSWER_MAX).size == 2);
    CHECK(out[0] == 0 && out[1] == 0);
}


static void
test_address(void)
{
    set_up(10);
    request.candidate_count = request.quorum = 1;
    memset(items[1]->claims.authority, 0, MECAI_AUTHORITY_SIZE);
    CHECK(choose(MECAI_ANSWER_MAX).size == 2 + 12);
    CHECK(out[4] == 0);
    items[1]->claims.addresses[0] = local;
    items[1]->claims.address_count = 1;
    CHECK(choose(MECAI_ANSWER_MAX).size == 2 + 12);
    CHECK(out[4] == 1);
    items[1]->claims.next_update--;
    CHECK(choose(MECAI_ANSWER_MAX).size == 2 + 12);
    CHECK(out[4] == 0);
}


/* Of one authority so many vouchers are held against the request, no more; what
 * may not be sent is not among them. */
static void
test_labels(void)
{
    static const uint8_t          key[MECAI_HASH_SIZE] = { 1 };
    static const mecai_version_t  version;

    mecai_wish_t   wish = { &request, &local, 1, NOW };
    mecai_set_t   *set = mecai_zone_set(access_.zone, key);
    char           name[32];

    set_up(10);
    request.candidate_count = request.quorum = 1;
    items[2]->claims.next_update--;
    memset(items[2]->claims.authority, 0, MECAI_AUTHORITY_SIZE);
    memset(items[1]->claims.authority, 0, MECAI_AUTHORITY_SIZE);
    items[1]->claims.addresses[0] = local;
    items[1]->claims.address_count = 1;
    for (unsigned i = 0; i < 2 * MECAI_LABELS_MAX; i++) {
        mecai_file_t  *file;

        snprintf(name, sizeof(name), "0-%03u.voucher", i);
        file = mecai_zone_file(access_.zone, set, name);
        CHECK(mecai_zone_take(access_.zone, set, file, &version,
                              items[i % 2 ? 0 : 2]));
    }
    CHECK(mecai_choose(&wish, set->vouchers, out, sizeof(out)).sent == 1);
    CHECK(out[4] == 0);
    CHECK(mecai_zone_take(access_.zone, set,
                          mecai_zone_file(access_.zone, set, "0-x.voucher"),
                          &version, items[1]));
    CHECK(mecai_choose(&wish, set->vouchers, out, sizeof(out)).sent == 1);
    CHECK(out[4] == 0);                         /* one too many */
    items[0]->claims.next_update--;
    CHECK(mecai_zone_take(access_.zone, set,
                          mecai_zone_file(access_.zone, set, "0-001.voucher"),
                          &version, items[0]));
    CHECK(mecai_choose(&wish, set->vouchers, out, sizeof(out)).sent == 1);
    CHECK(out[4] == 1);                         /* the last of them */
}


static void
test_contexts(void)
{
    static const uint8_t  wanted[] = "\1A\3MOZ";

    set_up(10);
    memcpy(request.contexts, wanted, sizeof(wanted) - 1);
    request.contexts_size = sizeof(wanted) - 1;
    CHECK(choose(MECAI_ANSWER_MAX).size == 0);
    CHECK(!choose(MECAI_ANSWER_MAX).left_out);
    items[2]->claims.contexts[0] = (mecai_context_t) { 4, "MOZZ" };
    items[2]->claims.contexts[1] = (mecai_context_t) { 3, "MOZ" };
    items[2]->claims.context_count = 1;
    CHECK(choose(MECAI_ANSWER_MAX).size == 0);
    items[2]->claims.context_count = 2;
    CHECK(choose(MECAI_ANSWER_MAX).size == 2 + 12);
}


static void
test_nothing_there(void)
{
    mecai_wish_t  wish = { &request, NULL, 0, NOW };

    set_up(10);
    CHECK(mecai_choose(&wish, NULL, out, MECAI_ANSWER_MAX).size == 0);
    set_up(10);
    items[0]->claims.next_update = 0;
    CHECK(choose(MECAI_ANSWER_MAX).size == 2 + 2 * 12);
    CHECK(choose(MECAI_ANSWER_MAX).sent == 2);
}


static void
test_request_sample(const char *directory)
{
    uint8_t  data[2048];
    size_t   size = read_sample(directory, "request.bin", data, sizeof(data));

    CHECK(mecai_parse_request(data, size, &request) == MECAI_PARSED);
    CHECK(request.quorum == 2 && request.candidate_count == 2
          && request.cached_count == 1);
    CHECK(request.contexts_size == sizeof("\3MOZ\10CHROME-1") - 1);
    for (size_t cut = 0; cut < size; cut++) {
        CHECK(mecai_parse_request(data, cut, &request) == MECAI_DECODE_ERROR);
    }
    CHECK(mecai_parse_request(data, size + 1, &request) == MECAI_DECODE_ERROR);
    data[0] = 2;
    CHECK(mecai_parse_request(data, size, &request) == MECAI_OTHER_VERSION);
}


int
main(int count, char **arguments)
{
    CHECK(count >= 2);
    access_ = new_zone(MECAI_ZONE_SIZE_MIN);
    test_request_sample(arguments[1]);
    test_time_left();
    test_room();
    test_cached();
    test_address();
    test_labels();
    test_contexts();
    test_nothing_there();
    for (size_t i = 0; i < COUNT; i++) {
        free(items[i]);
    }
    free(access_.zone);
    puts("test_choose: good");
    return 0;
}
