#include <string.h>

#include "base/endian.h"
#include "base/err.h"
#include "record/batch_internal.h"

int pb__batch_workspace_new(const struct pb_env *env, struct pb_batch_workspace **workspace_out) {
    struct pb_batch_workspace *workspace = pb__env_zalloc(env, sizeof *workspace);
    if (workspace == NULL) return PB_E_NOMEM;
    workspace->env = env;
    int rc = pb__codec_workspace_new(env, &workspace->codec);
    if (rc < 0) {
        pb__env_free(env, workspace);
        return rc;
    }
    *workspace_out = workspace;
    return 0;
}

void pb__batch_workspace_free(struct pb_batch_workspace *workspace) {
    if (workspace == NULL) return;
    pb__codec_workspace_free(workspace->codec);
    pb__env_free(workspace->env, workspace->rewritten);
    pb__env_free(workspace->env, workspace);
}

struct pb_codec_workspace *pb__batch_workspace_codec(struct pb_batch_workspace *workspace) { return workspace->codec; }

uint8_t *pb__batch_workspace_take(struct pb_batch_workspace *workspace) {
    uint8_t *rewritten = workspace->rewritten;
    workspace->rewritten = NULL;
    return rewritten;
}

static int fail(struct pb_batch_fault *fault, int error, const char *text) {
    fault->text = text;
    return error;
}

/* Everything the header alone tells. */
static int check_header(const struct pb_batch *batch, const struct pb_batch_rules *rules, struct pb_batch_fault *fault) {
    if (batch->base_offset != 0) return fail(fault, PB_E_INVALID_RECORD, "base offset of a client's batch is not 0");
    if (batch->size_bytes > rules->batch_bytes_max) return fail(fault, PB_E_BATCH_TOO_LARGE, "record batch is larger than max.message.bytes");
    if (pb__batch_check_crc(batch) < 0) return fail(fault, PB_E_CORRUPT_BATCH, "CRC of the record batch does not match");
    if (pb__batch_codec(batch) > PB_CODEC_ZSTD) return fail(fault, PB_E_CODEC, "unknown compression type");
    if (batch->attributes & PB_ATTRIBUTE_CONTROL) return fail(fault, PB_E_INVALID_RECORD, "clients may not write control batches");
    if (batch->attributes & ~PB_ATTRIBUTE_KNOWN || batch->attributes & PB_ATTRIBUTE_DELETE_HORIZON) return fail(fault, PB_E_INVALID_RECORD, "reserved attribute bits are set");
    if (batch->record_count <= 0) return fail(fault, PB_E_INVALID_RECORD, "record batch has no records");
    if (batch->last_offset_delta != batch->record_count - 1) return fail(fault, PB_E_INVALID_RECORD, "last offset delta does not match the number of records");
    if (batch->producer_id < PB_NO_PRODUCER_ID) return fail(fault, PB_E_INVALID_RECORD, "producer id is not possible");
    if (batch->producer_id == PB_NO_PRODUCER_ID) {
        if (batch->attributes & PB_ATTRIBUTE_TRANSACTIONAL) return fail(fault, PB_E_INVALID_TXN_STATE, "transactional batch without a producer id");
        return 0;
    }
    if (batch->producer_epoch < 0 || batch->base_sequence < 0) return fail(fault, PB_E_INVALID_RECORD, "producer id without epoch or sequence");
    return 0;
}

/* Only the broker says that a time is its own: a client's flag is dropped, as the Java broker does. */
static void drop_append_time(struct pb_batch *batch) {
    batch->attributes = (int16_t)(batch->attributes & ~PB_ATTRIBUTE_LOG_APPEND_TIME);
    pb__put_i16(batch->bytes + PB_AT_ATTRIBUTES, batch->attributes);
}

static void set_append_time(struct pb_batch *batch, int64_t now_ms) {
    batch->attributes |= PB_ATTRIBUTE_LOG_APPEND_TIME;
    batch->max_timestamp = now_ms;
    pb__put_i16(batch->bytes + PB_AT_ATTRIBUTES, batch->attributes);
    pb__put_i64(batch->bytes + PB_AT_MAX_TIMESTAMP, now_ms);
}

int pb__batch_check(struct pb_batch *batch, const struct pb_batch_rules *rules, int64_t now_ms, struct pb_batch_workspace *workspace, struct pb_batch_fault *fault) {
    struct pb_batch_walk walk = { PB_NO_TIMESTAMP };
    fault->record_index = -1;
    fault->text = NULL;
    fault->further_count = 0;
    if (workspace->rewritten != NULL) pb__env_free(workspace->env, pb__batch_workspace_take(workspace));
    int rc = check_header(batch, rules, fault);
    if (rc == 0) rc = pb__batch_walk(batch, rules, now_ms, workspace->codec, &walk, fault);
    if (rc < 0) return rc;
    bool changed = false;
    if (rules->codec_wanted >= 0 && rules->codec_wanted != (int8_t)pb__batch_codec(batch)) {
        if ((rc = pb__batch_recompress(batch, rules, workspace)) < 0) return fail(fault, rc, "record batch cannot be compressed as the topic wants");
        if (batch->size_bytes > rules->batch_bytes_max) return fail(fault, PB_E_BATCH_TOO_LARGE, "record batch is larger than max.message.bytes once compressed anew");
        changed = true;
    }
    if (batch->attributes & PB_ATTRIBUTE_LOG_APPEND_TIME && !rules->log_append_time) {
        drop_append_time(batch);
        changed = true;
    }
    if (rules->log_append_time) {
        set_append_time(batch, now_ms);
        changed = true;
    } else if (batch->max_timestamp != walk.max_timestamp) {                /* the time index relies on it */
        batch->max_timestamp = walk.max_timestamp;
        pb__put_i64(batch->bytes + PB_AT_MAX_TIMESTAMP, walk.max_timestamp);
        changed = true;
    }
    if (changed) pb__batch_seal(batch);
    return 0;
}
