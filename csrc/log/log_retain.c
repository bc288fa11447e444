#include "log/log_retain.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "base/failpoint.h"
#include "log/log_internal.h"

/* The .log last: a crash in between leaves a segment whose derived files are made anew, never one without records. */
static const char *const suffixes[] = { ".index", ".timeindex", ".txnindex", ".snapshot", ".log" };
static const char removed_suffix[] = ".deleted";

/* ---- the rule */

static enum pb_retain_decision decide(const struct pb_retain_rules *rules, const struct pb_segment_facts *facts, int64_t size_bytes) {
    if (facts->end_offset > rules->high_watermark) return PB_RETAIN_KEEP;
    if (!facts->active && facts->end_offset <= rules->start_offset) return PB_RETAIN_BY_START;
    if (!rules->deletes || (facts->active && facts->size_bytes == 0)) return PB_RETAIN_KEEP;
    if (rules->retention_ms >= 0 && facts->timestamp_ms >= 0 && rules->now_ms - facts->timestamp_ms > rules->retention_ms) return PB_RETAIN_BY_TIME;
    if (rules->retention_bytes >= 0 && size_bytes - facts->size_bytes >= rules->retention_bytes) return PB_RETAIN_BY_SIZE;
    return PB_RETAIN_KEEP;
}

void pb__retain_plan(const struct pb_retain_rules *rules, const struct pb_segment_facts *facts, int32_t count, uint8_t *decisions_out) {
    int64_t size_bytes = rules->size_bytes;
    int32_t i = 0;
    for (; i < count; i++) {
        enum pb_retain_decision decision = decide(rules, &facts[i], size_bytes);
        decisions_out[i] = (uint8_t)decision;
        if (decision == PB_RETAIN_KEEP) break;
        size_bytes -= facts[i].size_bytes;
    }
    for (; i < count; i++) decisions_out[i] = PB_RETAIN_KEEP;
}

struct pb_retain_rules pb__log_retain_rules(const struct pb_log *log, int64_t high_watermark, int64_t now_ms) {
    const struct pb_log_config *config = log->config;
    return (struct pb_retain_rules){ .now_ms = now_ms, .retention_ms = config->retention_ms, .retention_bytes = config->retention_bytes, .start_offset = log->start_offset,
                                     .high_watermark = high_watermark, .size_bytes = log->size_bytes, .deletes = config->deletes };
}

/* ---- facts */

/* As the batches have it: the time index of a sealed segment is verified when it is first asked. */
static int timestamp_of(struct pb_log *log, struct pb_segment *segment, int64_t *timestamp_out) {
    char path[PB_PATH_BYTES_MAX];
    struct pb_file_stat stat;
    int rc = 0;
    *timestamp_out = segment->max_timestamp;
    if (segment->end_pos > 0) rc = pb__segment_max_timestamp(log, segment, timestamp_out);
    if (rc < 0 || *timestamp_out >= 0) return rc;
    *timestamp_out = -1;
    if (segment->end_pos == 0) return 0;
    if ((rc = pb__log_path(log, segment->base_offset, ".log", path)) < 0) return rc;
    rc = log->env->file_stat(log->env->context, path, &stat);
    if (rc == 0) *timestamp_out = stat.mtime_ms;
    return rc < 0 && rc != -ENOENT ? PB_E_IO : 0;
}

/* First segment with a base offset of `offset` and above. */
static int32_t first_from(const struct pb_log *log, int64_t offset) {
    int32_t low = 0, high = log->segment_count;
    while (low < high) {
        int32_t middle = (low + high) / 2;
        if (log->segments[middle]->base_offset < offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

int pb__log_segment_facts(struct pb_log *log, int64_t from_offset, struct pb_segment_facts *facts, int32_t capacity, bool with_times) {
    int32_t count = 0;
    for (int32_t at = first_from(log, from_offset); at < log->segment_count && count < capacity; at++, count++) {
        struct pb_segment *segment = log->segments[at];
        facts[count] = (struct pb_segment_facts){ .base_offset = segment->base_offset, .end_offset = segment->end_offset, .size_bytes = segment->end_pos,
                                                  .timestamp_ms = -1, .active = at + 1 == log->segment_count };
        int rc = with_times ? timestamp_of(log, segment, &facts[count].timestamp_ms) : 0;
        if (rc < 0) return rc;
    }
    return count;
}

int pb__log_retain_look(struct pb_log *log, struct pb_retain_rules *rules, int64_t *from_offset, int64_t *start_out) {
    struct pb_segment_facts facts[PB_RETAIN_CHUNK];
    uint8_t decisions[PB_RETAIN_CHUNK];
    /* Most often the oldest one stays: more are looked at only when it does not. */
    int count = pb__log_segment_facts(log, *from_offset, facts, *from_offset == 0 ? 1 : PB_RETAIN_CHUNK, rules->deletes && rules->retention_ms >= 0);
    if (count <= 0) return count;
    pb__retain_plan(rules, facts, count, decisions);
    for (int i = 0; i < count; i++) {
        if (decisions[i] == PB_RETAIN_KEEP) return 0;
        rules->size_bytes -= facts[i].size_bytes;
        *from_offset = facts[i].base_offset + 1;
        int32_t next = first_from(log, *from_offset);
        int64_t start = next < log->segment_count ? log->segments[next]->base_offset : facts[i].end_offset;
        *start_out = pb__max_i64(*start_out, start);
    }
    return 1;
}

/* ---- removal */

/* A name that is gone, or was never made, is as good as renamed. */
static int rename_removed(struct pb_log *log, int64_t base_offset, const char *suffix, struct pb_file *file) {
    char from[PB_PATH_BYTES_MAX], to[PB_PATH_BYTES_MAX + sizeof removed_suffix];
    int rc = pb__log_path(log, base_offset, suffix, from);
    if (rc < 0) return rc;
    snprintf(to, sizeof to, "%s%s", from, removed_suffix);
    if (file != NULL) return pb__file_rename(file, to);
    rc = log->env->file_rename(log->env->context, from, to);
    if (rc < 0 && rc != -ENOENT) {
        pb__env_log(log->env, PB_LOG_ERROR, "event=rename-failed path=%s errno=%d", from, -rc);
        return PB_E_IO;
    }
    return 0;
}

static struct pb_doomed *doomed_new(struct pb_log *log, int64_t base_offset) {
    size_t size = strlen(log->dir) + 1;
    struct pb_doomed *doomed = pb__env_alloc(log->env, sizeof *doomed + size);
    if (doomed == NULL) return NULL;
    int64_t delay_ms = pb__min_i64(pb__max_i64(log->config->file_delete_delay_ms, 0), INT64_MAX / 4000000);
    *doomed = (struct pb_doomed){ .due_ns = pb__env_now_ns(log->env) + delay_ms * 1000000, .base_offset = base_offset };
    memcpy(doomed->dir, log->dir, size);
    return doomed;
}

/* The oldest segment leaves the log. Readers that hold a piece of it go on. */
static int remove_oldest(struct pb_log *log) {
    struct pb_segment *segment = log->segments[0];
    struct pb_doomed *doomed = doomed_new(log, segment->base_offset);
    if (doomed == NULL) return PB_E_NOMEM;
    struct pb_file *const files[] = { segment->index, segment->time_index, NULL, NULL, segment->log };
    _Static_assert(PB_COUNT(files) == PB_COUNT(suffixes), "a file for each suffix");
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < PB_COUNT(suffixes); i++) {
        rc = rename_removed(log, segment->base_offset, suffixes[i], files[i]);
        PB_FAILPOINT(log->env, REMOVE_RENAMED);
    }
    if (rc < 0) {
        pb__env_free(log->env, doomed);                                     /* the .log is still there: it is removed in the next round */
        return rc;
    }
    log->size_bytes -= segment->end_pos;
    pb__log_drop_segment(log, 0);
    log->dir_dirty = true;
    struct pb_doomed **last = &log->doomed;
    while (*last != NULL) last = &(*last)->next;
    *last = doomed;
    PB_FAILPOINT(log->env, REMOVE_DONE);
    return 0;
}

/* A new active segment, on disk before the old one goes: without a file the end offset would be told by nothing but a checkpoint. */
static int roll_for_removal(struct pb_log *log, int64_t now_ms) {
    int fd, rc = pb__log_roll(log, now_ms);
    if (rc < 0 || (rc = pb__file_pin(pb__log_active(log)->log, &fd)) < 0) return rc;
    pb__file_unpin(pb__log_active(log)->log);
    return 0;
}

static void tell(const struct pb_log *log, const struct pb_segment_facts *facts, enum pb_retain_decision decision, struct pb_retain_done *done) {
    static const char *const reasons[] = { "plan", "retention.ms", "retention.bytes", "log-start" };
    done->segments++;
    done->bytes += facts->size_bytes;
    if (done->lines_left-- > 0)
        pb__env_log(log->env, PB_LOG_INFO, "event=segment-deleted topic=%s partition=%d segment=%lld end_offset=%lld bytes=%lld largest_timestamp_ms=%lld reason=%s", log->topic,
                    log->partition, (long long)facts->base_offset, (long long)facts->end_offset, (long long)facts->size_bytes, (long long)facts->timestamp_ms, reasons[decision]);
}

int pb__log_advance_start(struct pb_log *log, int64_t offset) {
    if (offset > log->end_offset) return PB_E_OFFSET_OUT_OF_RANGE;
    if (offset <= log->start_offset) return 0;
    log->start_offset = offset;
    log->synced_offset = pb__max_i64(log->synced_offset, offset);           /* what is gone needs no sync, and nobody waits for it */
    pb__epochs_truncate_start(&log->epochs, offset);
    PB_FAILPOINT(log->env, START_ADVANCED);
    return 0;
}

/* Whether the oldest segment may go now. */
static bool is_removable(const struct pb_log *log, const struct pb_segment_facts *facts, enum pb_retain_decision decision) {
    const struct pb_segment *segment = log->segments[0];
    if (facts->end_offset > log->start_offset || (log->syncing && segment->synced_pos < segment->end_pos)) return false;   /* a sync may still open the file by its name */
    return !facts->active || decision == PB_RETAIN_BY_TIME || decision == PB_RETAIN_BY_SIZE;
}

int pb__log_remove_below(struct pb_log *log, struct pb_retain_rules *rules, int64_t start, struct pb_retain_done *done) {
    int rc = pb__log_advance_start(log, start);
    for (int i = 0; rc == 0 && i < PB_RETAIN_CHUNK; i++) {
        struct pb_segment_facts facts;
        uint8_t decision;
        if ((rc = pb__log_segment_facts(log, 0, &facts, 1, rules->deletes && rules->retention_ms >= 0)) <= 0) return rc;
        pb__retain_plan(rules, &facts, 1, &decision);
        if (!is_removable(log, &facts, decision)) return 0;
        rc = facts.active ? roll_for_removal(log, rules->now_ms) : 0;
        if (rc == 0) rc = remove_oldest(log);
        if (rc < 0) return rc;
        rules->size_bytes -= facts.size_bytes;
        tell(log, &facts, decision, done);
    }
    return rc < 0 ? rc : 1;
}

/* ---- files that wait for their time */

struct pb_doomed *pb__log_take_doomed(struct pb_log *log, int64_t now_ns) {
    struct pb_doomed *due = NULL, **last = &due;
    for (struct pb_doomed **at = &log->doomed; *at != NULL;) {
        struct pb_doomed *doomed = *at;
        if (doomed->due_ns > now_ns) {
            at = &doomed->next;
            continue;
        }
        *at = doomed->next;
        doomed->next = NULL;
        *last = doomed;
        last = &doomed->next;
    }
    return due;
}

void pb__doomed_forget(const struct pb_env *env, struct pb_doomed *doomed) {
    while (doomed != NULL) {
        struct pb_doomed *next = doomed->next;
        pb__env_free(env, doomed);
        doomed = next;
    }
}

void pb__doomed_unlink(const struct pb_env *env, struct pb_doomed *doomed) {
    char path[PB_PATH_BYTES_MAX];
    for (const struct pb_doomed *at = doomed; at != NULL; at = at->next)
        for (size_t i = 0; i < PB_COUNT(suffixes); i++) {
            int size = snprintf(path, sizeof path, "%s/%020lld%s%s", at->dir, (long long)at->base_offset, suffixes[i], removed_suffix);
            int rc = size < (int)sizeof path ? env->file_unlink(env->context, path) : 0;
            PB_FAILPOINT(env, REMOVE_UNLINKED);
            if (rc < 0 && rc != -ENOENT) pb__env_log(env, PB_LOG_WARNING, "event=unlink-failed path=%s errno=%d", path, -rc);
        }
    pb__doomed_forget(env, doomed);
}

bool pb__is_removed_name(const char *name) {
    enum { DIGITS = 20 };
    size_t size = strlen(name), tail = sizeof removed_suffix - 1;
    if (strspn(name, "0123456789") != DIGITS || size < DIGITS + tail || strcmp(name + size - tail, removed_suffix) != 0) return false;
    for (size_t i = 0; i < PB_COUNT(suffixes); i++)
        if (size - DIGITS - tail == strlen(suffixes[i]) && strncmp(name + DIGITS, suffixes[i], strlen(suffixes[i])) == 0) return true;
    return false;
}

void pb__log_unlink_removed(const struct pb_log *log, const char *name) {
    char path[PB_PATH_BYTES_MAX];
    int rc = pb__log_path(log, -1, name, path);
    if (rc == 0) rc = log->env->file_unlink(log->env->context, path);
    if (rc < 0) pb__env_log(log->env, PB_LOG_WARNING, "event=unlink-failed path=%s/%s error=%d", log->dir, name, rc);
}

/* ---- rolling by time */

/* Counted by our own clock from the first look at a segment with records: records may carry any time, and the wall clock may jump. */
int pb__log_roll_if_due(struct pb_log *log, int64_t now_ms) {
    struct pb_segment *active = pb__log_active(log);
    int64_t now_ns = pb__env_now_ns(log->env);
    pb__producers_expire(&log->producers, log->env, now_ms - log->config->producer_id_expiration_ms);
    if (log->failed || active == NULL || active->end_pos == 0) return 0;
    if (active->open_since_ns == 0) active->open_since_ns = now_ns;
    if ((now_ns - active->open_since_ns) / 1000000 <= log->config->segment_ms_max - log->roll_jitter_ms) return 0;
    int rc = pb__log_roll(log, now_ms);
    return rc < 0 ? rc : 1;
}
