/* base/hash.h — a seeded hash for tables whose keys come from outside.
 * Thread      any */
#ifndef PB_BASE_HASH_H
#define PB_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* FNV-1a over 8 bytes at a time, seeded: names are short, and a client cannot aim at one slot without the seed. */
static inline uint64_t pb__hash(uint64_t seed, const void *bytes, size_t size_bytes) {
    const uint8_t *at = bytes;
    uint64_t h = seed ^ size_bytes, word;
    for (; size_bytes >= 8; at += 8, size_bytes -= 8) {
        memcpy(&word, at, 8);
        h = (h ^ word) * 0x9E3779B97F4A7C15u;
        h ^= h >> 32;
    }
    word = 0;
    if (size_bytes > 0) memcpy(&word, at, size_bytes);
    h = (h ^ word) * 0x9E3779B97F4A7C15u;
    return h ^ h >> 29;
}

#endif
