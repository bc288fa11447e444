/* broker/segments.c — segments seen and cut from outside: DeleteRecords, and the seam for a retention policy that is not the built-in one. */
#include "broker/housekeeping.h"

#include "base/assert.h"

/* ---- DeleteRecords (KIP-107) */

/* What the client may ask for: nothing beyond the high watermark, nothing of a topic that is compacted only. */
static int resolve(struct pb_partition *partition, int64_t offset, struct pb_keep_cut *cut) {
    int rc = pb__partition_open(partition);
    if (rc < 0) return rc;
    cut->rules = pb__log_retain_rules(partition->log, partition->high_watermark, 0);
    if (!cut->rules.deletes) return PB_E_POLICY;
    if (offset == -1) offset = partition->high_watermark;
    if (offset < 0 || offset > partition->high_watermark) return PB_E_OFFSET_OUT_OF_RANGE;
    cut->rules.deletes = false;                                             /* what lies below the start, and nothing else */
    cut->rules.start_offset = offset;
    cut->start = offset;
    return 0;
}

static int begin_delete(struct pb_broker *broker, struct pb_delete_records *item, struct pb_keep_cut *cut) {
    int rc = pb__partition_map_find_id(&broker->map, item->topic_id, item->partition, &cut->partition, NULL);
    if (rc < 0) return rc == PB_E_UNKNOWN_TOPIC_ID ? PB_E_UNKNOWN_PARTITION : rc;
    pthread_mutex_lock(&cut->partition->lock);
    rc = resolve(cut->partition, item->offset, cut);
    if (rc == 0) item->start_offset = pb__max_i64(pb__log_start_offset(cut->partition->log), cut->start);
    bool there = rc == 0 && cut->start <= pb__log_start_offset(cut->partition->log);
    pthread_mutex_unlock(&cut->partition->lock);
    if (rc < 0 || there) pb__partition_put(cut->partition);
    return rc < 0 ? rc : there ? 0 : 1;
}

int pb_broker_delete_records(struct pb_broker *broker, struct pb_delete_records *items, int32_t count) {
    struct pb_keep_cut cuts[PB_DELETE_RECORDS_MAX];
    int errors[PB_DELETE_RECORDS_MAX];
    int32_t places[PB_DELETE_RECORDS_MAX], cut_count = 0;
    struct pb_retain_done done = { .lines_left = PB_KEEP_LOG_LINES_MAX };
    if (count < 0 || count > PB_DELETE_RECORDS_MAX) return PB_E_INVALID_ARGUMENT;
    for (int32_t i = 0; i < count; i++) {
        items[i].start_offset = -1;
        int rc = begin_delete(broker, &items[i], &cuts[cut_count]);
        items[i].error = rc < 0 ? rc : 0;
        if (rc > 0) places[cut_count++] = i;
    }
    pb__keep_cut_all(broker, cuts, cut_count, true, errors, &done);
    for (int32_t i = 0; i < cut_count; i++) {
        items[places[i]].error = errors[i];
        if (errors[i] < 0) items[places[i]].start_offset = -1;
    }
    return 0;
}

/* ---- a policy of others */

int pb_broker_segments(struct pb_broker *broker, const uint8_t topic_id[16], int32_t index, int64_t from_offset, struct pb_segment_info *out, int32_t capacity) {
    struct pb_segment_facts facts[PB_RETAIN_CHUNK];
    struct pb_partition *partition;
    int rc = pb__partition_map_find_id(&broker->map, topic_id, index, &partition, NULL);
    if (rc < 0) return rc;
    pthread_mutex_lock(&partition->lock);
    rc = pb__partition_open(partition);
    if (rc == 0) rc = pb__log_segment_facts(partition->log, from_offset, facts, (int32_t)pb__min_i64(capacity, PB_RETAIN_CHUNK), true);
    pthread_mutex_unlock(&partition->lock);
    pb__partition_put(partition);
    for (int i = 0; i < rc; i++)
        out[i] = (struct pb_segment_info){ facts[i].base_offset, facts[i].end_offset, facts[i].size_bytes, facts[i].timestamp_ms, facts[i].active };
    return rc;
}

/* Base offsets, in order from the oldest: each must be the segment it was, whole below the high watermark, and not the active one. */
static int check_plan(struct pb_partition *partition, const int64_t *bases, int32_t count, int32_t *at, int64_t *start_out) {
    struct pb_segment_facts facts[PB_RETAIN_CHUNK];
    int found = pb__log_segment_facts(partition->log, *at == 0 ? 0 : bases[*at - 1] + 1, facts, PB_RETAIN_CHUNK, false);
    if (found < 0) return found;
    for (int i = 0; i < found && *at < count; i++, ++*at) {
        if (facts[i].base_offset != bases[*at] || facts[i].active || facts[i].end_offset > partition->high_watermark) return PB_E_INVALID_ARGUMENT;
        *start_out = facts[i].end_offset;
    }
    return found == 0 && *at < count ? PB_E_INVALID_ARGUMENT : *at < count;
}

int pb_broker_delete_segments(struct pb_broker *broker, const uint8_t topic_id[16], int32_t index, const int64_t *bases, int32_t count) {
    struct pb_keep_cut cut = { .start = 0 };
    struct pb_retain_done done = { .lines_left = PB_KEEP_LOG_LINES_MAX };
    int32_t at = 0;
    if (count <= 0) return count < 0 ? PB_E_INVALID_ARGUMENT : 0;
    int rc = pb__partition_map_find_id(&broker->map, topic_id, index, &cut.partition, NULL);
    if (rc < 0) return rc;
    for (rc = 1; rc > 0;) {
        pthread_mutex_lock(&cut.partition->lock);
        rc = pb__partition_open(cut.partition);
        if (rc == 0) cut.rules = pb__log_retain_rules(cut.partition->log, cut.partition->high_watermark, 0);
        if (rc == 0) rc = check_plan(cut.partition, bases, count, &at, &cut.start);
        pthread_mutex_unlock(&cut.partition->lock);
    }
    if (rc < 0) {
        pb__partition_put(cut.partition);
        return rc;
    }
    cut.rules.deletes = false;
    cut.rules.start_offset = 0;                                             /* the log says: by plan */
    pb__keep_cut_all(broker, &cut, 1, true, &rc, &done);
    return rc;
}
