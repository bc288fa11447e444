/* record/varint.h — zig-zag varints of records, from bytes that are all at hand.
 * Thread      any */
#ifndef PB_RECORD_VARINT_H
#define PB_RECORD_VARINT_H

#include <stdint.h>

enum { PB_VARINT_BYTES_MAX = 5, PB_VARLONG_BYTES_MAX = 10 };

/* Value at *pos, which moves behind it. Returns 0; -1: cut by end or longer than bytes_max. */
static inline int pb__varlong_read(const uint8_t **pos, const uint8_t *end, int bytes_max, int64_t *out) {
    const uint8_t *at = *pos;
    if (at < end && *at < 0x80) {                                           /* most are small */
        *out = (int64_t)(*at >> 1) ^ -(int64_t)(*at & 1);
        *pos = at + 1;
        return 0;
    }
    uint64_t value = 0;
    for (int i = 0; i < bytes_max && at < end; i++) {
        uint8_t byte = *at++;
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            *out = (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
            *pos = at;
            return 0;
        }
    }
    return -1;
}

/* Bytes a value takes, and the value written; returns behind it. */
static inline uint8_t *pb__varlong_write(uint8_t *at, int64_t value) {
    uint64_t zigzag = ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
    for (; zigzag >= 0x80; zigzag >>= 7) *at++ = (uint8_t)(zigzag | 0x80);
    *at++ = (uint8_t)zigzag;
    return at;
}
static inline int pb__varlong_size(int64_t value) {
    uint64_t zigzag = ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
    int size = 1;
    for (; zigzag >= 0x80; zigzag >>= 7) size++;
    return size;
}

#endif
