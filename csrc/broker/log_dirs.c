#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/failpoint.h"
#include "broker/broker.h"
#include "log/checkpoint.h"
#include "part/move.h"

static const char CLEAN_MARK[] = ".kafka_cleanshutdown", LOCK[] = ".lock";
static const char RECOVERY_POINTS[] = "recovery-point-offset-checkpoint", START_OFFSETS[] = "log-start-offset-checkpoint", HIGH_WATERMARKS[] = "replication-offset-checkpoint";
static const char CLEANED[] = "cleaner-offset-checkpoint";

static int path_in(char path[PB_PATH_BYTES_MAX], const char *dir, const char *name) {
    int size = snprintf(path, PB_PATH_BYTES_MAX, "%s/%s", dir, name);
    return size > 0 && size < PB_PATH_BYTES_MAX ? 0 : PB_E_INVALID_ARGUMENT;
}

static int lock_dir(struct pb_broker *broker, int32_t dir) {
    const struct pb_env *env = broker->env;
    char path[PB_PATH_BYTES_MAX];
    int rc = path_in(path, broker->part.log_dirs[dir], LOCK);
    if (rc < 0) return rc;
    int fd = env->file_open(env->context, path, PB_OPEN_READ | PB_OPEN_WRITE | PB_OPEN_CREATE);
    if (fd < 0) return PB_E_IO;
    if (env->file_lock(env->context, fd) < 0) {
        env->file_close(env->context, fd);
        return PB_E_EXISTS;
    }
    broker->lock_fds[dir] = fd;
    return 0;
}

/* The mark says that all logs were closed cleanly. It goes before anything is written, and it is gone for good before that. */
static int take_clean_mark(struct pb_broker *broker, int32_t dir) {
    const struct pb_env *env = broker->env;
    char path[PB_PATH_BYTES_MAX];
    struct pb_file_stat stat;
    int rc = path_in(path, broker->part.log_dirs[dir], CLEAN_MARK);
    if (rc < 0) return rc;
    broker->part.log_dir_clean[dir] = env->file_stat(env->context, path, &stat) >= 0;
    if (!broker->part.log_dir_clean[dir]) return 0;
    PB_FAILPOINT(env, CLEAN_SEEN);
    if (env->file_unlink(env->context, path) < 0) return PB_E_IO;
    PB_FAILPOINT(env, CLEAN_UNLINKED);
    if (env->dir_sync(env->context, broker->part.log_dirs[dir]) < 0) return PB_E_IO;
    PB_FAILPOINT(env, CLEAN_TAKEN);
    return 0;
}

/* ---- checkpoints read at start */

enum kind { POINT, START, CLEAN };
struct reading { struct pb_broker *broker; int32_t log_dir; enum kind kind; int rc; };

static void add_checkpointed(void *context, const char *topic, int32_t partition, int64_t offset) {
    struct reading *reading = context;
    struct pb_broker *broker = reading->broker;
    if (reading->rc < 0) return;
    if (broker->checkpointed_count == broker->checkpointed_capacity) {
        int32_t capacity = broker->checkpointed_capacity > 0 ? broker->checkpointed_capacity * 2 : 256;
        struct pb_checkpointed *entries = pb__env_resize(broker->env, broker->checkpointed, (size_t)capacity * sizeof *entries);
        if (entries == NULL) {
            reading->rc = PB_E_NOMEM;
            return;
        }
        broker->checkpointed = entries;
        broker->checkpointed_capacity = capacity;
    }
    char *name = pb__env_strdup(broker->env, topic);
    if (name == NULL) {
        reading->rc = PB_E_NOMEM;
        return;
    }
    broker->checkpointed[broker->checkpointed_count++] = (struct pb_checkpointed){
        .topic = name, .partition = partition, .log_dir = reading->log_dir, .recovery_point = reading->kind == POINT ? offset : 0, .start_offset = reading->kind == START ? offset : 0,
        .cleaned_to = reading->kind == CLEAN ? offset : 0
    };
}

static int read_checkpoint(struct pb_broker *broker, int32_t dir, const char *name, enum kind kind) {
    char path[PB_PATH_BYTES_MAX];
    struct reading reading = { broker, dir, kind, 0 };
    int rc = path_in(path, broker->part.log_dirs[dir], name);
    if (rc < 0) return rc;
    rc = pb__checkpoint_read(broker->env, path, add_checkpointed, &reading);
    if (rc == PB_E_NOENT) return 0;
    if (rc == PB_E_CORRUPT_FILE) {                                          /* derived data: recovery reads more instead */
        pb__env_log(broker->env, PB_LOG_WARNING, "event=checkpoint-ignored path=%s", path);
        return 0;
    }
    return rc < 0 ? rc : reading.rc;
}

static int compare(const void *left, const void *right) {
    const struct pb_checkpointed *a = left, *b = right;
    int order = strcmp(a->topic, b->topic);
    if (order != 0) return order;
    if (a->partition != b->partition) return a->partition < b->partition ? -1 : 1;
    return a->log_dir - b->log_dir;
}

void pb__log_dirs_checkpointed(struct pb_broker *broker, const char *topic, int32_t partition, int32_t log_dir, int64_t *recovery_point_out, int64_t *start_offset_out,
                               int64_t *cleaned_to_out) {
    *recovery_point_out = *start_offset_out = *cleaned_to_out = 0;
    if (broker->checkpointed_count == 0) return;
    if (!broker->checkpointed_sorted) qsort(broker->checkpointed, (size_t)broker->checkpointed_count, sizeof *broker->checkpointed, compare);
    broker->checkpointed_sorted = true;
    struct pb_checkpointed key = { .topic = (char *)(uintptr_t)topic, .partition = partition, .log_dir = log_dir };
    const struct pb_checkpointed *found = bsearch(&key, broker->checkpointed, (size_t)broker->checkpointed_count, sizeof key, compare);
    if (found == NULL) return;
    const struct pb_checkpointed *end = broker->checkpointed + broker->checkpointed_count;
    while (found > broker->checkpointed && compare(found - 1, &key) == 0) found--;
    for (; found < end && compare(found, &key) == 0; found++) {             /* one entry of each file */
        *recovery_point_out = pb__max_i64(*recovery_point_out, found->recovery_point);
        *start_offset_out = pb__max_i64(*start_offset_out, found->start_offset);
        *cleaned_to_out = pb__max_i64(*cleaned_to_out, found->cleaned_to);
    }
}

void pb__log_dirs_forget_checkpointed(struct pb_broker *broker) {
    for (int32_t i = 0; i < broker->checkpointed_count; i++) pb__env_free(broker->env, broker->checkpointed[i].topic);
    pb__env_free(broker->env, broker->checkpointed);
    broker->checkpointed = NULL;
    broker->checkpointed_count = broker->checkpointed_capacity = 0;
    broker->checkpointed_sorted = false;
}

int pb__log_dirs_open(struct pb_broker *broker, const struct pb_broker_options *options, int32_t *failed_dir_out) {
    const struct pb_env *env = broker->env;
    size_t count = (size_t)options->log_dir_count;
    broker->part.log_dirs = pb__env_zalloc(env, count * sizeof *broker->part.log_dirs);
    broker->part.log_dir_clean = pb__env_zalloc(env, count * sizeof *broker->part.log_dir_clean);
    broker->part.dirs = pb__env_zalloc(env, count * sizeof *broker->part.dirs);
    broker->lock_fds = pb__env_zalloc(env, count * sizeof *broker->lock_fds);
    if (broker->part.log_dirs == NULL || broker->part.log_dir_clean == NULL || broker->part.dirs == NULL || broker->lock_fds == NULL) return PB_E_NOMEM;
    for (size_t i = 0; i < count; i++) broker->lock_fds[i] = -1;
    broker->part.log_dir_count = options->log_dir_count;
    for (int32_t i = 0; i < options->log_dir_count; i++) {
        *failed_dir_out = i;
        broker->part.log_dirs[i] = pb__env_strdup(env, options->log_dirs[i]);
        int rc = broker->part.log_dirs[i] == NULL ? PB_E_NOMEM : lock_dir(broker, i);
        PB_FAILPOINT(env, START_LOCKED);
        if (rc == 0) rc = take_clean_mark(broker, i);
        if (rc == 0) rc = read_checkpoint(broker, i, RECOVERY_POINTS, POINT);
        if (rc == 0) rc = read_checkpoint(broker, i, START_OFFSETS, START);
        if (rc == 0) rc = read_checkpoint(broker, i, CLEANED, CLEAN);
        if (rc < 0) return rc;
    }
    PB_FAILPOINT(env, START_CHECKPOINTS_READ);
    *failed_dir_out = -1;
    return 0;
}

void pb__log_dirs_close(struct pb_broker *broker) {
    const struct pb_env *env = broker->env;
    for (int32_t i = 0; i < broker->part.log_dir_count; i++) {
        if (broker->lock_fds[i] >= 0) env->file_close(env->context, broker->lock_fds[i]);
        pb__env_free(env, broker->part.log_dirs[i]);
    }
    pb__log_dirs_forget_checkpointed(broker);
    pb__env_free(env, broker->lock_fds);
    pb__env_free(env, broker->part.log_dirs);
    pb__env_free(env, broker->part.log_dir_clean);
    pb__env_free(env, broker->part.dirs);
}

/* ---- checkpoints written */

struct writing {
    struct pb_broker *broker;
    struct pb_checkpoint_entry *points, *starts, *marks, *cleaned;
    struct pb_partition **held;                                             /* the topic names of entries belong to these */
    int32_t count, cleaned_count, capacity, dir;
    bool starts_wait;                                                       /* a partition has start_noted */
};

static void add(struct writing *writing, struct pb_partition *partition, int64_t point, int64_t start, int64_t mark) {
    const char *topic = partition->topic->name;
    if (partition->cleaned_to > 0) writing->cleaned[writing->cleaned_count++] = (struct pb_checkpoint_entry){ topic, partition->index, partition->cleaned_to };
    writing->held[writing->count] = pb__partition_get(partition);
    writing->points[writing->count] = (struct pb_checkpoint_entry){ topic, partition->index, point };
    writing->starts[writing->count] = (struct pb_checkpoint_entry){ topic, partition->index, start };
    writing->marks[writing->count++] = (struct pb_checkpoint_entry){ topic, partition->index, mark };
}

static void collect_locked(struct writing *writing, struct pb_partition *partition) {
    const struct pb_log *log = partition->log;
    const struct pb_move *move = partition->move;
    int64_t start = pb__max_i64(log != NULL ? pb__log_start_offset(log) : partition->checkpoint_start, partition->start_noted);
    writing->starts_wait |= partition->start_noted > 0 || (move != NULL && move->closing && !move->start_noted);
    if (move != NULL && move->closing && move->log_dir == writing->dir) add(writing, partition, 0, start, start);
    if (partition->log_dir != writing->dir) return;
    if (log != NULL ? !pb__log_has_directory(log) : partition->recovery_point == 0 && partition->checkpoint_start == 0) return;
    add(writing, partition, log != NULL ? pb__log_recovery_point(log) : partition->recovery_point, start, log != NULL ? partition->high_watermark : partition->recovery_point);
}

static int collect(void *context, struct pb_partition *partition) {
    struct writing *writing = context;
    if (writing->count == writing->capacity) return 0;
    pthread_mutex_lock(&partition->lock);
    if (!partition->deleted) collect_locked(writing, partition);
    pthread_mutex_unlock(&partition->lock);
    return 0;
}

static int count_partition(void *context, struct pb_partition *partition) {
    (void)partition;
    ++*(int32_t *)context;
    return 0;
}

static int write_checkpoint(struct writing *writing, const char *name, const struct pb_checkpoint_entry *entries, int32_t count) {
    char path[PB_PATH_BYTES_MAX];
    int rc = path_in(path, writing->broker->part.log_dirs[writing->dir], name);
    return rc < 0 ? rc : pb__checkpoint_write(writing->broker->env, path, entries, count);
}

static int write_clean_mark(struct pb_broker *broker, int32_t dir) {
    static const char text[] = "{\"version\":0,\"brokerEpoch\":-1}";
    char path[PB_PATH_BYTES_MAX];
    int rc = path_in(path, broker->part.log_dirs[dir], CLEAN_MARK);
    PB_FAILPOINT(broker->env, CLEAN_BEFORE_MARK);
    return rc < 0 ? rc : pb__file_replace(broker->env, path, text, sizeof text - 1);
}

/* What the files of one directory shall say. */
static int gather(struct writing *writing) {
    writing->count = writing->cleaned_count = 0;
    writing->starts_wait = false;
    return pb__partition_map_each(&writing->broker->map, collect, writing);
}

static void let_go(struct writing *writing) {
    while (writing->count > 0) pb__partition_put(writing->held[--writing->count]);
}

/* A directory in which nothing was compacted has no such file. */
static int write_cleaned(struct writing *writing) {
    char path[PB_PATH_BYTES_MAX];
    struct pb_file_stat stat;
    const struct pb_env *env = writing->broker->env;
    int rc = path_in(path, writing->broker->part.log_dirs[writing->dir], CLEANED);
    if (rc < 0 || (writing->cleaned_count == 0 && env->file_stat(env->context, path, &stat) < 0)) return rc;
    return write_checkpoint(writing, CLEANED, writing->cleaned, writing->cleaned_count);
}

static int checkpoint_dir(struct writing *writing, bool clean) {
    int rc = gather(writing);
    PB_FAILPOINT(writing->broker->env, CHECKPOINT_BEGUN);
    if (rc == 0) rc = write_checkpoint(writing, RECOVERY_POINTS, writing->points, writing->count);
    PB_FAILPOINT(writing->broker->env, CHECKPOINT_POINTS);
    if (rc == 0) rc = write_checkpoint(writing, START_OFFSETS, writing->starts, writing->count);
    PB_FAILPOINT(writing->broker->env, CHECKPOINT_STARTS);
    if (rc == 0) rc = write_checkpoint(writing, HIGH_WATERMARKS, writing->marks, writing->count);
    PB_FAILPOINT(writing->broker->env, CHECKPOINT_MARKS);
    if (rc == 0 && (clean || writing->broker->checkpoints_stale)) rc = write_cleaned(writing);
    if (rc == 0 && clean) rc = write_clean_mark(writing->broker, writing->dir);
    if (clean) PB_FAILPOINT(writing->broker->env, CLEAN_MARKED);
    let_go(writing);
    return rc;
}

static int checkpoint_cleaned(struct writing *writing) {
    int rc = gather(writing);
    if (rc == 0) rc = write_cleaned(writing);
    let_go(writing);
    return rc;
}

static int checkpoint_starts(struct writing *writing) {
    int rc = gather(writing);
    if (rc == 0 && writing->starts_wait) rc = write_checkpoint(writing, START_OFFSETS, writing->starts, writing->count);
    let_go(writing);
    return rc;
}

static int writing_init(struct writing *writing, struct pb_broker *broker) {
    *writing = (struct writing){ .broker = broker };
    int rc = pb__partition_map_each(&broker->map, count_partition, &writing->capacity);
    if (rc < 0) return rc;
    size_t count = (size_t)writing->capacity + 1;
    writing->points = pb__env_alloc(broker->env, 4 * count * sizeof *writing->points);
    writing->held = pb__env_alloc(broker->env, count * sizeof *writing->held);
    if (writing->points == NULL || writing->held == NULL) return PB_E_NOMEM;
    writing->starts = writing->points + count;
    writing->marks = writing->starts + count;
    writing->cleaned = writing->marks + count;
    return 0;
}

/* All directories in turn; a disk that fails costs its own. one: the file to write alone, NULL: all of them. */
static int checkpoint_all(struct pb_broker *broker, const bool *clean, int (*one)(struct writing *writing)) {
    struct writing writing;
    pthread_mutex_lock(&broker->checkpoint_lock);
    int rc = writing_init(&writing, broker);
    for (; rc != PB_E_NOMEM && writing.dir < broker->part.log_dir_count; writing.dir++) {
        if (pb__log_dir_is_offline(&broker->part, writing.dir)) continue;
        int rc_dir = one != NULL ? one(&writing) : checkpoint_dir(&writing, clean != NULL && clean[writing.dir]);
        if (rc_dir < 0) pb__log_dir_failed(&broker->part, writing.dir, rc_dir);
        if (rc == 0) rc = rc_dir;
    }
    pb__env_free(broker->env, writing.points);
    pb__env_free(broker->env, writing.held);
    pthread_mutex_unlock(&broker->checkpoint_lock);
    return rc;
}

int pb__log_dirs_checkpoint(struct pb_broker *broker, const bool *clean) { return checkpoint_all(broker, clean, NULL); }
int pb__log_dirs_checkpoint_starts(struct pb_broker *broker) { return checkpoint_all(broker, NULL, checkpoint_starts); }
int pb__log_dirs_checkpoint_cleaned(struct pb_broker *broker) { return checkpoint_all(broker, NULL, checkpoint_cleaned); }
