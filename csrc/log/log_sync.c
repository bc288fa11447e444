#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "base/failpoint.h"
#include "log/log_internal.h"

int pb__log_sync_begin(struct pb_log *log, struct pb_log_sync *ticket) {
    *ticket = (struct pb_log_sync){ .env = log->env };
    if (log->failed) return PB_E_OFFLINE;
    PB_ASSERT(!log->syncing);
    for (int32_t i = 0; i < log->segment_count && ticket->file_count < PB_LOG_SYNC_FILES_MAX; i++) {
        struct pb_segment *segment = log->segments[i];
        if (segment->synced_pos >= segment->end_pos && !segment->length_dirty) continue;
        ticket->lengths[ticket->file_count] = segment->length_dirty;
        segment->length_dirty = false;
        ticket->files[ticket->file_count] = pb__file_get(segment->log);
        ticket->ends[ticket->file_count] = segment->end_pos;
        ticket->txn_bases[ticket->file_count++] = segment->txn_dirty ? segment->base_offset : -1;
        segment->txn_dirty = false;
        ticket->end_offset = segment->end_offset;
    }
    if (ticket->file_count == 0) log->synced_offset = log->end_offset;
    if (ticket->file_count == 0 && !log->dir_dirty) return 0;
    ticket->dir = log->dir;
    ticket->names = log->dir_dirty;
    ticket->epochs = log->epochs_dirty;
    log->dir_dirty = log->epochs_dirty = false;
    log->syncing = true;
    PB_FAILPOINT(log->env, SYNC_BEGUN);
    return 1;
}

/* A file of the directory that is not kept open. One that is gone was not needed. */
static int sync_name(const struct pb_env *env, const char *dir, const char *name) {
    char path[PB_PATH_BYTES_MAX];
    if (snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path) return PB_E_INVALID_ARGUMENT;
    int fd = env->file_open(env->context, path, PB_OPEN_READ | PB_OPEN_WRITE);
    if (fd < 0) return fd == -ENOENT ? 0 : pb__io_error(fd);
    int rc = env->file_datasync(env->context, fd);
    env->file_close(env->context, fd);
    return rc < 0 ? PB_E_IO : 0;
}

/* Leader epochs and aborted transactions stand below the recovery point with the batches they tell of: recovery does not read those again. */
static int sync_derived(const struct pb_log_sync *ticket) {
    char name[PB_LOG_FILE_NAME_BYTES_MAX];
    int rc = ticket->epochs ? sync_name(ticket->env, ticket->dir, "leader-epoch-checkpoint") : 0;
    if (rc == 0 && ticket->epochs) rc = sync_name(ticket->env, ticket->dir, "partition.metadata");   /* as old as the first epoch */
    for (int32_t i = 0; rc == 0 && i < ticket->file_count; i++) {
        if (ticket->txn_bases[i] < 0) continue;
        snprintf(name, sizeof name, "%020lld.txnindex", (long long)ticket->txn_bases[i]);
        rc = sync_name(ticket->env, ticket->dir, name);
    }
    return rc;
}

/* The directory and the one above it: both may have a new name. */
static int sync_dirs(const struct pb_env *env, const char *dir) {
    char above[PB_PATH_BYTES_MAX];
    snprintf(above, sizeof above, "%s", dir);
    char *slash = strrchr(above, '/');
    if (slash != NULL) *slash = 0;
    int rc = env->dir_sync(env->context, dir);
    PB_FAILPOINT(env, SYNC_AFTER_DIR);
    if (rc >= 0) rc = env->dir_sync(env->context, slash != NULL ? above : ".");
    return rc < 0 ? pb__io_error(rc) : 0;
}

void pb__log_sync_run(struct pb_log_sync *ticket) {
    PB_FAILPOINT(ticket->env, SYNC_BEFORE_FILES);
    for (int32_t i = 0; i < ticket->file_count && ticket->error == 0; i++) ticket->error = pb__file_datasync(ticket->files[i]);
    PB_FAILPOINT(ticket->env, SYNC_AFTER_FILES);
    if (ticket->error == 0) ticket->error = sync_derived(ticket);
    if (ticket->error == 0 && ticket->names) ticket->error = sync_dirs(ticket->env, ticket->dir);
    PB_FAILPOINT(ticket->env, SYNC_AFTER_NAMES);
}

static struct pb_segment *segment_of_file(const struct pb_log *log, const struct pb_file *file) {
    for (int32_t i = 0; i < log->segment_count; i++)
        if (log->segments[i]->log == file) return log->segments[i];
    return NULL;                                                            /* removed meanwhile */
}

static void put_files(struct pb_log_sync *ticket) {
    for (int32_t k = 0; k < ticket->file_count; k++) pb__file_put(ticket->files[k]);
}

int pb__log_sync_end(struct pb_log *log, struct pb_log_sync *ticket) {
    log->syncing = false;
    for (int32_t i = 0; i < log->segment_count && ticket->error == 0; i++)
        for (int32_t k = 0; k < ticket->file_count; k++)
            if (log->segments[i]->log == ticket->files[k]) log->segments[i]->synced_pos = pb__max_i64(log->segments[i]->synced_pos, ticket->ends[k]);
    if (ticket->error == PB_E_LIMIT) {                                      /* no descriptor to be had: nothing was tried, the pages are as they were */
        log->dir_dirty |= ticket->names;
        log->epochs_dirty |= ticket->epochs;
        for (int32_t k = 0; k < ticket->file_count; k++) {
            struct pb_segment *segment = segment_of_file(log, ticket->files[k]);
            if (segment == NULL) continue;
            segment->txn_dirty |= ticket->txn_bases[k] >= 0;
            segment->length_dirty |= ticket->lengths[k];
        }
        put_files(ticket);
        return PB_E_LIMIT;
    }
    put_files(ticket);
    if (ticket->error < 0) return pb__log_fail(log, PB_E_IO);               /* what the pages held is lost: nothing behind it may be acknowledged (L4) */
    log->synced_offset = pb__max_i64(log->synced_offset, ticket->end_offset);
    return 0;
}
