/* record/batch.h — a record batch (magic 2) as a view: parse the header, check everything Kafka checks, patch in place.
 *
 * Wire layout  baseOffset int64 | batchLength int32 | partitionLeaderEpoch int32 | magic int8 | crc uint32 | attributes int16 |
 *              lastOffsetDelta int32 | baseTimestamp int64 | maxTimestamp int64 | producerId int64 | producerEpoch int16 |
 *              baseSequence int32 | recordCount int32 | records…        61 bytes of header; batchLength counts from byte 12.
 *              crc is CRC-32C from attributes (byte 21) to the end: offset and leader epoch may be patched without it.
 *              attributes: 0-2 codec, 3 timestamp type (1 = LogAppendTime), 4 transactional, 5 control, 6 delete horizon.
 * Thread       any; a workspace belongs to one thread
 * Owner        batch bytes are borrowed; what a check had to rewrite is lent by the workspace (see pb__batch_check)
 * Source       Kafka record format v2 (KIP-98), kafka:storage LogValidator */
#ifndef PB_RECORD_BATCH_H
#define PB_RECORD_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/env.h"
#include "record/codec.h"

enum {
    PB_BATCH_HEADER_BYTES = 61,
    PB_BATCH_PREFIX_BYTES = 12,                                             /* baseOffset + batchLength */
    PB_BATCH_MAGIC = 2,
    PB_ATTRIBUTE_CODEC = 0x07,
    PB_ATTRIBUTE_LOG_APPEND_TIME = 0x08,
    PB_ATTRIBUTE_TRANSACTIONAL = 0x10,
    PB_ATTRIBUTE_CONTROL = 0x20,
    PB_ATTRIBUTE_DELETE_HORIZON = 0x40,
    PB_ATTRIBUTE_KNOWN = 0x7f,
    PB_NO_PRODUCER_ID = -1,
    PB_NO_TIMESTAMP = -1,
    PB_BATCH_FAULTS_MAX = 32,                                               /* records named in one refusal */
};

struct pb_batch {
    uint8_t *bytes;                                                         /* whole batch */
    int32_t size_bytes;                                                     /* 12 + batchLength */
    int64_t base_offset;
    int32_t leader_epoch;
    uint32_t crc;
    int16_t attributes;
    int32_t last_offset_delta;
    int64_t base_timestamp;                                                 /* ms */
    int64_t max_timestamp;                                                  /* ms */
    int64_t producer_id;                                                    /* -1: none */
    int16_t producer_epoch;
    int32_t base_sequence;                                                  /* -1: none */
    int32_t record_count;
};

static inline int64_t pb__batch_last_offset(const struct pb_batch *batch) { return batch->base_offset + batch->last_offset_delta; }
static inline enum pb_codec pb__batch_codec(const struct pb_batch *batch) { return (enum pb_codec)(batch->attributes & PB_ATTRIBUTE_CODEC); }

/* View of the header at bytes. Checks only what makes the batch's extent safe to use: size_bytes >= 61, batchLength in [49, size_bytes - 12],
 * magic 2. A batch shorter than size_bytes is fine: the caller looks at batch.size_bytes.
 * Returns 0; PB_E_AGAIN (size_bytes too small to tell or batch cut); PB_E_CORRUPT_BATCH (length impossible); PB_E_MAGIC (0, 1 or above 2). */
int pb__batch_parse(uint8_t *bytes, size_t size_bytes, struct pb_batch *out);
/* CRC of the batch compared with its header: 0 or PB_E_CORRUPT_BATCH. */
int pb__batch_check_crc(const struct pb_batch *batch);
/* A whole batch (or, of magic 0 and 1, message) of a format that is not served: its own sum is right. size_bytes: all of it. */
bool pb__batch_is_foreign(const uint8_t *bytes, size_t size_bytes);
/* Write base offset and leader epoch into the bytes and the view (both outside of the CRC). */
void pb__batch_assign(struct pb_batch *batch, int64_t base_offset, int32_t leader_epoch);
/* Another producer, epoch and sequence, in bytes and view; the CRC anew. */
void pb__batch_set_producer(struct pb_batch *batch, int64_t producer_id, int16_t producer_epoch, int32_t base_sequence);

/* What a topic demands of a batch. */
struct pb_batch_rules {
    int32_t batch_bytes_max;                                                /* max.message.bytes, of the batch as it will be stored */
    int64_t decompressed_bytes_max;                                         /* max.decompressed.message.bytes */
    bool keys_required;                                                     /* cleanup.policy contains compact */
    bool log_append_time;                                                   /* message.timestamp.type */
    int64_t timestamp_before_max_ms;                                        /* message.timestamp.before.max.ms */
    int64_t timestamp_after_max_ms;
    int8_t codec_wanted;                                                    /* compression.type: -1 = producer, else enum pb_codec */
    int32_t codec_level;
};

/* Why a batch was refused: for ProduceResponse 8+ (recordErrors, errorMessage). */
struct pb_batch_fault {
    int32_t record_index;                                                   /* -1: the batch as a whole */
    const char *text;                                                       /* static */
    int32_t further[PB_BATCH_FAULTS_MAX - 1];                               /* more records with the same fault (missing keys) */
    int32_t further_count;
};

struct pb_batch_workspace;                                                  /* codec workspace + rewrite buffer; bounded, reused */
int pb__batch_workspace_new(const struct pb_env *env, struct pb_batch_workspace **workspace_out);
void pb__batch_workspace_free(struct pb_batch_workspace *workspace);
struct pb_codec_workspace *pb__batch_workspace_codec(struct pb_batch_workspace *workspace);

/* Check a batch from a client as Kafka's LogValidator does, and make it what will be stored, except for offset and leader epoch.
 *
 * Order of checks: size against batch_bytes_max; CRC; attributes (unknown codec 5-7 PB_E_CODEC; LogAppendTime set by a client, control bit,
 * delete horizon and reserved bits PB_E_INVALID_RECORD); record_count >= 1; last_offset_delta == record_count - 1; producer
 * id/epoch/sequence together (transactional without producer id PB_E_INVALID_TXN_STATE; id without epoch or sequence
 * PB_E_INVALID_RECORD); every record: varint lengths exact, attributes 0, offset delta == its index, key/value/header lengths inside,
 * header key not null, key present when keys_required, timestamp within [now - before, now + after] unless log_append_time
 * (PB_E_INVALID_TIMESTAMP; -1 "no timestamp" is allowed by Kafka); nothing after the last record. Compressed records are decompressed in pieces for this and never
 * held whole, except when they must be rewritten.
 * Rewrites: max_timestamp in the header when it is not the true one; LogAppendTime: attribute bit and max_timestamp = now_ms (CRC
 * computed anew); codec other than codec_wanted: records compressed anew, bytes then lent by the workspace until the next check on it or until
 * pb__batch_workspace_take. batch (view) and bytes agree on return. Uncompressed batches that need nothing are never copied.
 * Returns 0 or PB_E_CORRUPT_BATCH, PB_E_INVALID_RECORD, PB_E_BATCH_TOO_LARGE, PB_E_CODEC, PB_E_INVALID_TIMESTAMP, PB_E_INVALID_TXN_STATE,
 * PB_E_NOMEM; *fault says more. */
int pb__batch_check(struct pb_batch *batch, const struct pb_batch_rules *rules, int64_t now_ms, struct pb_batch_workspace *workspace,
                    struct pb_batch_fault *fault);
/* The buffer of the last rewrite, now owned by the caller (pb__env_free), or NULL when the last check rewrote nothing into one. */
uint8_t *pb__batch_workspace_take(struct pb_batch_workspace *workspace);

#endif
