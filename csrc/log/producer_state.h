/* log/producer_state.h — what each producer id last wrote to a partition: sequence checks, duplicates, open transactions.
 *
 * On disk     <offset>.snapshot: version int16 (1) | crc uint32 (CRC-32C of what follows) | count int32 | per producer: id int64, epoch int16, last sequence int32,
 *             last offset int64, offset delta int32, timestamp int64, coordinator epoch int32, first offset of the open transaction int64 (-1 none)
 * Bounds      expired ones go at a roll and when the keeper looks (producer.id.expiration.ms); the table doubles when half full. Above PB_PRODUCERS_MAX the
 *             eighth part that was silent for longest is forgotten: to the log it is then unknown, and may go on with any sequence
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
    int64_t timestamp;                                                      /* when its last batch came or was read by recovery, ms: expiry counts from it */
    int32_t coordinator_epoch;
    int16_t epoch;
    int16_t batch_count;
    struct pb_producer_batch batches[PB_PRODUCER_BATCHES];                  /* oldest first */
};
struct pb_producers {
    struct pb_producer *slots;
    int32_t capacity, count;
    bool transactional;                                                     /* a transaction began or ended here, as far as anybody remembers */
    int32_t open_count;                                                     /* producers with an open transaction */
    int64_t open_first;                                                     /* the oldest one's first offset; open_count > 0 */
};

/* What a control batch says (its one record: key version int16 | type int16, 0 abort, 1 commit; value version int16 | coordinator epoch int32). */
struct pb_marker { bool aborts; int32_t coordinator_epoch; };
/* 1: the batch ends a transaction; 0: it does not. Its bytes are read whole. */
int pb__marker_read(const struct pb_batch *batch, const struct pb_env *env, struct pb_marker *marker_out);

/* A transaction that ended. */
struct pb_completed_txn { int64_t producer_id, first_offset, last_offset, last_stable_offset; };

void pb__producers_deinit(struct pb_producers *producers, const struct pb_env *env);
void pb__producers_clear(struct pb_producers *producers);
/* NULL: unknown. */
struct pb_producer *pb__producers_find(const struct pb_producers *producers, int64_t producer_id);
/* What becomes of a client's batch, after `before` (the batches of the same append that passed; their state is not applied yet).
 * 0 append it; 1 duplicate, *base_offset_out of the first one; PB_E_INVALID_PRODUCER_EPOCH, PB_E_OUT_OF_ORDER_SEQUENCE. */
int pb__producers_check(const struct pb_producers *producers, const struct pb_batch *batch, struct pb_batch *const *before, int32_t before_count,
                        int64_t *base_offset_out);
/* Whether a marker of the coordinator may be appended: 0; PB_E_INVALID_RECORD (none), PB_E_INVALID_PRODUCER_EPOCH, PB_E_COORDINATOR_FENCED (an older
 * coordinator than the one that was here last). Of one producer at most one marker may wait for its write, so the state is the newest there is. */
int pb__producers_check_marker(const struct pb_producers *producers, const struct pb_env *env, const struct pb_batch *batch);
/* Room for this producer, so that the apply that follows cannot fail. PB_E_NOMEM; PB_E_LIMIT: as many have an open transaction as may be known. */
int pb__producers_reserve(struct pb_producers *producers, const struct pb_env *env, int64_t producer_id);
/* A batch is in the log since now_ms, by the wall clock: the Java broker takes the batch's own time, and forgets at once who writes records of last week.
 * A control batch is given with its record. PB_E_NOMEM and PB_E_LIMIT, never after pb__producers_reserve. */
int pb__producers_apply(struct pb_producers *producers, const struct pb_env *env, const struct pb_batch *batch, int64_t now_ms);
/* What this batch, a marker that aborts, is about to end: 1 and the transaction; 0: it is none, or nothing was open. Asked before the apply. */
int pb__producers_aborts(const struct pb_producers *producers, const struct pb_env *env, const struct pb_batch *batch, struct pb_completed_txn *txn_out);
/* Forget producers whose last batch is no younger than before_ms and that have no open transaction. */
void pb__producers_expire(struct pb_producers *producers, const struct pb_env *env, int64_t before_ms);
/* First offset of the oldest open transaction, or `otherwise`. */
int64_t pb__producers_first_unstable(const struct pb_producers *producers, int64_t otherwise);

/* Without a sync: what a power cut leaves of it is given away by its CRC. */
int pb__producers_write(const struct pb_producers *producers, const struct pb_env *env, const char *path);
/* PB_E_NOENT; PB_E_CORRUPT_FILE: producers is empty then. */
int pb__producers_read(struct pb_producers *producers, const struct pb_env *env, const char *path);

#endif
