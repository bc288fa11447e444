/* part/partition.h — a partition: its log, what of it may be read, and who waits for it.
 *
 * Invariants  P1 high_watermark <= end offset; on one node it follows each finished append
 *             P2 last_stable_offset <= high_watermark
 *             P3 a waiter in a list refers to a living wake; pb__partition_unwait takes it out
 *             P4 the log is opened by the first use, or by recovery before the broker serves
 * Locks       partition.lock alone; no other lock is taken inside except the file cache's. Held for append and look-up, never for a sync.
 * Thread      any; functions lock for themselves unless they say otherwise
 * Owner       reference count: the map holds one, every waiter and staged batch one
 * Source      kafka:core Partition */
#ifndef PB_PART_PARTITION_H
#define PB_PART_PARTITION_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/list.h"
#include "base/limits.h"
#include "log/log.h"
#include "part/log_dir.h"
#include "part/wake.h"

/* What the data plane must know of a topic to serve it; copied out at look-up. */
/* What hangs on a topic for its produced batches (hook/hook.h); no more of it is known here. */
struct pb_topic_hooks { _Atomic int32_t refs; void (*free)(struct pb_topic_hooks *hooks); };
static inline void pb__topic_hooks_put(struct pb_topic_hooks *hooks) {
    if (hooks != NULL && atomic_fetch_sub_explicit(&hooks->refs, 1, memory_order_acq_rel) == 1) hooks->free(hooks);
}

struct pb_topic_rules {
    struct pb_batch_rules batch;
    int64_t flush_messages;                                                 /* flush.messages: sync before any answer once so many wait */
    struct pb_topic_hooks *hooks;                                           /* NULL: none; one reference, also of a copy that a look-up gave */
    int32_t partition_count;
    bool internal;
};

struct pb_part_shared {
    const struct pb_env *env;
    struct pb_file_cache *files;
    int32_t log_dir_count;
    char **log_dirs;
    bool *log_dir_clean;
    struct pb_log_dir *dirs;
    _Atomic int64_t disk_free_bytes_min;                                    /* pybroker.disk.min.free.bytes */
    _Atomic bool sync_before_ack;                                           /* pybroker.flush.policy=group */
    _Atomic bool stop_recovery;                                             /* the broker is asked to stop while logs are checked */
    _Atomic int64_t offline_changes;                                        /* partitions that went off-line, since start */
    _Atomic int64_t stat_syncs;
};

struct pb_move;

struct pb_topic {
    _Atomic int32_t refs;
    struct pb_part_shared *shared;
    uint8_t id[16];
    char *name;
    int32_t name_size;
    int32_t partition_count;
    struct pb_partition **partitions;                                       /* guarded by the map's lock, as the rules are */
    struct pb_topic_rules rules;
    struct pb_log_config *log_config;
};

struct pb_partition {
    pthread_mutex_t lock;
    _Atomic int32_t refs;
    int32_t index, log_dir, leader_epoch;
    struct pb_topic *topic;
    struct pb_log *log;                                                     /* NULL: not opened yet */
    int64_t high_watermark;
    int64_t start_noted;                                                    /* log start that the checkpoint shall say before the log does; 0: none */
    int64_t recovery_point, checkpoint_start;                               /* from the checkpoint files, until the log is open */
    struct pb_list fetch_waiters;                                           /* woken by every append */
    struct pb_list sync_waiters;                                            /* in order of offset, woken when synced */
    bool sync_running, sync_wanted;
    bool sync_held;                                                         /* no new round begins: the log is about to be exchanged */
    struct pb_move *move;                                                   /* to another log directory; NULL: none */
    int64_t cleaned_to;                                                     /* compaction is done up to here, 0: not at all */
    bool cleaning, uncleanable;                                             /* a worker has it; an error of its files, until the next start */
    bool offline;                                                           /* its log cannot be opened, or cannot be read */
    _Atomic bool deleted;
};

enum pb_waiter_kind { PB_WAITER_FETCH, PB_WAITER_SYNC };
struct pb_waiter {
    struct pb_list node;
    struct pb_partition *partition;                                         /* one reference while waiting */
    struct pb_wake *wake;
    int64_t offset;                                                         /* sync: synced offset that satisfies */
    int error;                                                              /* sync: 0 or what became of it; read after the wake */
    _Atomic bool done;                                                      /* sync: error is final */
};

void pb__topic_put(struct pb_topic *topic);
struct pb_partition *pb__partition_get(struct pb_partition *partition);
void pb__partition_put(struct pb_partition *partition);

/* Open the log when it is not yet. The lock is held by the caller. 0, PB_E_OFFLINE, PB_E_UNKNOWN_PARTITION (deleted), PB_E_AGAIN (recovery is asked to
 * stop), PB_E_NOMEM, PB_E_LIMIT. */
int pb__partition_open(struct pb_partition *partition);
/* Whether clients cannot be served: off-line, or its log takes no more. Opens nothing; the lock is held. */
bool pb__partition_is_offline(const struct pb_partition *partition);
/* Whether the log is open or has files to open: one that nothing was written to stays closed. The lock is held. */
bool pb__partition_has_files(const struct pb_partition *partition);
/* What became of a write to the log: the directory may be full now, or off-line. The lock is held. */
void pb__partition_note_error(struct pb_partition *partition, int error);
/* Let no new sync begin, or go on with those that wait. The lock is held. */
void pb__partition_hold_syncs(struct pb_partition *partition, bool hold);
/* Remove the files of a deleted partition; lock held, no sync running. */
void pb__partition_delete_log(struct pb_partition *partition);

/* Append checked batches of clients (or, from_client false, our own), wake the fetches that wait. `here`: queue of the calling loop or NULL.
 * sync_waiter: when not NULL, and sync is what the policy asks for, it is set to wait for what was appended and *waiting_out becomes true.
 * Returns as pb__log_append. *start_offset_out: log start offset after it. */
struct pb_partition_append {
    struct pb_log_append *appends;
    int32_t count;
    bool from_client;
    int64_t now_ms;
    const struct pb_wake_queue *here;
    int64_t flush_messages;
    int64_t start_offset;                                                   /* out */
    int64_t end_offset;                                                     /* out */
    bool must_sync;                                                         /* out: flush.messages asks for a sync before any answer */
};
int pb__partition_append(struct pb_partition *partition, struct pb_partition_append *append);

/* Wait until the log is synced up to offset. 1: waits now; 0: it is already; or PB_E_*. */
int pb__partition_wait_sync(struct pb_partition *partition, struct pb_waiter *waiter, int64_t offset);
/* Wait for the next append, unless the readable end has moved past seen_end: 1 waits, 0 it has moved, PB_E_UNKNOWN_PARTITION deleted. */
int pb__partition_wait_append(struct pb_partition *partition, struct pb_waiter *waiter, int64_t seen_end);
/* Take a waiter out; fine when it does not wait. Drops its reference. */
void pb__partition_unwait(struct pb_waiter *waiter);

enum pb_isolation { PB_READ_UNCOMMITTED = 0, PB_READ_COMMITTED = 1 };
struct pb_partition_read {
    /* in */
    int64_t offset;
    int64_t bytes_max;
    int32_t leader_epoch;                                                   /* -1: not said */
    bool whole_batch;
    enum pb_isolation isolation;
    /* out; offsets are set on every return except PB_E_UNKNOWN_PARTITION, PB_E_OFFLINE */
    struct pb_log_read read;                                                /* slice is owned by the caller */
    int64_t high_watermark, last_stable_offset, start_offset;
    int64_t readable_end;                                                   /* what isolation lets this reader see */
};
/* 0, PB_E_OFFSET_OUT_OF_RANGE, PB_E_FENCED_LEADER_EPOCH, PB_E_UNKNOWN_LEADER_EPOCH, PB_E_UNKNOWN_PARTITION, PB_E_OFFLINE, PB_E_IO. */
int pb__partition_read(struct pb_partition *partition, struct pb_partition_read *read);
/* Aborted transactions in [from, to), as pb__log_aborted_between. */
int pb__partition_aborted(struct pb_partition *partition, int64_t from, int64_t to, pb_log_aborted_fn each, void *context);

/* ListOffsets. timestamp_ms: a time, or -1 latest, -2 earliest, -3 max timestamp, -4 earliest local, -5 latest tiered, -6 earliest pending upload.
 * Nothing found: offset -1, timestamp -1. PB_E_INVALID_REQUEST for other negative values. */
struct pb_partition_lookup {
    int64_t timestamp_ms;
    int32_t leader_epoch;
    enum pb_isolation isolation;
    bool client;                                                            /* a consumer (replica id -1): sees up to the high watermark */
    int64_t offset_out, timestamp_out;
    int32_t epoch_out;
};
int pb__partition_lookup(struct pb_partition *partition, struct pb_partition_lookup *lookup, struct pb_codec_workspace *codec);
/* OffsetForLeaderEpoch. */
int pb__partition_end_of_epoch(struct pb_partition *partition, int32_t current_epoch, int32_t epoch, int32_t *epoch_out, int64_t *end_out);

#endif
