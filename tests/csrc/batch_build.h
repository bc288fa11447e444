/* tests/csrc/batch_build.h — record batches for tests, byte by byte and independent of the core's own code (but for the CRC). */
#ifndef PB_TEST_BATCH_BUILD_H
#define PB_TEST_BATCH_BUILD_H

#include "base/crc32c.h"
#include "base/endian.h"
#include "record/batch.h"
#include "record/varint.h"

/* Sum of the batch written anew after a change. */
__attribute__((unused)) static void build_seal(uint8_t *batch, size_t size) {
    pb__put_i32(batch + 8, (int32_t)size - 12);
    pb__put_u32(batch + 17, pb__crc32c_table(0, batch + 21, size - 21));
}

/* count records "k<i>" → value_size bytes, one ms apart from timestamp. Returns the size. */
__attribute__((unused)) static size_t build_batch(uint8_t *out, int32_t count, int32_t value_size, int64_t timestamp, int64_t producer_id, int16_t epoch, int32_t sequence) {
    uint8_t *at = out + 61;
    memset(out, 0, 61);
    for (int32_t i = 0; i < count; i++) {
        uint8_t body[512], *to = body;
        *to++ = 0;
        to = pb__varlong_write(to, i);
        to = pb__varlong_write(to, i);
        to = pb__varlong_write(to, 2);
        *to++ = 'k';
        *to++ = (uint8_t)('0' + i % 10);
        to = pb__varlong_write(to, value_size);
        memset(to, 'v', (size_t)value_size);
        to += value_size;
        to = pb__varlong_write(to, 0);
        at = pb__varlong_write(at, to - body);
        memcpy(at, body, (size_t)(to - body));
        at += to - body;
    }
    out[16] = 2;
    pb__put_i32(out + 23, count - 1);
    pb__put_i64(out + 27, timestamp);
    pb__put_i64(out + 35, timestamp + count - 1);
    pb__put_i64(out + 43, producer_id);
    pb__put_i16(out + 51, epoch);
    pb__put_i32(out + 53, sequence);
    pb__put_i32(out + 57, count);
    build_seal(out, (size_t)(at - out));
    return (size_t)(at - out);
}

/* A control batch that ends a transaction: one record, key version | type (0 abort, 1 commit), value version | coordinator epoch. Returns the size. */
__attribute__((unused)) static size_t build_marker(uint8_t *out, bool aborts, int32_t coordinator_epoch, int64_t timestamp, int64_t producer_id, int16_t epoch) {
    size_t header = build_batch(out, 0, 0, timestamp, producer_id, epoch, -1);
    uint8_t body[32], *to = body, *at = out + header;
    *to++ = 0;
    to = pb__varlong_write(to, 0);
    to = pb__varlong_write(to, 0);
    to = pb__varlong_write(to, 4);
    pb__put_i16(to, 0);
    pb__put_i16(to + 2, aborts ? 0 : 1);
    to = pb__varlong_write(to + 4, 6);
    pb__put_i16(to, 0);
    pb__put_i32(to + 2, coordinator_epoch);
    to = pb__varlong_write(to + 6, 0);
    at = pb__varlong_write(at, to - body);
    memcpy(at, body, (size_t)(to - body));
    at += to - body;
    pb__put_i16(out + 21, PB_ATTRIBUTE_TRANSACTIONAL | PB_ATTRIBUTE_CONTROL);
    pb__put_i32(out + 23, 0);
    pb__put_i64(out + 35, timestamp);
    pb__put_i32(out + 57, 1);
    build_seal(out, (size_t)(at - out));
    return (size_t)(at - out);
}

#endif
