/* record/batch_retain.h — a batch from which records were taken: what compaction leaves of it.
 *
 * Stays       base offset, last offset, leader epoch, producer id, epoch and sequence, codec, timestamp type; each record its offset, timestamp, key, value, headers
 * Made anew   record count, base timestamp (of the first record left, or the delete horizon), max timestamp (of those left; LogAppendTime: as it was), CRC
 * Horizon     attribute bit 6 says that base timestamp is the time from which the batch's tombstones, or its marker, may go (KIP-534)
 * Thread      any; the workspace's
 * Source      kafka:clients MemoryRecords.filterTo, DefaultRecordBatch.writeEmptyHeader */
#ifndef PB_RECORD_BATCH_RETAIN_H
#define PB_RECORD_BATCH_RETAIN_H

#include "record/batch_iter.h"

/* The time from which tombstones may go, or -1: not set. */
int64_t pb__batch_delete_horizon(const struct pb_batch *batch);
/* The walk begins once more. */
void pb__batch_iter_rewind(struct pb_batch_iter *iter);
/* The batch of the walk with the records for which keep[index] is not 0, of which there is one at least. horizon_ms: to be set, or -1: as it was. The bytes are
 * owned by the caller (env->alloc). 0; PB_E_NOMEM, PB_E_INVALID_RECORD, PB_E_BATCH_TOO_LARGE, PB_E_CODEC. */
int pb__batch_retain(struct pb_batch_iter *iter, const uint8_t *keep, int64_t horizon_ms, struct pb_codec_workspace *codec, uint8_t **bytes_out, size_t *size_out);
/* The header alone: what tells of the producer and of the offsets. */
void pb__batch_retain_nothing(const struct pb_batch *batch, uint8_t bytes[PB_BATCH_HEADER_BYTES]);

#endif
