#include "log/producer_state.h"

#include <string.h>

#include "base/assert.h"
#include "base/crc32c.h"
#include "base/endian.h"
#include "base/err.h"
#include "io/file.h"

enum { CAPACITY_MIN = 4, SNAPSHOT_VERSION = 1, SNAPSHOT_HEAD_BYTES = 10, SNAPSHOT_ENTRY_BYTES = 46, SNAPSHOT_BYTES_MAX = 256 * 1024 * 1024, FREE = -1 };

void pb__producers_deinit(struct pb_producers *producers, const struct pb_env *env) {
    pb__env_free(env, producers->slots);
    *producers = (struct pb_producers){ 0 };
}

void pb__producers_clear(struct pb_producers *producers) {
    for (int32_t i = 0; i < producers->capacity; i++) producers->slots[i].producer_id = FREE;
    producers->count = 0;
}

static struct pb_producer *slot_of(struct pb_producer *slots, int32_t capacity, int64_t producer_id) {
    for (uint64_t i = (uint64_t)producer_id * 0x9E3779B97F4A7C15u >> 32;; i++) {
        struct pb_producer *slot = &slots[i & (uint64_t)(capacity - 1)];
        if (slot->producer_id == producer_id || slot->producer_id == FREE) return slot;
    }
}

struct pb_producer *pb__producers_find(const struct pb_producers *producers, int64_t producer_id) {
    if (producers->count == 0) return NULL;
    struct pb_producer *slot = slot_of(producers->slots, producers->capacity, producer_id);
    return slot->producer_id == FREE ? NULL : slot;
}

static bool is_expired(const struct pb_producer *producer, int64_t before_ms) { return producer->timestamp < before_ms && producer->txn_first_offset < 0; }

/* The table anew with this capacity, without producers that expired (before_ms INT64_MIN: none). */
static int rebuild(struct pb_producers *producers, const struct pb_env *env, int32_t capacity, int64_t before_ms) {
    struct pb_producer *slots = pb__env_alloc(env, (size_t)capacity * sizeof *slots);
    if (slots == NULL) return PB_E_NOMEM;
    for (int32_t i = 0; i < capacity; i++) slots[i].producer_id = FREE;
    producers->count = 0;
    for (int32_t i = 0; i < producers->capacity; i++) {
        const struct pb_producer *producer = &producers->slots[i];
        if (producer->producer_id == FREE || is_expired(producer, before_ms)) continue;
        *slot_of(slots, capacity, producer->producer_id) = *producer;
        producers->count++;
    }
    pb__env_free(env, producers->slots);
    producers->slots = slots;
    producers->capacity = capacity;
    return 0;
}

static int find_or_add(struct pb_producers *producers, const struct pb_env *env, int64_t producer_id, struct pb_producer **out) {
    if (producers->count * 2 >= producers->capacity) {
        int rc = rebuild(producers, env, producers->capacity > 0 ? producers->capacity * 2 : CAPACITY_MIN, INT64_MIN);
        if (rc < 0) return rc;
    }
    struct pb_producer *slot = slot_of(producers->slots, producers->capacity, producer_id);
    if (slot->producer_id == FREE) {
        *slot = (struct pb_producer){ .producer_id = producer_id, .txn_first_offset = -1, .coordinator_epoch = -1, .epoch = -1 };
        producers->count++;
    }
    *out = slot;
    return 0;
}

/* Sequence `steps` after `sequence`; behind the largest comes 0. */
static int32_t sequence_after(int32_t sequence, int32_t steps) { return (int32_t)(((int64_t)sequence + steps) & INT32_MAX); }

static int32_t last_sequence(const struct pb_batch *batch) { return sequence_after(batch->base_sequence, batch->last_offset_delta); }

/* Epoch and sequence after what came last; as the Java broker, a producer nothing is known of may begin anywhere. */
static int check_order(const struct pb_batch *batch, int16_t epoch, int32_t sequence) {
    if (batch->producer_epoch < epoch) return PB_E_INVALID_PRODUCER_EPOCH;
    if (batch->producer_epoch != epoch) return batch->base_sequence == 0 || epoch < 0 ? 0 : PB_E_OUT_OF_ORDER_SEQUENCE;
    return batch->base_sequence == sequence_after(sequence, 1) ? 0 : PB_E_OUT_OF_ORDER_SEQUENCE;
}

int pb__producers_check(const struct pb_producers *producers, const struct pb_batch *batch, struct pb_batch *const *before, int32_t before_count,
                        int64_t *base_offset_out) {
    const struct pb_batch *latest = NULL;
    for (int32_t i = before_count; i-- > 0;) {                              /* of the same append: few, or of few producers */
        if (before[i]->producer_id != batch->producer_id) continue;
        if (latest == NULL) latest = before[i];
        if (before[i]->producer_epoch == batch->producer_epoch && before[i]->base_sequence == batch->base_sequence && last_sequence(before[i]) == last_sequence(batch)) {
            *base_offset_out = before[i]->base_offset;
            return 1;
        }
    }
    const struct pb_producer *producer = pb__producers_find(producers, batch->producer_id);
    for (int32_t i = 0; producer != NULL && producer->epoch == batch->producer_epoch && i < producer->batch_count; i++) {
        const struct pb_producer_batch *old = &producer->batches[i];
        if (old->last_sequence != last_sequence(batch) || old->offset_delta != batch->last_offset_delta) continue;
        *base_offset_out = old->last_offset - old->offset_delta;
        return 1;
    }
    if (latest != NULL) return check_order(batch, latest->producer_epoch, last_sequence(latest));
    if (producer == NULL) return 0;
    if (producer->batch_count == 0) return batch->producer_epoch < producer->epoch ? PB_E_INVALID_PRODUCER_EPOCH : 0;
    return check_order(batch, producer->epoch, producer->batches[producer->batch_count - 1].last_sequence);
}

/* A control batch ends the transaction of its producer (its value is read by the coordinator's part). */
static void apply_transaction(struct pb_producer *producer, const struct pb_batch *batch) {
    if (batch->attributes & PB_ATTRIBUTE_CONTROL) {
        producer->txn_first_offset = -1;
    } else if (batch->attributes & PB_ATTRIBUTE_TRANSACTIONAL && producer->txn_first_offset < 0) {
        producer->txn_first_offset = batch->base_offset;
    }
}

int pb__producers_apply(struct pb_producers *producers, const struct pb_env *env, const struct pb_batch *batch, int64_t now_ms) {
    struct pb_producer *producer;
    if (batch->producer_id < 0) return 0;
    int rc = find_or_add(producers, env, batch->producer_id, &producer);
    if (rc < 0) return rc;
    if (batch->producer_epoch != producer->epoch) {
        producer->epoch = batch->producer_epoch;
        producer->batch_count = 0;
    }
    producer->timestamp = now_ms;
    apply_transaction(producer, batch);
    if (batch->attributes & PB_ATTRIBUTE_CONTROL || batch->base_sequence < 0) return 0;
    if (producer->batch_count == PB_PRODUCER_BATCHES) {
        memmove(producer->batches, producer->batches + 1, (PB_PRODUCER_BATCHES - 1) * sizeof *producer->batches);
        producer->batch_count--;
    }
    producer->batches[producer->batch_count++] = (struct pb_producer_batch){
        .last_offset = pb__batch_last_offset(batch), .timestamp = batch->max_timestamp, .last_sequence = last_sequence(batch), .offset_delta = batch->last_offset_delta
    };
    return 0;
}

void pb__producers_expire(struct pb_producers *producers, const struct pb_env *env, int64_t before_ms) {
    for (int32_t i = 0; i < producers->capacity; i++) {
        if (producers->slots[i].producer_id == FREE || !is_expired(&producers->slots[i], before_ms)) continue;
        (void)rebuild(producers, env, producers->capacity, before_ms);      /* for lack of memory they stay until the next time */
        return;
    }
}

int64_t pb__producers_first_unstable(const struct pb_producers *producers, int64_t otherwise) {
    for (int32_t i = 0; i < producers->capacity; i++) {
        const struct pb_producer *producer = &producers->slots[i];
        if (producer->producer_id != FREE && producer->txn_first_offset >= 0) otherwise = pb__min_i64(otherwise, producer->txn_first_offset);
    }
    return otherwise;
}

/* ---- snapshots */

int pb__producers_write(const struct pb_producers *producers, const struct pb_env *env, const char *path) {
    size_t size = SNAPSHOT_HEAD_BYTES + (size_t)producers->count * SNAPSHOT_ENTRY_BYTES;
    uint8_t *bytes = pb__env_alloc(env, size), *at;
    if (bytes == NULL) return PB_E_NOMEM;
    at = bytes + SNAPSHOT_HEAD_BYTES;
    for (int32_t i = 0; i < producers->capacity; i++) {
        const struct pb_producer *producer = &producers->slots[i];
        if (producer->producer_id == FREE) continue;
        struct pb_producer_batch last = { .last_offset = -1, .timestamp = producer->timestamp, .last_sequence = -1 };
        if (producer->batch_count > 0) last = producer->batches[producer->batch_count - 1];
        pb__put_i64(at, producer->producer_id);
        pb__put_i16(at + 8, producer->epoch);
        pb__put_i32(at + 10, last.last_sequence);
        pb__put_i64(at + 14, last.last_offset);
        pb__put_i32(at + 22, last.offset_delta);
        pb__put_i64(at + 26, producer->timestamp);
        pb__put_i32(at + 34, producer->coordinator_epoch);
        pb__put_i64(at + 38, producer->txn_first_offset);
        at += SNAPSHOT_ENTRY_BYTES;
    }
    pb__put_i16(bytes, SNAPSHOT_VERSION);
    pb__put_i32(bytes + 6, producers->count);
    pb__put_u32(bytes + 2, pb__crc32c(0, bytes + 6, size - 6));
    int rc = pb__file_replace(env, path, bytes, size);
    pb__env_free(env, bytes);
    return rc;
}

static int parse(struct pb_producers *producers, const struct pb_env *env, const uint8_t *bytes, size_t size) {
    if (size < SNAPSHOT_HEAD_BYTES || pb__get_i16(bytes) != SNAPSHOT_VERSION || pb__crc32c(0, bytes + 6, size - 6) != pb__get_u32(bytes + 2)) return PB_E_CORRUPT_FILE;
    int32_t count = pb__get_i32(bytes + 6);
    if (count < 0 || size != SNAPSHOT_HEAD_BYTES + (size_t)count * SNAPSHOT_ENTRY_BYTES) return PB_E_CORRUPT_FILE;
    const uint8_t *at = bytes + SNAPSHOT_HEAD_BYTES;
    for (int32_t i = 0; i < count; i++, at += SNAPSHOT_ENTRY_BYTES) {
        struct pb_producer *producer;
        if (pb__get_i64(at) < 0) return PB_E_CORRUPT_FILE;
        int rc = find_or_add(producers, env, pb__get_i64(at), &producer);
        if (rc < 0) return rc;
        producer->epoch = pb__get_i16(at + 8);
        producer->timestamp = pb__get_i64(at + 26);
        producer->coordinator_epoch = pb__get_i32(at + 34);
        producer->txn_first_offset = pb__get_i64(at + 38);
        producer->batch_count = 0;
        if (pb__get_i32(at + 10) < 0) continue;
        producer->batch_count = 1;
        producer->batches[0] = (struct pb_producer_batch){ pb__get_i64(at + 14), producer->timestamp, pb__get_i32(at + 10), pb__get_i32(at + 22) };
    }
    return 0;
}

int pb__producers_read(struct pb_producers *producers, const struct pb_env *env, const char *path) {
    uint8_t *bytes;
    size_t size;
    pb__producers_clear(producers);
    int rc = pb__file_read_all(env, path, SNAPSHOT_BYTES_MAX, &bytes, &size);
    if (rc < 0) return rc == PB_E_LIMIT ? PB_E_CORRUPT_FILE : rc;
    rc = parse(producers, env, bytes, size);
    pb__env_free(env, bytes);
    if (rc < 0) pb__producers_clear(producers);
    return rc;
}
