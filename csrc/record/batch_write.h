/* record/batch_write.h — a batch built in memory, uncompressed: records of our own, or those of a batch that is written anew (other records, or part of them).
 *
 * Offset and leader epoch are given by the append.
 * Thread      one
 * Owner       the bytes belong to the writer until pb__batch_writer_free
 * Source      Kafka record format v2 (KIP-98) */
#ifndef PB_RECORD_BATCH_WRITE_H
#define PB_RECORD_BATCH_WRITE_H

#include "record/batch_iter.h"

struct pb_batch_writer {
    const struct pb_env *env;
    uint8_t *bytes;
    size_t size_bytes, capacity_bytes;
    int32_t record_count;
    int64_t timestamp;                                                      /* ms: base timestamp, and that of records without their own */
    int64_t max_timestamp;
};

void pb__batch_writer_init(struct pb_batch_writer *writer, const struct pb_env *env, int64_t timestamp_ms);
void pb__batch_writer_free(struct pb_batch_writer *writer);
/* One record behind the others; a size of -1 is null. PB_E_NOMEM, PB_E_BATCH_TOO_LARGE (above PB_OWN_BATCH_BYTES_MAX): the batch is as before. */
int pb__batch_writer_add(struct pb_batch_writer *writer, const uint8_t *key, int32_t key_size, const uint8_t *value, int32_t value_size);
/* The same with a timestamp of its own and headers (as a batch has them). Its offset is not looked at. */
int pb__batch_writer_add_record(struct pb_batch_writer *writer, const struct pb_record *record);
/* Header and CRC; batch is a view of the writer's bytes. At least one record was added. */
void pb__batch_writer_end(struct pb_batch_writer *writer, struct pb_batch *batch);
/* The same with the kind of timestamp of another batch, and, where keep_producer, its producer and sequence. */
void pb__batch_writer_end_as(struct pb_batch_writer *writer, const struct pb_batch *like, bool keep_producer, struct pb_batch *batch);

#endif
