#include "log/producer_state.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/crc32c.h"
#include "base/endian.h"
#include "base/err.h"
#include "base/limits.h"
#include "io/file.h"
#include "record/batch_iter.h"

enum { CAPACITY_MIN = 4, SNAPSHOT_VERSION = 1, SNAPSHOT_HEAD_BYTES = 10, SNAPSHOT_ENTRY_BYTES = 46, SNAPSHOT_BYTES_MAX = 256 * 1024 * 1024, FREE = -1 };

void pb__producers_deinit(struct pb_producers *producers, const struct pb_env *env) {
    pb__env_free(env, producers->slots);
    *producers = (struct pb_producers){ 0 };
}

void pb__producers_clear(struct pb_producers *producers) {
    for (int32_t i = 0; i < producers->capacity; i++) producers->slots[i].producer_id = FREE;
    producers->count = producers->open_count = 0;
    producers->transactional = false;
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

/* A place reserved for a batch that is not written, perhaps never. */
static bool is_reserved(const struct pb_producer *producer) { return producer->epoch < 0; }
static bool is_expired(const struct pb_producer *producer, int64_t before_ms) {
    return !is_reserved(producer) && producer->timestamp <= before_ms && producer->txn_first_offset < 0;
}

/* The table anew with this capacity, without producers that expired (before_ms INT64_MIN: none) and, if so wished, without reserved places. */
static int rebuild(struct pb_producers *producers, const struct pb_env *env, int32_t capacity, int64_t before_ms, bool drop_reserved) {
    struct pb_producer *slots = pb__env_alloc(env, (size_t)capacity * sizeof *slots);
    if (slots == NULL) return PB_E_NOMEM;
    for (int32_t i = 0; i < capacity; i++) slots[i].producer_id = FREE;
    producers->count = 0;
    for (int32_t i = 0; i < producers->capacity; i++) {
        const struct pb_producer *producer = &producers->slots[i];
        if (producer->producer_id == FREE || is_expired(producer, before_ms) || (drop_reserved && is_reserved(producer))) continue;
        *slot_of(slots, capacity, producer->producer_id) = *producer;
        producers->count++;
    }
    pb__env_free(env, producers->slots);
    producers->slots = slots;
    producers->capacity = capacity;
    return 0;
}

static int by_value(const void *left, const void *right) {
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return a < b ? -1 : a > b;
}

/* The table is as large as it may be: who was silent for longest goes. */
static int forget_silent(struct pb_producers *producers, const struct pb_env *env) {
    int64_t *times = pb__env_alloc(env, (size_t)producers->count * sizeof *times);
    int32_t count = 0;
    if (times == NULL) return PB_E_NOMEM;
    for (int32_t i = 0; i < producers->capacity; i++)
        if (producers->slots[i].producer_id != FREE && is_expired(&producers->slots[i], INT64_MAX)) times[count++] = producers->slots[i].timestamp;
    qsort(times, (size_t)count, sizeof *times, by_value);
    int64_t before_ms = count > 0 ? times[count / 8] : 0;
    pb__env_free(env, times);
    return count == 0 ? PB_E_LIMIT : rebuild(producers, env, producers->capacity, before_ms, false);
}

static int make_room(struct pb_producers *producers, const struct pb_env *env) {
    if (producers->count >= PB_PRODUCERS_MAX) return forget_silent(producers, env);
    if (producers->count * 2 < producers->capacity) return 0;
    return rebuild(producers, env, producers->capacity > 0 ? producers->capacity * 2 : CAPACITY_MIN, INT64_MIN, false);
}

static int find_or_add(struct pb_producers *producers, const struct pb_env *env, int64_t producer_id, struct pb_producer **out) {
    if ((*out = pb__producers_find(producers, producer_id)) != NULL) return 0;
    int rc = make_room(producers, env);
    if (rc < 0) return rc;
    *out = slot_of(producers->slots, producers->capacity, producer_id);
    **out = (struct pb_producer){ .producer_id = producer_id, .txn_first_offset = -1, .coordinator_epoch = -1, .epoch = -1 };
    producers->count++;
    return 0;
}

/* Sequence `steps` after `sequence`; behind the largest comes 0. */
static int32_t sequence_after(int32_t sequence, int32_t steps) { return (int32_t)(((int64_t)sequence + steps) & INT32_MAX); }

int pb__producers_reserve(struct pb_producers *producers, const struct pb_env *env, int64_t producer_id) {
    struct pb_producer *producer;
    return find_or_add(producers, env, producer_id, &producer);
}

static int32_t last_sequence(const struct pb_batch *batch) { return sequence_after(batch->base_sequence, batch->last_offset_delta); }

enum { NO_SEQUENCE = -1 };

/* Epoch and sequence after what came last (NO_SEQUENCE: nothing in this epoch). As the Java broker, a producer nothing is known of may begin anywhere. */
static int check_order(const struct pb_batch *batch, int16_t epoch, int32_t sequence) {
    if (epoch < 0) return 0;
    if (batch->producer_epoch < epoch) return PB_E_INVALID_PRODUCER_EPOCH;
    if (batch->producer_epoch != epoch) return batch->base_sequence == 0 ? 0 : PB_E_OUT_OF_ORDER_SEQUENCE;
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
    return check_order(batch, producer->epoch, producer->batch_count > 0 ? producer->batches[producer->batch_count - 1].last_sequence : NO_SEQUENCE);
}

/* ---- transactions */

enum { MARKER_KEY_BYTES = 4, MARKER_VALUE_BYTES = 6, MARKER_ABORT = 0, MARKER_COMMIT = 1 };

int pb__marker_read(const struct pb_batch *batch, const struct pb_env *env, struct pb_marker *marker_out) {
    struct pb_batch_iter iter;
    struct pb_record record;
    if (!(batch->attributes & PB_ATTRIBUTE_CONTROL) || pb__batch_codec(batch) != 0 || pb__batch_iter_open(&iter, batch, env, NULL, INT32_MAX) < 0) return 0;
    bool given = pb__batch_iter_next(&iter, &record) > 0 && record.key != NULL && record.key_size >= MARKER_KEY_BYTES && record.value != NULL &&
                 record.value_size >= MARKER_VALUE_BYTES;
    int16_t type = given ? pb__get_i16(record.key + 2) : -1;
    if (given) *marker_out = (struct pb_marker){ type == MARKER_ABORT, pb__get_i32(record.value + 2) };
    pb__batch_iter_close(&iter);
    return type == MARKER_ABORT || type == MARKER_COMMIT;
}

/* First offset of the oldest open transaction but that of one producer (FREE: of all), or `otherwise`. */
static int64_t oldest_open(const struct pb_producers *producers, int64_t but, int64_t otherwise) {
    int64_t first = INT64_MAX;
    for (int32_t i = 0; i < producers->capacity; i++) {
        const struct pb_producer *producer = &producers->slots[i];
        if (producer->producer_id != FREE && producer->producer_id != but && producer->txn_first_offset >= 0) first = pb__min_i64(first, producer->txn_first_offset);
    }
    return first == INT64_MAX ? otherwise : first;
}

static void txn_begin(struct pb_producers *producers, struct pb_producer *producer, int64_t first_offset) {
    producer->txn_first_offset = first_offset;
    producers->transactional = true;
    producers->open_first = producers->open_count++ == 0 ? first_offset : pb__min_i64(producers->open_first, first_offset);
}

static void txn_end(struct pb_producers *producers, struct pb_producer *producer) {
    bool was_oldest = producer->txn_first_offset == producers->open_first;
    producer->txn_first_offset = -1;
    if (--producers->open_count > 0 && was_oldest) producers->open_first = oldest_open(producers, FREE, -1);
}

int pb__producers_check_marker(const struct pb_producers *producers, const struct pb_env *env, const struct pb_batch *batch) {
    struct pb_marker marker;
    if (pb__marker_read(batch, env, &marker) == 0) return PB_E_INVALID_RECORD;
    const struct pb_producer *producer = pb__producers_find(producers, batch->producer_id);
    if (producer == NULL) return 0;
    if (batch->producer_epoch < producer->epoch) return PB_E_INVALID_PRODUCER_EPOCH;
    return marker.coordinator_epoch < producer->coordinator_epoch ? PB_E_COORDINATOR_FENCED : 0;
}

static void apply_transaction(struct pb_producers *producers, const struct pb_env *env, struct pb_producer *producer, const struct pb_batch *batch) {
    struct pb_marker marker;
    if (batch->attributes & PB_ATTRIBUTE_CONTROL) {
        if (pb__marker_read(batch, env, &marker) == 0) return;
        producer->coordinator_epoch = marker.coordinator_epoch;
        producers->transactional = true;
        if (producer->txn_first_offset >= 0) txn_end(producers, producer);
    } else if (batch->attributes & PB_ATTRIBUTE_TRANSACTIONAL && producer->txn_first_offset < 0) {
        txn_begin(producers, producer, batch->base_offset);
    }
}

int pb__producers_aborts(const struct pb_producers *producers, const struct pb_env *env, const struct pb_batch *batch, struct pb_completed_txn *txn_out) {
    struct pb_marker marker;
    const struct pb_producer *producer = batch->attributes & PB_ATTRIBUTE_CONTROL ? pb__producers_find(producers, batch->producer_id) : NULL;
    if (producer == NULL || producer->txn_first_offset < 0 || pb__marker_read(batch, env, &marker) == 0 || !marker.aborts) return 0;
    int64_t last = pb__batch_last_offset(batch);
    *txn_out = (struct pb_completed_txn){ batch->producer_id, producer->txn_first_offset, last, oldest_open(producers, batch->producer_id, last + 1) };
    return 1;
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
    apply_transaction(producers, env, producer, batch);
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
        const struct pb_producer *producer = &producers->slots[i];
        if (producer->producer_id == FREE || (!is_reserved(producer) && !is_expired(producer, before_ms))) continue;
        (void)rebuild(producers, env, producers->capacity, before_ms, true);   /* for lack of memory they stay until the next time */
        return;
    }
}

int64_t pb__producers_first_unstable(const struct pb_producers *producers, int64_t otherwise) {
    return producers->open_count > 0 ? pb__min_i64(producers->open_first, otherwise) : otherwise;
}

/* ---- snapshots */

static bool is_written(const struct pb_producer *producer) { return producer->producer_id != FREE && !is_reserved(producer); }

int pb__producers_write(const struct pb_producers *producers, const struct pb_env *env, const char *path) {
    int32_t count = 0;
    for (int32_t i = 0; i < producers->capacity; i++) count += is_written(&producers->slots[i]);
    size_t size = SNAPSHOT_HEAD_BYTES + (size_t)count * SNAPSHOT_ENTRY_BYTES;
    uint8_t *bytes = pb__env_alloc(env, size), *at;
    if (bytes == NULL) return PB_E_NOMEM;
    at = bytes + SNAPSHOT_HEAD_BYTES;
    for (int32_t i = 0; i < producers->capacity; i++) {
        const struct pb_producer *producer = &producers->slots[i];
        if (!is_written(producer)) continue;
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
    pb__put_i32(bytes + 6, count);
    pb__put_u32(bytes + 2, pb__crc32c(0, bytes + 6, size - 6));
    int rc = pb__file_put_whole(env, path, bytes, size);
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
        if (pb__get_i64(at) < 0 || pb__get_i16(at + 8) < 0) return PB_E_CORRUPT_FILE;
        int rc = find_or_add(producers, env, pb__get_i64(at), &producer);
        if (rc < 0) return rc;
        producer->epoch = pb__get_i16(at + 8);
        producer->timestamp = pb__get_i64(at + 26);
        producer->coordinator_epoch = pb__get_i32(at + 34);
        if (producer->coordinator_epoch >= 0) producers->transactional = true;
        if (producer->txn_first_offset < 0 && pb__get_i64(at + 38) >= 0) txn_begin(producers, producer, pb__get_i64(at + 38));
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
