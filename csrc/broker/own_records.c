/* Records of the broker's own: written and read by the control plane, kept in internal topics, as durable as a produce. */
#include <string.h>

#include "base/assert.h"
#include "broker/broker.h"
#include "record/batch_iter.h"
#include "record/batch_write.h"
#include "record/varint.h"

enum { READ_BYTES_MAX = 16 * 1024 * 1024 };

/* ---- append */

struct pb_own_batch {
    struct pb_wake wake;                                                    /* first: the queue of news gives it back */
    struct pb_waiter waiter;
    struct pb_list node;                                                    /* broker->own_batches while it waits */
    struct pb_broker *broker;
    struct pb_batch_writer writer;
    uint64_t ticket;
};

int pb_own_batch_new(struct pb_broker *broker, struct pb_own_batch **batch_out) {
    struct pb_own_batch *own = pb__env_zalloc(broker->env, sizeof *own);
    if (own == NULL) return PB_E_NOMEM;
    own->broker = broker;
    pb__list_init(&own->node);
    pb__wake_init(&own->wake, &broker->news);
    pb__batch_writer_init(&own->writer, broker->env, pb__env_wall_ms(broker->env));
    *batch_out = own;
    return 0;
}

void pb_own_batch_free(struct pb_own_batch *own) {
    if (own == NULL) return;
    pb__partition_unwait(&own->waiter);
    pb__list_remove(&own->node);
    pb__batch_writer_free(&own->writer);
    pb__env_free(own->broker->env, own);
}

int pb_own_batch_add(struct pb_own_batch *own, const uint8_t *key, int32_t key_size, const uint8_t *value, int32_t value_size) {
    return pb__batch_writer_add(&own->writer, key, key_size, value, value_size);
}

/* 1: waits for the sync; 0: durable. */
static int append_and_wait(struct pb_own_batch *own, struct pb_partition *partition, int64_t *base_offset_out) {
    struct pb_batch batch;
    pb__batch_writer_end(&own->writer, &batch);
    struct pb_log_append one = { .batch = &batch };
    struct pb_partition_append append = { .appends = &one, .count = 1, .now_ms = own->writer.timestamp, .flush_messages = INT64_MAX };
    int rc = pb__partition_append(partition, &append);
    if (rc == 0) rc = one.error;
    if (rc < 0) return rc;
    *base_offset_out = one.base_offset;
    if (!own->broker->part.sync_before_ack) return 0;
    own->waiter.wake = &own->wake;
    return pb__partition_wait_sync(partition, &own->waiter, append.end_offset);
}

int pb_own_batch_append(struct pb_own_batch *own, const uint8_t topic_id[16], int32_t index, uint64_t ticket, int64_t *base_offset_out) {
    struct pb_broker *broker = own->broker;
    struct pb_partition *partition;
    int rc = own->writer.record_count > 0 ? pb__partition_map_find_id(&broker->map, topic_id, index, &partition, NULL) : PB_E_INVALID_ARGUMENT;
    if (rc == 0) {
        own->ticket = ticket;
        rc = append_and_wait(own, partition, base_offset_out);
        pb__partition_put(partition);
    }
    if (rc > 0) {
        pb__list_push_back(&broker->own_batches, &own->node);
    } else {
        pb_own_batch_free(own);
    }
    return rc;
}

/* ---- news */

static bool take_appended(struct pb_broker *broker, struct pb_news *out) {
    if (broker->news_taken == NULL) broker->news_taken = pb__mpsc_take_all(&broker->news.ready);
    if (broker->news_taken == NULL) return false;
    struct pb_own_batch *own = (struct pb_own_batch *)(void *)pb__wake_of(broker->news_taken, &broker->news_taken);
    PB_ASSERT(own->waiter.done);
    *out = (struct pb_news){ .kind = PB_NEWS_APPENDED, .id = own->ticket, .error = own->waiter.error };
    pb_own_batch_free(own);
    return true;
}

int pb_broker_take_news(struct pb_broker *broker, struct pb_news *out) {
    if (take_appended(broker, out)) return 1;
    enum pb_note_kind kind;
    *out = (struct pb_news){ 0 };
    if (pb__mailbox_take_note(&broker->mailbox, &kind, &out->id) == 0) return 0;
    out->kind = kind == PB_NOTE_GONE ? PB_NEWS_GONE : kind == PB_NOTE_CLOSED ? PB_NEWS_CLOSED : PB_NEWS_UNUSED;
    return 1;
}

void pb__own_records_close(struct pb_broker *broker) {
    for (struct pb_list *node; (node = pb__list_pop_front(&broker->own_batches)) != NULL;) pb_own_batch_free(PB_LIST_ITEM(node, struct pb_own_batch, node));
}

/* ---- read */

struct pb_own_read {
    struct pb_broker *broker;
    struct pb_codec_workspace *codec;
    uint8_t *bytes;
    size_t size_bytes, at;
    int64_t from, next_offset, output_bytes_max;
    struct pb_batch batch;
    struct pb_batch_iter iter;
    bool in_batch;
    bool lent;                                                              /* bytes are somebody else's */
};

void pb_own_read_free(struct pb_own_read *read) {
    if (read == NULL) return;
    if (read->in_batch) pb__batch_iter_close(&read->iter);
    if (read->codec != NULL) pb__codec_workspace_free(read->codec);
    if (!read->lent) pb__env_free(read->broker->env, read->bytes);
    pb__env_free(read->broker->env, read);
}

/* The slice's bytes in memory. */
static int load(struct pb_own_read *read, const struct pb_file_slice *slice) {
    const struct pb_env *env = read->broker->env;
    if (slice->size_bytes == 0) return 0;
    if (slice->size_bytes > READ_BYTES_MAX) return PB_E_LIMIT;
    read->bytes = pb__env_alloc(env, (size_t)slice->size_bytes);
    if (read->bytes == NULL) return PB_E_NOMEM;
    while (read->size_bytes < (size_t)slice->size_bytes) {
        int64_t got = env->file_pread(env->context, slice->fd, read->bytes + read->size_bytes, (size_t)slice->size_bytes - read->size_bytes, slice->pos + (int64_t)read->size_bytes);
        if (got <= 0) return PB_E_IO;
        read->size_bytes += (size_t)got;
    }
    return 0;
}

static int read_partition(struct pb_own_read *read, struct pb_partition *partition, int64_t bytes_max) {
    struct pb_partition_read part = { .offset = read->from, .bytes_max = bytes_max, .leader_epoch = -1, .whole_batch = true };
    int rc = pb__partition_read(partition, &part);
    if (rc < 0) return rc;
    rc = load(read, &part.read.slice);
    pb__file_slice_deinit(&part.read.slice);
    return rc;
}

int pb_own_read_new(struct pb_broker *broker, const uint8_t topic_id[16], int32_t index, int64_t offset, int64_t bytes_max, struct pb_own_read **read_out) {
    struct pb_partition *partition;
    struct pb_own_read *read = pb__env_zalloc(broker->env, sizeof *read);
    if (read == NULL) return PB_E_NOMEM;
    read->broker = broker;
    read->from = read->next_offset = offset;
    read->output_bytes_max = PB_OWN_BATCH_BYTES_MAX;
    int rc = pb__codec_workspace_new(broker->env, &read->codec);
    if (rc == 0) rc = pb__partition_map_find_id(&broker->map, topic_id, index, &partition, NULL);
    if (rc == 0) {
        rc = read_partition(read, partition, bytes_max);
        pb__partition_put(partition);
    }
    if (rc < 0) {
        pb_own_read_free(read);
        return rc;
    }
    *read_out = read;
    return 0;
}

int pb_batch_read_new(struct pb_broker *broker, const uint8_t *bytes, int32_t size_bytes, int64_t output_bytes_max, struct pb_own_read **read_out) {
    struct pb_own_read *read = pb__env_zalloc(broker->env, sizeof *read);
    if (read == NULL) return PB_E_NOMEM;
    *read = (struct pb_own_read){ .broker = broker, .bytes = (uint8_t *)(uintptr_t)bytes, .size_bytes = (size_t)size_bytes, .from = INT64_MIN, .lent = true,
                                  .output_bytes_max = output_bytes_max };
    int rc = pb__codec_workspace_new(broker->env, &read->codec);
    if (rc < 0) {
        pb_own_read_free(read);
        return rc;
    }
    *read_out = read;
    return 0;
}

bool pb_header_next(const uint8_t **at, const uint8_t *end, struct pb_header_view *out) {
    int64_t name_size, value_size;
    if (pb__varlong_read(at, end, PB_VARINT_BYTES_MAX, &name_size) < 0 || name_size < 0 || name_size > end - *at) return false;
    out->name = *at;
    out->name_size = (int32_t)name_size;
    *at += name_size;
    if (pb__varlong_read(at, end, PB_VARINT_BYTES_MAX, &value_size) < 0 || value_size < -1 || value_size > end - *at) return false;
    out->value = value_size < 0 ? NULL : *at;
    out->value_size = (int32_t)value_size;
    if (value_size > 0) *at += value_size;
    return true;
}

/* 1: in the next batch; 0: no whole one is left. */
static int open_batch(struct pb_own_read *read) {
    int rc = pb__batch_parse(read->bytes + read->at, read->size_bytes - read->at, &read->batch);
    if (rc == PB_E_AGAIN) return 0;                                         /* cut by bytes_max */
    if (rc == 0) rc = pb__batch_check_crc(&read->batch);
    if (rc == 0) rc = pb__batch_iter_open(&read->iter, &read->batch, read->broker->env, read->codec, read->output_bytes_max);
    if (rc < 0) return rc;
    read->at += (size_t)read->batch.size_bytes;
    read->next_offset = pb__batch_last_offset(&read->batch) + 1;
    read->in_batch = true;
    return 1;
}

int pb_own_read_next(struct pb_own_read *read, struct pb_record_view *out) {
    struct pb_record record;
    for (;;) {
        int rc = read->in_batch ? pb__batch_iter_next(&read->iter, &record) : 0;
        if (rc < 0) return rc;
        if (rc > 0 && record.offset < read->from) continue;
        if (rc > 0) {
            *out = (struct pb_record_view){ .offset = record.offset, .timestamp_ms = record.timestamp, .key = record.key, .key_size = record.key == NULL ? -1 : record.key_size,
                                            .value = record.value, .value_size = record.value == NULL ? -1 : record.value_size, .producer_id = read->batch.producer_id,
                                            .producer_epoch = read->batch.producer_epoch, .attributes = read->batch.attributes, .headers = record.headers,
                                            .headers_size = record.headers_size, .header_count = record.header_count };
            return 1;
        }
        if (read->in_batch) pb__batch_iter_close(&read->iter);
        read->in_batch = false;
        if ((rc = open_batch(read)) <= 0) return rc;
    }
}

int64_t pb_own_read_next_offset(const struct pb_own_read *read) { return read->next_offset; }
