#include "part/move.h"

#include "base/assert.h"
#include "base/err.h"
#include "log/log_copy.h"

enum {
    /* What is copied while the partition's lock is held: a millisecond or two. */
    CLOSING_BYTES_MAX = 256 * 1024,
    CLOSING_PIECES_MAX = 8,
    /* Then syncs go on for a while: who waits for one must not wait long. */
    CLOSING_TRIES_MAX = 16,
};

/* ---- begin, cancel */

static void move_free(const struct pb_env *env, struct pb_move *move) {
    if (move->log != NULL) (void)pb__log_delete(move->log);                 /* told in the log when it fails; the next start removes the files */
    pb__env_free(env, move);
}

void pb__move_drop(struct pb_partition *partition) {
    struct pb_move *move = partition->move;
    if (move == NULL) return;
    if (move->busy) {
        move->cancelled = true;                                             /* the mover finds it when its step is over */
        return;
    }
    partition->move = NULL;
    pb__partition_hold_syncs(partition, false);
    move_free(partition->topic->shared->env, move);
}

void pb__move_close(struct pb_partition *partition) {
    if (partition->move == NULL) return;
    pb__log_close(partition->move->log);
    pb__env_free(partition->topic->shared->env, partition->move);
}

void pb__move_cancel(struct pb_partition *partition) {
    pthread_mutex_lock(&partition->lock);
    pb__move_drop(partition);
    pthread_mutex_unlock(&partition->lock);
}

static int begin_locked(struct pb_partition *partition, int32_t log_dir) {
    const struct pb_part_shared *shared = partition->topic->shared;
    int rc = pb__partition_open(partition);
    if (rc < 0) return rc;
    if (partition->move != NULL && partition->move->log_dir == log_dir && !partition->move->cancelled) return 0;
    pb__move_drop(partition);
    if (log_dir == partition->log_dir) return PB_E_EXISTS;
    if (pb__log_dir_is_offline(shared, log_dir)) return PB_E_OFFLINE;
    if (partition->move != NULL) return PB_E_AGAIN;
    struct pb_move *move = pb__env_zalloc(shared->env, sizeof *move);
    if (move == NULL) return PB_E_NOMEM;
    move->log_dir = log_dir;
    partition->move = move;
    return 0;
}

int pb__move_begin(struct pb_partition *partition, int32_t log_dir) {
    if (log_dir < 0 || log_dir >= partition->topic->shared->log_dir_count) return PB_E_INVALID_ARGUMENT;
    pthread_mutex_lock(&partition->lock);
    int rc = begin_locked(partition, log_dir);
    pthread_mutex_unlock(&partition->lock);
    return rc;
}

/* ---- copying */

static int open_future(struct pb_partition *partition, struct pb_move *move) {
    struct pb_topic *topic = partition->topic;
    move->config = *topic->log_config;
    struct pb_log_options options = { .env = topic->shared->env, .files = topic->shared->files, .log_dir = topic->shared->log_dirs[move->log_dir], .topic = topic->name,
                                      .partition = partition->index, .config = &move->config, .clean = true, .start_offset = pb__log_start_offset(partition->log) };
    __builtin_memcpy(options.topic_id, topic->id, sizeof options.topic_id);
    return pb__log_open_future(&options, &move->log);
}

/* The next piece of the old log, nothing at its end. The lock is held. PB_E_OFFSET_OUT_OF_RANGE: retention was faster. */
static int next_piece(struct pb_partition *partition, struct pb_move *move, int64_t bytes_max, struct pb_log_read *read) {
    *read = (struct pb_log_read){ .base_offset = 0 };
    int rc = pb__partition_open(partition);
    if (rc == 0 && move->cancelled) rc = PB_E_NOENT;
    if (rc == 0 && move->log == NULL) rc = open_future(partition, move);
    return rc < 0 ? rc : pb__log_read(partition->log, pb__log_end_offset(move->log), pb__log_end_offset(partition->log), bytes_max, true, read);
}

/* Into the future log. The piece is used up. *copied_out is raised. */
static int copy_piece(const struct pb_env *env, struct pb_move *move, struct pb_log_read *read, int64_t *copied_out) {
    size_t size = (size_t)read->slice.size_bytes, got = 0, taken = 0;
    if (read->slice.file == NULL) return 0;
    uint8_t *bytes = pb__env_alloc(env, size);
    int rc = bytes == NULL ? PB_E_NOMEM : pb__file_read(read->slice.file, bytes, size, read->slice.pos, &got);
    pb__file_slice_deinit(&read->slice);
    /* A batch may be larger than segments are today. */
    move->config.segment_bytes_max = pb__max_i64(move->config.segment_bytes_max, pb__max_i64(read->first_batch_bytes, (int64_t)size));
    if (rc == 0) rc = pb__log_append_copy(move->log, bytes, got, pb__env_wall_ms(env), &taken);
    if (rc == 0 && taken == 0) rc = PB_E_CORRUPT_FILE;
    pb__env_free(env, bytes);
    *copied_out += (int64_t)taken;
    return rc < 0 ? rc : 1;
}

/* Back to copying. */
static void reopen(struct pb_partition *partition, struct pb_move *move) {
    pthread_mutex_lock(&partition->lock);
    move->closing = move->start_noted = false;
    move->tries = 0;
    pb__partition_hold_syncs(partition, false);
    pthread_mutex_unlock(&partition->lock);
}

/* 1: something went over, 0: nothing is left. */
static int copy(struct pb_partition *partition, struct pb_move *move, int64_t bytes_max, int64_t *copied_out) {
    struct pb_log_read read;
    pthread_mutex_lock(&partition->lock);
    int rc = next_piece(partition, move, bytes_max, &read);
    pthread_mutex_unlock(&partition->lock);
    if (rc == PB_E_OFFSET_OUT_OF_RANGE) {                                   /* from the beginning that there is now */
        (void)pb__log_delete(move->log);
        move->log = NULL;
        reopen(partition, move);
        return 1;
    }
    return rc < 0 ? rc : copy_piece(partition->topic->shared->env, move, &read, copied_out);
}

/* ---- closing */

static int sync_future(struct pb_log *log) {
    struct pb_log_sync ticket;
    int rc;
    while ((rc = pb__log_sync_begin(log, &ticket)) > 0) {
        pb__log_sync_run(&ticket);
        if ((rc = pb__log_sync_end(log, &ticket)) < 0) break;
    }
    return rc;
}

/* The last bytes and the exchange. The lock is held and no sync runs. 0: *old_out is no longer the partition's; 1: too much came meanwhile. */
static int exchange(struct pb_partition *partition, struct pb_move *move, int64_t *copied_out, struct pb_log **old_out) {
    struct pb_log_read read;
    int rc = 1;
    for (int i = 0; rc > 0 && i < CLOSING_PIECES_MAX; i++) {
        rc = next_piece(partition, move, CLOSING_BYTES_MAX / CLOSING_PIECES_MAX, &read);
        if (rc == 0) rc = copy_piece(partition->topic->shared->env, move, &read, copied_out);
    }
    if (rc != 0) return rc;
    if (partition->sync_running || pb__log_synced_offset(move->log) < pb__log_synced_offset(partition->log)) return 1;
    if ((rc = pb__log_take_over(move->log, partition->log)) < 0) return rc;
    *old_out = partition->log;
    pb__log_set_config(move->log, partition->topic->log_config);
    partition->log = move->log;
    partition->log_dir = move->log_dir;
    move->log = NULL;
    return 0;
}

/* Names durable first: until then the old directory is what a power cut must find. */
static int leave(struct pb_partition *partition, struct pb_log *old) {
    struct pb_part_shared *shared = partition->topic->shared;
    int rc = pb__log_sync_names(partition->log);
    if (rc < 0) {
        pb__log_dir_failed(shared, partition->log_dir, rc);
        pb__log_close(old);
        return rc;
    }
    return pb__log_delete(old);
}

static int finish(struct pb_partition *partition, struct pb_move *move, int64_t *copied_out) {
    struct pb_log *old = NULL;
    int rc = 1;
    for (int i = 0; rc > 0 && i < CLOSING_PIECES_MAX; i++) rc = copy(partition, move, CLOSING_BYTES_MAX, copied_out);
    if (rc >= 0 && move->log == NULL) return 1;
    if (rc >= 0) rc = sync_future(move->log);
    if (rc < 0) return rc;
    pthread_mutex_lock(&partition->lock);
    rc = partition->deleted || move->cancelled ? PB_E_NOENT : exchange(partition, move, copied_out, &old);
    pthread_mutex_unlock(&partition->lock);
    return old != NULL ? leave(partition, old) : rc;
}

/* ---- a step */

static int step(struct pb_partition *partition, struct pb_move *move, int64_t bytes_max, int64_t *copied_out) {
    pthread_mutex_lock(&partition->lock);
    bool closing = move->closing, ready = closing && move->start_noted && !partition->sync_running;
    pthread_mutex_unlock(&partition->lock);
    if (closing && ++move->tries > CLOSING_TRIES_MAX) {
        reopen(partition, move);
    } else if (closing) {
        return ready ? finish(partition, move, copied_out) : 1;             /* not ready: a sync of the old log is still under way */
    }
    int rc = copy(partition, move, bytes_max, copied_out);
    if (rc != 0) return rc;
    pthread_mutex_lock(&partition->lock);
    move->closing = true;
    pb__partition_hold_syncs(partition, true);
    pthread_mutex_unlock(&partition->lock);
    return 1;
}

/* The lock is held. */
static void after_step(struct pb_partition *partition, struct pb_move *move, int rc) {
    move->busy = false;
    if (move->log != NULL) {
        move->end_offset = pb__log_end_offset(move->log);
        move->size_bytes = pb__log_size_bytes(move->log);
    }
    if (rc <= 0 || move->cancelled) {
        if (rc < 0 && move->log != NULL && pb__log_is_failed(move->log)) pb__log_dir_failed(partition->topic->shared, move->log_dir, PB_E_IO);
        pb__move_drop(partition);
    }
}

int pb__move_step(struct pb_partition *partition, int64_t bytes_max, int64_t *copied_out) {
    *copied_out = 0;
    pthread_mutex_lock(&partition->lock);
    struct pb_move *move = partition->move;
    if (partition->deleted) pb__move_drop(partition);
    if (move == NULL || partition->deleted) {
        pthread_mutex_unlock(&partition->lock);
        return PB_E_NOENT;
    }
    move->busy = true;
    pthread_mutex_unlock(&partition->lock);
    int rc = step(partition, move, bytes_max, copied_out);
    pthread_mutex_lock(&partition->lock);
    if (rc > 0 && move->cancelled) rc = PB_E_NOENT;
    after_step(partition, move, rc);
    pthread_mutex_unlock(&partition->lock);
    return rc;
}
