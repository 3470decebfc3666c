/*
 * A fuzz target: takes any octets, promises no more than that nothing breaks.
 */

#ifndef MECAI_FUZZ_H
#define MECAI_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
