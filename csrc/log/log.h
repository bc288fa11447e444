/* log/log.h — the log of one partition: Kafka's own files, segments, indexes, producer state, leader epochs.
 *
 * On disk     <dir>/<base offset, 20 digits>.log|.index|.timeindex|.txnindex|.snapshot, leader-epoch-checkpoint, partition.metadata
 *             A log nothing was ever appended to has no directory: it is made by the first append (10,000 empty partitions cost no file).
 * Invariants  L1 start_offset <= each readable offset < end_offset; end_offset is the offset the next record gets
 *             L2 segments are in order of base offset, without overlap; only the last one grows
 *             L3 synced_offset: all records below it survive power loss
 *             L4 after a failed write or sync the log is failed for good: appends give PB_E_OFFLINE; what was readable stays readable.
 *                PB_E_NOSPACE is no failure: the file is cut back to its old end and the next append may succeed
 * Thread      the owner's lock (part/partition.c) is held for every call, except pb__log_sync_run and functions that say so
 * Owner       struct pb_partition
 * Source      kafka:storage UnifiedLog, LogSegment, OffsetIndex, TimeIndex, ProducerStateManager, LeaderEpochFileCache */
#ifndef PB_LOG_LOG_H
#define PB_LOG_LOG_H

#include <stdbool.h>

#include "io/file_slice.h"
#include "record/batch.h"

struct pb_log;

/* One topic's storage rules, in Kafka's units. Lent to the log until replaced by pb__log_set_config. */
struct pb_log_config {
    int64_t segment_bytes_max;                                              /* segment.bytes */
    int64_t segment_ms_max;                                                 /* segment.ms */
    int64_t segment_jitter_ms_max;                                          /* segment.jitter.ms */
    int64_t segment_index_bytes_max;                                        /* segment.index.bytes: bound of .index and .timeindex */
    int32_t index_interval_bytes;                                           /* index.interval.bytes */
    int64_t producer_id_expiration_ms;                                      /* producer.id.expiration.ms */
    bool preallocate;                                                       /* preallocate */
    bool compacted;                                                         /* cleanup.policy has compact: offsets may be missing */
    int64_t retention_ms, retention_bytes;                                  /* negative: no bound */
    int64_t file_delete_delay_ms;                                           /* file.delete.delay.ms */
    bool deletes;                                                           /* cleanup.policy has delete */
    double cleanable_ratio_min;                                             /* min.cleanable.dirty.ratio */
    int64_t compaction_lag_min_ms, compaction_lag_max_ms;                   /* min|max.compaction.lag.ms */
    int64_t delete_retention_ms;                                            /* delete.retention.ms */
};

struct pb_log_options {
    const struct pb_env *env;
    struct pb_file_cache *files;
    const char *log_dir;                                                    /* one of log.dirs; copied */
    const char *topic;                                                      /* copied */
    int32_t partition;
    uint8_t topic_id[16];                                                   /* goes to partition.metadata */
    const struct pb_log_config *config;
    bool clean;                                                             /* the broker stopped cleanly: trust files, read nothing but the tail's state */
    int64_t cleaned_to;                                                     /* from cleaner-offset-checkpoint, 0 when absent: offsets below may be missing */
    int64_t recovery_point;                                                 /* from recovery-point-offset-checkpoint, 0 when absent */
    int64_t start_offset;                                                   /* from log-start-offset-checkpoint, 0 when absent */
    struct pb_codec_workspace *codec;                                       /* borrowed for the call: recovery may decompress */
    const _Atomic bool *stop;                                               /* borrowed for the call: true asks recovery to give up (PB_E_AGAIN). NULL: nobody asks */
};

/* Open (recovering what lies past recovery_point unless clean) or make ready to create. PB_E_IO, PB_E_CORRUPT_FILE (hole in the synced part, a file of
 * another topic or of a newer format; the caller takes the partition off-line), PB_E_NOMEM, PB_E_AGAIN (asked to stop). One log line names what was cut or
 * rebuilt. Nothing is changed before it is known that the log can be opened, but for what is derived. */
int pb__log_open(const struct pb_log_options *options, struct pb_log **log_out);
/* Close without syncing (crash-like); frees. NULL is fine. */
void pb__log_close(struct pb_log *log);
/* Clean stop: indexes flushed and trimmed, producer snapshot written, files synced. Then pb__log_close. 0 or the first error. */
int pb__log_flush_clean(struct pb_log *log, int64_t now_ms);
void pb__log_set_config(struct pb_log *log, const struct pb_log_config *config);

int64_t pb__log_start_offset(const struct pb_log *log);
int64_t pb__log_end_offset(const struct pb_log *log);
int64_t pb__log_synced_offset(const struct pb_log *log);
int64_t pb__log_recovery_point(const struct pb_log *log);                   /* what the checkpoint file may say now */
int64_t pb__log_size_bytes(const struct pb_log *log);                       /* of all .log files */
bool pb__log_has_directory(const struct pb_log *log);
bool pb__log_is_failed(const struct pb_log *log);

/* One batch of an append: in: batch (checked by pb__batch_check). out: error, base_offset, duplicate. */
struct pb_log_append {
    struct pb_batch *batch;                                                 /* borrowed; offset and leader epoch are patched in its bytes */
    int error;                                                              /* 0 or PB_E_* for this batch alone */
    int64_t base_offset;                                                    /* of this batch; of the old one when duplicate */
    int64_t log_append_time_ms;                                             /* -1 unless LogAppendTime */
    bool duplicate;                                                         /* idempotent producer sent it before: nothing was written */
};

/* Append batches in order: producer checks (PB_E_OUT_OF_ORDER_SEQUENCE, PB_E_INVALID_PRODUCER_EPOCH, PB_E_DUPLICATE_SEQUENCE, PB_E_UNKNOWN_PRODUCER_ID as Kafka 4 does), offsets, roll when due, then ONE
 * pwritev per segment for all that passed, then indexes and producer state. End offset moves only after the write succeeded.
 * from_client: client batches have their producer state checked; false for records of our own (coordinators, control batches).
 * Returns 0 (look at each error), or PB_E_NOSPACE / PB_E_IO / PB_E_OFFLINE with that error set on every batch not yet written. */
int pb__log_append(struct pb_log *log, struct pb_log_append *appends, int32_t count, int32_t leader_epoch, int64_t now_ms, bool from_client);

/* Where a reader gets its bytes. */
struct pb_log_read {
    struct pb_file_slice slice;                                             /* to be deinit'ed by the caller; size 0: nothing to read yet */
    int64_t base_offset;                                                    /* of the first batch in the slice */
    int64_t segment_base_offset;
    int32_t pos;                                                            /* in the segment */
    int32_t first_batch_bytes;                                              /* whole size of the first batch */
};
/* Bytes from the batch that holds `offset`, below limit_offset, at most bytes_max, within one segment. The first batch goes out whole when whole_batch,
 * even if larger than bytes_max; else an oversized first batch is cut as Kafka does (slice of bytes_max). A slice never ends inside of the first
 * batch otherwise, and may end inside of a later one.
 * Returns 0; PB_E_OFFSET_OUT_OF_RANGE (below start or above end); PB_E_IO. Sequential readers cost no index search. */
int pb__log_read(struct pb_log *log, int64_t offset, int64_t limit_offset, int64_t bytes_max, bool whole_batch, struct pb_log_read *out);
/* Bytes between offset and limit_offset, cheap and approximate as Kafka's (whole index positions); for min bytes of a parked fetch. */
int64_t pb__log_bytes_between(struct pb_log *log, int64_t offset, int64_t limit_offset);

/* First offset whose timestamp is >= timestamp_ms (ListOffsets): *offset_out -1 when there is none below limit_offset. *epoch_out: leader epoch of it. */
int pb__log_offset_for_timestamp(struct pb_log *log, int64_t timestamp_ms, int64_t limit_offset, struct pb_codec_workspace *codec, int64_t *offset_out,
                                 int64_t *timestamp_out, int32_t *epoch_out);
/* The record with the largest timestamp (ListOffsets -3); -1/-1 for an empty log. */
int pb__log_offset_of_max_timestamp(struct pb_log *log, struct pb_codec_workspace *codec, int64_t *offset_out, int64_t *timestamp_out, int32_t *epoch_out);

/* Leader epochs (KIP-101, KIP-320). */
int32_t pb__log_latest_epoch(const struct pb_log *log);                     /* -1: none yet */
/* Largest epoch <= `epoch` and the end offset of it; -1/-1 when unknown. */
void pb__log_end_of_epoch(const struct pb_log *log, int32_t epoch, int32_t *epoch_out, int64_t *end_offset_out);
int32_t pb__log_epoch_for_offset(const struct pb_log *log, int64_t offset); /* -1 when unknown */

/* Transactions: first offset that is still undecided (open transaction), or end_offset. The coordinator comes later; producer state keeps it from now on. */
int64_t pb__log_first_unstable_offset(const struct pb_log *log);
/* Aborted transactions that overlap [from, to): calls each in order of first offset. */
typedef void (*pb_log_aborted_fn)(void *context, int64_t producer_id, int64_t first_offset);
int pb__log_aborted_between(struct pb_log *log, int64_t from, int64_t to, pb_log_aborted_fn each, void *context);

/* Group commit in three steps: begin under the lock, run without it (on a worker), end under it.
 * begin: 1 and a ticket when something is unsynced, 0 when nothing is. Only one ticket is out at a time. */
enum { PB_LOG_SYNC_FILES_MAX = 4, PB_LOG_FILE_NAME_BYTES_MAX = 64 };
struct pb_log_sync {
    const struct pb_env *env;
    const char *dir;                                                        /* lent: the log stays open meanwhile */
    bool names, epochs;                                                     /* a name was added to dir; leader-epoch-checkpoint was written */
    struct pb_file *files[PB_LOG_SYNC_FILES_MAX];
    int64_t ends[PB_LOG_SYNC_FILES_MAX];
    bool lengths[PB_LOG_SYNC_FILES_MAX];                                    /* the file was cut since its last sync */
    int64_t txn_bases[PB_LOG_SYNC_FILES_MAX];                               /* base offset whose .txnindex has new entries; -1: none */
    int32_t file_count;
    int64_t end_offset;
    int error;
};
int pb__log_sync_begin(struct pb_log *log, struct pb_log_sync *ticket);
void pb__log_sync_run(struct pb_log_sync *ticket);
/* Moves synced_offset on success. On failure the log fails for good (L4) and the error is returned. */
int pb__log_sync_end(struct pb_log *log, struct pb_log_sync *ticket);

/* An active segment that had records for segment.ms by the monotonic clock is closed, though nobody appends. 1: rolled. Appends roll by records' time (log_append.c). */
int pb__log_roll_if_due(struct pb_log *log, int64_t now_ms);
/* Cut all at and above offset (leader change). A recovery point on disk that lies above it must be lowered by the caller first. */
int pb__log_truncate(struct pb_log *log, int64_t offset);
/* Raise the log start (DeleteRecords, retention); pb__log_remove_below takes the segments away. PB_E_OFFSET_OUT_OF_RANGE beyond the end. */
int pb__log_advance_start(struct pb_log *log, int64_t offset);

/* Topic deleted: directory renamed <topic>-<partition>.<uuid hex>-delete, files unlinked on a worker; slices under way go on. The log is closed and freed. */
int pb__log_delete(struct pb_log *log);
/* At start: directories that a crash left between rename and removal (…-delete) are removed. */
int pb__log_remove_deleted(const struct pb_env *env, const char *log_dir);

#endif
