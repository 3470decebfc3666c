/*
 * Runs a fuzz target without libFuzzer: each file named, then the same
 * mutations of it in every run. Of a file *.hex, each line is an input that
 * fuzzing found (corpus.py), and runs as it is.
 *
 * No substitute for fuzzing (see `make fuzz`); it keeps the targets alive where
 * only a C compiler is.
 */

#include "check.h"
#include "fuzz.h"

#include <string.h>

enum { MUTATIONS = 400, ROOM = 20000 };

static uint64_t  state = 0x9e3779b97f4a7c15;


/* xorshift64: any numbers will do, as long as they are always the same. */
static size_t
below(size_t bound)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return bound > 0 ? (size_t) (state % bound) : 0;
}


/*
 * Gives the target a copy of exactly its size, so that a sanitizer sees the
 * first octet past it.
 */
static void
run(const uint8_t *data, size_t size)
{
    uint8_t  *copy = malloc(size > 0 ? size : 1);

    CHECK(copy != NULL);
    memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}


static size_t
mutate(uint8_t *data, size_t size)
{
    size_t  at = below(size), count = below(8) + 1;

    switch (below(4)) {
    case 0:
        return at;
    case 1:
        if (at + count <= size) {
            memmove(data + at, data + at + count, size - at - count);
            size -= count;
        }
        return size;
    case 2:
        if (size + count <= ROOM) {
            memmove(data + at + count, data + at, size - at);
            size += count;
        }
        return size;
    default:
        for (size_t i = 0; i < count && size > 0; i++) {
            data[below(size)] ^= (uint8_t) (1 << below(8));
        }
        return size;
    }
}


/* Runs the inputs of a corpus; returns how many. */
static int
run_corpus(const char *path)
{
    static char     line[2 * ROOM];
    static uint8_t  data[ROOM];
    FILE           *file = fopen(path, "r");
    int             count = 0;

    CHECK(file != NULL);
    while (fgets(line, sizeof(line), file) != NULL) {
        size_t  size = strcspn(line, "\n") / 2;

        CHECK(line[2 * size] == '\n');
        for (size_t i = 0; i < size; i++) {
            CHECK(sscanf(line + 2 * i, "%2hhx", &data[i]) == 1);
        }
        run(data, size);
        count++;
    }
    fclose(file);
    return count;
}


/* Runs a sample and its mutations. */
static void
run_sample(const char *path)
{
    static uint8_t  sample[ROOM], data[ROOM];
    size_t          size = read_sample("", path, sample, sizeof(sample));

    run(sample, size);
    for (size_t turn = 0; turn < MUTATIONS; turn++) {
        size_t  mutated = size;

        memcpy(data, sample, size);
        for (size_t more = below(3) + 1; more > 0; more--) {
            mutated = mutate(data, mutated);
        }
        run(data, mutated);
    }
}


int
main(int count, char **arguments)
{
    int  samples = 0, found = 0;

    for (int i = 1; i < count; i++) {
        const char  *ending = strrchr(arguments[i], '.');

        if (ending != NULL && strcmp(ending, ".hex") == 0) {
            found += run_corpus(arguments[i]);
        } else {
            run_sample(arguments[i]);
            samples++;
        }
    }
    printf("%s: good, %d samples, %d mutations of each, %d inputs found\n",
           strrchr(arguments[0], '/') + 1, samples, MUTATIONS, found);
    return 0;
}
