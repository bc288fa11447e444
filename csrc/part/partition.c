#include "part/partition.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/err.h"
#include "base/failpoint.h"
#include "part/move.h"

struct pb_partition *pb__partition_get(struct pb_partition *partition) {
    atomic_fetch_add_explicit(&partition->refs, 1, memory_order_relaxed);
    return partition;
}

void pb__topic_put(struct pb_topic *topic) {
    if (atomic_fetch_sub_explicit(&topic->refs, 1, memory_order_acq_rel) != 1) return;
    const struct pb_env *env = topic->shared->env;
    pb__env_free(env, topic->partitions);
    pb__env_free(env, topic->log_config);
    pb__env_free(env, topic->name);
    pb__env_free(env, topic);
}

void pb__partition_put(struct pb_partition *partition) {
    if (atomic_fetch_sub_explicit(&partition->refs, 1, memory_order_acq_rel) != 1) return;
    PB_ASSERT(pb__list_is_empty(&partition->fetch_waiters) && pb__list_is_empty(&partition->sync_waiters) && !partition->sync_running);
    struct pb_topic *topic = partition->topic;
    pb__move_close(partition);
    pb__log_close(partition->log);
    pthread_mutex_destroy(&partition->lock);
    pb__env_free(topic->shared->env, partition);
    pb__topic_put(topic);
}

bool pb__partition_is_offline(const struct pb_partition *partition) {
    return partition->offline || pb__log_dir_is_offline(partition->topic->shared, partition->log_dir) || (partition->log != NULL && pb__log_is_failed(partition->log));
}

/* For good, by name; what clients of it read from now on is an error, and the other partitions serve. */
static int take_offline(struct pb_partition *partition, int error) {
    struct pb_topic *topic = partition->topic;
    if (!partition->offline)
        pb__env_log(topic->shared->env, PB_LOG_ERROR, "event=partition-offline topic=%s partition=%d error=%s", topic->name, partition->index, pb_error_name(error));
    partition->offline = true;
    atomic_fetch_add_explicit(&topic->shared->offline_changes, 1, memory_order_relaxed);
    return PB_E_OFFLINE;
}

/* What the disk could not give back, or gave back wrong, is gone for every reader. */
static int after_read(struct pb_partition *partition, int rc) { return rc == PB_E_IO || rc == PB_E_CORRUPT_FILE ? take_offline(partition, rc) : rc; }

int pb__partition_open(struct pb_partition *partition) {
    if (PB_UNLIKELY(partition->deleted)) return PB_E_UNKNOWN_PARTITION;
    if (PB_UNLIKELY(partition->offline) || pb__log_dir_is_offline(partition->topic->shared, partition->log_dir)) return PB_E_OFFLINE;
    if (PB_LIKELY(partition->log != NULL)) return 0;
    struct pb_topic *topic = partition->topic;
    struct pb_part_shared *shared = topic->shared;
    struct pb_log_options options = {
        .env = shared->env,
        .files = shared->files,
        .log_dir = shared->log_dirs[partition->log_dir],
        .topic = topic->name,
        .partition = partition->index,
        .config = topic->log_config,
        .clean = shared->log_dir_clean[partition->log_dir],
        .cleaned_to = partition->cleaned_to,
        .recovery_point = partition->recovery_point,
        .start_offset = partition->checkpoint_start,
        .stop = &shared->stop_recovery,
    };
    __builtin_memcpy(options.topic_id, topic->id, sizeof options.topic_id);
    int rc = pb__codec_workspace_new(shared->env, &options.codec);
    if (rc < 0) return rc;
    rc = pb__log_open(&options, &partition->log);
    pb__codec_workspace_free(options.codec);
    if (rc < 0) partition->log = NULL;
    if (rc == PB_E_NOMEM || rc == PB_E_LIMIT || rc == PB_E_AGAIN) return rc; /* may pass: tried again by the next use */
    if (rc < 0) return take_offline(partition, rc);
    partition->high_watermark = pb__log_end_offset(partition->log);
    return 0;
}

bool pb__partition_has_files(const struct pb_partition *partition) {
    const struct pb_part_shared *shared = partition->topic->shared;
    char path[PB_PATH_BYTES_MAX];
    struct pb_file_stat stat;
    if (partition->log != NULL) return pb__log_has_directory(partition->log);
    if (partition->offline || partition->deleted) return false;
    int size = snprintf(path, sizeof path, "%s/%s-%d", shared->log_dirs[partition->log_dir], partition->topic->name, partition->index);
    return size < (int)sizeof path && shared->env->file_stat(shared->env->context, path, &stat) >= 0;
}

void pb__partition_note_error(struct pb_partition *partition, int error) {
    if (PB_LIKELY(error >= 0)) return;
    /* A log that failed is a disk that failed, whatever else it was told. */
    bool failed = error == PB_E_IO || (partition->log != NULL && pb__log_is_failed(partition->log));
    pb__log_dir_failed(partition->topic->shared, partition->log_dir, failed ? PB_E_IO : error);
}

/* Every fetch that waits looks again; who is no longer waiting takes itself out. */
static void wake_fetches(struct pb_partition *partition, const struct pb_wake_queue *here) {
    PB_LIST_EACH(node, &partition->fetch_waiters) pb__wake_signal(PB_LIST_ITEM(node, struct pb_waiter, node)->wake, here);
}

static int64_t readable_end(const struct pb_partition *partition, enum pb_isolation isolation) {
    if (isolation == PB_READ_UNCOMMITTED) return partition->high_watermark;
    return pb__min_i64(partition->high_watermark, pb__log_first_unstable_offset(partition->log));
}

int pb__partition_append(struct pb_partition *partition, struct pb_partition_append *append) {
    pthread_mutex_lock(&partition->lock);
    int rc = pb__partition_open(partition);
    if (rc == 0 && pb__log_dir_is_full(partition->topic->shared, partition->log_dir)) rc = PB_E_NOSPACE;
    if (rc < 0) {
        for (int32_t i = 0; i < append->count; i++) append->appends[i].error = rc;
        pthread_mutex_unlock(&partition->lock);
        return rc;
    }
    int64_t end_before = pb__log_end_offset(partition->log);
    rc = pb__log_append(partition->log, append->appends, append->count, partition->leader_epoch, append->now_ms, append->from_client);
    pb__partition_note_error(partition, rc);
    int64_t end = pb__log_end_offset(partition->log);
    append->start_offset = pb__log_start_offset(partition->log);
    append->end_offset = end;
    append->must_sync = append->flush_messages < INT64_MAX && end - pb__log_synced_offset(partition->log) >= append->flush_messages;
    if (end > end_before) {
        partition->high_watermark = end;                                    /* P1: one replica, this one */
        if (!pb__list_is_empty(&partition->fetch_waiters)) wake_fetches(partition, append->here);
    }
    pthread_mutex_unlock(&partition->lock);
    return rc;
}

/* ---- group commit: one worker syncs for all who wait; who comes meanwhile is taken by the next round */

static void satisfy_sync_waiters(struct pb_partition *partition, int error) {
    int64_t synced = pb__log_synced_offset(partition->log);
    PB_LIST_EACH_SAFE(node, &partition->sync_waiters) {
        struct pb_waiter *waiter = PB_LIST_ITEM(node, struct pb_waiter, node);
        if (error == 0 && waiter->offset > synced) break;
        pb__list_remove(&waiter->node);
        waiter->error = error;
        waiter->done = true;
        pb__wake_signal(waiter->wake, NULL);
    }
}

void pb__partition_delete_log(struct pb_partition *partition) {
    struct pb_log *log = partition->log;
    partition->log = NULL;
    if (log != NULL && pb__log_delete(log) < 0)
        pb__env_log(partition->topic->shared->env, PB_LOG_ERROR, "event=delete-failed topic=%s partition=%d", partition->topic->name, partition->index);
}

static void sync_work(void *work) {
    struct pb_partition *partition = work;
    struct pb_log_sync ticket;
    pthread_mutex_lock(&partition->lock);
    while (partition->sync_wanted && !partition->deleted && !partition->sync_held) {
        partition->sync_wanted = false;
        int rc = pb__log_sync_begin(partition->log, &ticket);
        bool ran = rc > 0;
        if (ran) {
            pthread_mutex_unlock(&partition->lock);
            pb__log_sync_run(&ticket);
            pthread_mutex_lock(&partition->lock);
            atomic_fetch_add_explicit(&partition->topic->shared->stat_syncs, 1, memory_order_relaxed);
            rc = pb__log_sync_end(partition->log, &ticket);
            PB_FAILPOINT(partition->topic->shared->env, SYNC_DONE);
        }
        pb__partition_note_error(partition, rc);
        satisfy_sync_waiters(partition, rc < 0 ? rc : 0);
        if (ran && !pb__list_is_empty(&partition->sync_waiters)) partition->sync_wanted = true;   /* one ticket may not hold all segments */
    }
    partition->sync_running = false;
    if (partition->deleted) pb__partition_delete_log(partition);
    pthread_mutex_unlock(&partition->lock);
    pb__partition_put(partition);
}

void pb__partition_hold_syncs(struct pb_partition *partition, bool hold) {
    partition->sync_held = hold;
    if (hold || partition->sync_running || partition->deleted || pb__list_is_empty(&partition->sync_waiters)) return;
    const struct pb_env *env = partition->topic->shared->env;
    partition->sync_running = partition->sync_wanted = true;
    pb__partition_get(partition);                                           /* put by sync_work */
    if (env->submit_work(env->context, sync_work, partition) == 0) return;
    partition->sync_running = false;                                        /* no room among the workers: housekeeping tries again, or the next who waits */
    atomic_fetch_sub_explicit(&partition->refs, 1, memory_order_relaxed);   /* the caller has one: it is not the last */
}

int pb__partition_wait_sync(struct pb_partition *partition, struct pb_waiter *waiter, int64_t offset) {
    pthread_mutex_lock(&partition->lock);
    int rc = pb__partition_open(partition);
    if (rc < 0 || pb__log_synced_offset(partition->log) >= offset) {
        pthread_mutex_unlock(&partition->lock);
        return rc < 0 ? rc : 0;
    }
    waiter->partition = pb__partition_get(partition);
    waiter->offset = offset;
    waiter->error = 0;
    waiter->done = false;
    pb__list_push_back(&partition->sync_waiters, &waiter->node);
    partition->sync_wanted = true;
    bool start = !partition->sync_running && !partition->sync_held;
    if (start) {
        partition->sync_running = true;
        pb__partition_get(partition);                                       /* put by sync_work */
    }
    pthread_mutex_unlock(&partition->lock);
    const struct pb_env *env = partition->topic->shared->env;
    if (start && env->submit_work(env->context, sync_work, partition) < 0) sync_work(partition);
    return 1;
}

int pb__partition_wait_append(struct pb_partition *partition, struct pb_waiter *waiter, int64_t seen_end) {
    pthread_mutex_lock(&partition->lock);
    int rc = 1;
    if (partition->deleted) {
        rc = PB_E_UNKNOWN_PARTITION;
    } else if (partition->high_watermark != seen_end) {
        rc = 0;
    } else {
        waiter->partition = pb__partition_get(partition);
        pb__list_push_back(&partition->fetch_waiters, &waiter->node);
    }
    pthread_mutex_unlock(&partition->lock);
    return rc;
}

void pb__partition_unwait(struct pb_waiter *waiter) {
    struct pb_partition *partition = waiter->partition;
    if (partition == NULL) return;
    pthread_mutex_lock(&partition->lock);
    pb__list_remove(&waiter->node);
    pthread_mutex_unlock(&partition->lock);
    waiter->partition = NULL;
    pb__partition_put(partition);
}

/* ---- reading */

static int check_epoch(const struct pb_partition *partition, int32_t epoch) {
    if (epoch < 0 || epoch == partition->leader_epoch) return 0;
    return epoch < partition->leader_epoch ? PB_E_FENCED_LEADER_EPOCH : PB_E_UNKNOWN_LEADER_EPOCH;
}

static int read_locked(struct pb_partition *partition, struct pb_partition_read *read) {
    int rc = pb__partition_open(partition);
    if (rc < 0) return rc;
    read->high_watermark = partition->high_watermark;
    read->last_stable_offset = readable_end(partition, PB_READ_COMMITTED);
    read->start_offset = pb__log_start_offset(partition->log);
    read->readable_end = readable_end(partition, read->isolation);
    if ((rc = check_epoch(partition, read->leader_epoch)) < 0) return rc;
    return after_read(partition, pb__log_read(partition->log, read->offset, read->readable_end, read->bytes_max, read->whole_batch, &read->read));
}

int pb__partition_read(struct pb_partition *partition, struct pb_partition_read *read) {
    read->read.slice = (struct pb_file_slice){ 0 };
    pthread_mutex_lock(&partition->lock);
    int rc = read_locked(partition, read);
    pthread_mutex_unlock(&partition->lock);
    return rc;
}

int pb__partition_aborted(struct pb_partition *partition, int64_t from, int64_t to, pb_log_aborted_fn each, void *context) {
    pthread_mutex_lock(&partition->lock);
    int rc = pb__partition_open(partition);
    if (rc == 0) rc = after_read(partition, pb__log_aborted_between(partition->log, from, to, each, context));
    pthread_mutex_unlock(&partition->lock);
    return rc;
}

enum { LATEST = -1, EARLIEST = -2, MAX_TIMESTAMP = -3, EARLIEST_LOCAL = -4, LATEST_TIERED = -5, EARLIEST_PENDING_UPLOAD = -6 };

static int lookup_locked(struct pb_partition *partition, struct pb_partition_lookup *lookup, struct pb_codec_workspace *codec) {
    int rc = pb__partition_open(partition);
    if (rc < 0 || (rc = check_epoch(partition, lookup->leader_epoch)) < 0) return rc;
    struct pb_log *log = partition->log;
    int64_t end = lookup->client ? readable_end(partition, lookup->isolation) : pb__log_end_offset(log);
    switch (lookup->timestamp_ms) {
        case LATEST:
            lookup->offset_out = end;
            lookup->epoch_out = pb__log_latest_epoch(log);
            return 0;
        case EARLIEST:
        case EARLIEST_LOCAL:                                                /* no remote storage: the same */
            lookup->offset_out = pb__log_start_offset(log);
            lookup->epoch_out = pb__log_epoch_for_offset(log, lookup->offset_out);
            return 0;
        case MAX_TIMESTAMP:
            return pb__log_offset_of_max_timestamp(log, codec, &lookup->offset_out, &lookup->timestamp_out, &lookup->epoch_out);
        case LATEST_TIERED:                                                 /* nothing is tiered: Kafka answers -1 */
        case EARLIEST_PENDING_UPLOAD:
            return 0;
        default:
            if (lookup->timestamp_ms < 0) return PB_E_INVALID_REQUEST;
            return pb__log_offset_for_timestamp(log, lookup->timestamp_ms, end, codec, &lookup->offset_out, &lookup->timestamp_out, &lookup->epoch_out);
    }
}

int pb__partition_lookup(struct pb_partition *partition, struct pb_partition_lookup *lookup, struct pb_codec_workspace *codec) {
    lookup->offset_out = lookup->timestamp_out = -1;
    lookup->epoch_out = -1;
    pthread_mutex_lock(&partition->lock);
    int rc = after_read(partition, lookup_locked(partition, lookup, codec));
    pthread_mutex_unlock(&partition->lock);
    return rc;
}

int pb__partition_end_of_epoch(struct pb_partition *partition, int32_t current_epoch, int32_t epoch, int32_t *epoch_out, int64_t *end_out) {
    *epoch_out = -1;
    *end_out = -1;
    pthread_mutex_lock(&partition->lock);
    int rc = pb__partition_open(partition);
    if (rc == 0) rc = check_epoch(partition, current_epoch);
    if (rc == 0) pb__log_end_of_epoch(partition->log, epoch, epoch_out, end_out);
    pthread_mutex_unlock(&partition->lock);
    return rc;
}
