/* log/producer_state.h — what each producer id last wrote to a partition: sequence checks, duplicates, open transactions.
 *
 * On disk     <offset>.snapshot: version int16 (1) | crc uint32 (CRC-32C of what follows) | count int32 | per producer: id int64, epoch int16, last sequence int32,
 *             last offset int64, offset delta int32, timestamp int64, coordinator epoch int32, first offset of the open transaction int64 (-1 none)
 * Bounds      expired ones go at a roll (producer.id.expiration.ms); the table doubles when half full
 * Thread      the partition's lock
 * Source      kafka:storage ProducerStateManager, ProducerStateEntry, ProducerAppendInfo */
#ifndef PB_LOG_PRODUCER_STATE_H
#define PB_LOG_PRODUCER_STATE_H

#include "record/batch.h"

enum { PB_PRODUCER_BATCHES = 5 };

struct pb_producer_batch { int64_t last_offset, timestamp; int32_t last_sequence, offset_delta; };
struct pb_producer {
    int64_t producer_id;                                                    /* -1: free slot */
    int64_t txn_first_offset;                                               /* -1: no open transaction */
    int64_t timestamp;                                                      /* when its last batch came, ms: expiry counts from it */
    int32_t coordinator_epoch;
    int16_t epoch;
    int16_t batch_count;
    struct pb_producer_batch batches[PB_PRODUCER_BATCHES];                  /* oldest first */
};
struct pb_producers { struct pb_producer *slots; int32_t capacity, count; };

void pb__producers_deinit(struct pb_producers *producers, const struct pb_env *env);
void pb__producers_clear(struct pb_producers *producers);
/* NULL: unknown. */
struct pb_producer *pb__producers_find(const struct pb_producers *producers, int64_t producer_id);
/* What becomes of a client's batch, after `before` (the batches of the same append that passed; their state is not applied yet).
 * 0 append it; 1 duplicate, *base_offset_out of the first one; PB_E_INVALID_PRODUCER_EPOCH, PB_E_OUT_OF_ORDER_SEQUENCE. */
int pb__producers_check(const struct pb_producers *producers, const struct pb_batch *batch, struct pb_batch *const *before, int32_t before_count,
                        int64_t *base_offset_out);
/* A batch is in the log since now_ms (wall clock: records may carry any time of their own). PB_E_NOMEM. */
int pb__producers_apply(struct pb_producers *producers, const struct pb_env *env, const struct pb_batch *batch, int64_t now_ms);
/* Forget producers that wrote nothing since before_ms and have no open transaction. */
void pb__producers_expire(struct pb_producers *producers, const struct pb_env *env, int64_t before_ms);
/* First offset of the oldest open transaction, or `otherwise`. */
int64_t pb__producers_first_unstable(const struct pb_producers *producers, int64_t otherwise);

int pb__producers_write(const struct pb_producers *producers, const struct pb_env *env, const char *path);
/* PB_E_NOENT; PB_E_CORRUPT_FILE: producers is empty then. */
int pb__producers_read(struct pb_producers *producers, const struct pb_env *env, const char *path);

#endif
