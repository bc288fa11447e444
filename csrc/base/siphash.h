/* base/siphash.h — SipHash-2-4: a keyed hash whose results cannot be aimed at without the key. For tables that decide about rights.
 * Thread      any
 * Source      Aumasson, Bernstein: SipHash, a fast short-input PRF (2012) */
#ifndef PB_BASE_SIPHASH_H
#define PB_BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct pb_siphash { uint64_t v0, v1, v2, v3; };

static inline uint64_t pb__rotate_left(uint64_t x, int bits) { return x << bits | x >> (64 - bits); }

static inline void pb__siphash_round(struct pb_siphash *s) {
    s->v0 += s->v1;
    s->v1 = pb__rotate_left(s->v1, 13) ^ s->v0;
    s->v0 = pb__rotate_left(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = pb__rotate_left(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = pb__rotate_left(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = pb__rotate_left(s->v1, 17) ^ s->v2;
    s->v2 = pb__rotate_left(s->v2, 32);
}

static inline void pb__siphash_word(struct pb_siphash *s, uint64_t word) {
    s->v3 ^= word;
    pb__siphash_round(s);
    pb__siphash_round(s);
    s->v0 ^= word;
}

/* Little-endian machines alone see the published values; the hash never leaves the process. */
static inline uint64_t pb__siphash(const uint64_t key[2], const void *bytes, size_t size_bytes) {
    struct pb_siphash s = { key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du, key[0] ^ 0x6c7967656e657261u, key[1] ^ 0x7465646279746573u };
    const uint8_t *at = bytes;
    uint64_t word, last = (uint64_t)size_bytes << 56;
    for (; size_bytes >= 8; at += 8, size_bytes -= 8) {
        memcpy(&word, at, 8);
        pb__siphash_word(&s, word);
    }
    for (size_t i = 0; i < size_bytes; i++) last |= (uint64_t)at[i] << (8 * i);
    pb__siphash_word(&s, last);
    s.v2 ^= 0xff;
    for (int i = 0; i < 4; i++) pb__siphash_round(&s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

#endif
