/* record/batch_write.h — a batch of our own records, built in memory: what coordinators keep in internal topics.
 *
 * Uncompressed, no producer id, CreateTime; offset and leader epoch are given by the append.
 * Thread      one
 * Owner       the bytes belong to the writer until pb__batch_writer_free
 * Source      Kafka record format v2 (KIP-98) */
#ifndef PB_RECORD_BATCH_WRITE_H
#define PB_RECORD_BATCH_WRITE_H

#include "record/batch.h"

struct pb_batch_writer {
    const struct pb_env *env;
    uint8_t *bytes;
    size_t size_bytes, capacity_bytes;
    int32_t record_count;
    int64_t timestamp;                                                      /* ms, of every record */
};

void pb__batch_writer_init(struct pb_batch_writer *writer, const struct pb_env *env, int64_t timestamp_ms);
void pb__batch_writer_free(struct pb_batch_writer *writer);
/* One record behind the others; a size of -1 is null. PB_E_NOMEM, PB_E_BATCH_TOO_LARGE (above PB_OWN_BATCH_BYTES_MAX): the batch is as before. */
int pb__batch_writer_add(struct pb_batch_writer *writer, const uint8_t *key, int32_t key_size, const uint8_t *value, int32_t value_size);
/* Header and CRC; batch is a view of the writer's bytes. At least one record was added. */
void pb__batch_writer_end(struct pb_batch_writer *writer, struct pb_batch *batch);

#endif
