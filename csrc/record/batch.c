#include "record/batch.h"

#include <zlib.h>

#include "base/crc32c.h"
#include "base/endian.h"
#include "base/err.h"
#include "record/batch_internal.h"

int pb__batch_parse(uint8_t *bytes, size_t size_bytes, struct pb_batch *out) {
    if (size_bytes < PB_BATCH_PREFIX_BYTES + 5) return PB_E_AGAIN;
    int32_t length = pb__get_i32(bytes + 8);
    if ((int8_t)bytes[PB_AT_MAGIC] != PB_BATCH_MAGIC) return length < 0 ? PB_E_CORRUPT_BATCH : PB_E_MAGIC;
    if (length < PB_BATCH_HEADER_BYTES - PB_BATCH_PREFIX_BYTES || length > INT32_MAX - PB_BATCH_PREFIX_BYTES) return PB_E_CORRUPT_BATCH;
    if ((size_t)length + PB_BATCH_PREFIX_BYTES > size_bytes) return PB_E_AGAIN;
    *out = (struct pb_batch){
        .bytes = bytes,
        .size_bytes = length + PB_BATCH_PREFIX_BYTES,
        .base_offset = pb__get_i64(bytes),
        .leader_epoch = pb__get_i32(bytes + PB_AT_LEADER_EPOCH),
        .crc = pb__get_u32(bytes + PB_AT_CRC),
        .attributes = pb__get_i16(bytes + PB_AT_ATTRIBUTES),
        .last_offset_delta = pb__get_i32(bytes + PB_AT_LAST_OFFSET_DELTA),
        .base_timestamp = pb__get_i64(bytes + PB_AT_BASE_TIMESTAMP),
        .max_timestamp = pb__get_i64(bytes + PB_AT_MAX_TIMESTAMP),
        .producer_id = pb__get_i64(bytes + PB_AT_PRODUCER_ID),
        .producer_epoch = pb__get_i16(bytes + PB_AT_PRODUCER_EPOCH),
        .base_sequence = pb__get_i32(bytes + PB_AT_BASE_SEQUENCE),
        .record_count = pb__get_i32(bytes + PB_AT_RECORD_COUNT),
    };
    return 0;
}

bool pb__batch_is_foreign(const uint8_t *bytes, size_t size_bytes) {
    enum { AT_OLD_CRC = 12, OLD_HEADER_BYTES = 26 };                        /* magic 0 and 1: CRC-32 from byte 16 on */
    if (size_bytes < OLD_HEADER_BYTES || (int8_t)bytes[PB_AT_MAGIC] == PB_BATCH_MAGIC || (int8_t)bytes[PB_AT_MAGIC] < 0) return false;
    if (bytes[PB_AT_MAGIC] > PB_BATCH_MAGIC) return pb__crc32c(0, bytes + PB_AT_ATTRIBUTES, size_bytes - PB_AT_ATTRIBUTES) == pb__get_u32(bytes + PB_AT_CRC);
    return crc32(0, bytes + AT_OLD_CRC + 4, (uInt)(size_bytes - AT_OLD_CRC - 4)) == pb__get_u32(bytes + AT_OLD_CRC);
}

static uint32_t crc_of(const struct pb_batch *batch) { return pb__crc32c(0, batch->bytes + PB_AT_ATTRIBUTES, (size_t)(batch->size_bytes - PB_AT_ATTRIBUTES)); }

int pb__batch_check_crc(const struct pb_batch *batch) { return crc_of(batch) == batch->crc ? 0 : PB_E_CORRUPT_BATCH; }

void pb__batch_seal(struct pb_batch *batch) {
    batch->crc = crc_of(batch);
    pb__put_u32(batch->bytes + PB_AT_CRC, batch->crc);
}

void pb__batch_set_producer(struct pb_batch *batch, int64_t producer_id, int16_t producer_epoch, int32_t base_sequence) {
    batch->producer_id = producer_id;
    batch->producer_epoch = producer_epoch;
    batch->base_sequence = base_sequence;
    batch->attributes &= ~PB_ATTRIBUTE_TRANSACTIONAL;
    pb__put_i16(batch->bytes + PB_AT_ATTRIBUTES, batch->attributes);
    pb__put_i64(batch->bytes + PB_AT_PRODUCER_ID, producer_id);
    pb__put_i16(batch->bytes + PB_AT_PRODUCER_EPOCH, producer_epoch);
    pb__put_i32(batch->bytes + PB_AT_BASE_SEQUENCE, base_sequence);
    pb__batch_seal(batch);
}

void pb__batch_assign(struct pb_batch *batch, int64_t base_offset, int32_t leader_epoch) {
    batch->base_offset = base_offset;
    batch->leader_epoch = leader_epoch;
    pb__put_i64(batch->bytes, base_offset);
    pb__put_i32(batch->bytes + PB_AT_LEADER_EPOCH, leader_epoch);
}
