/* log/log_internal.h — the struct behind struct pb_log, between the files of log/.
 *
 * Segments    in order of base offset in one array; the last one is active. Sealed ones keep five numbers and three closed files.
 * Index       an entry is made for a batch when more than index.interval.bytes were appended since the last one. Entries of the active segment gather in
 *             memory and are written PB_INDEX_PENDING_MAX at a time, at a roll and at a clean stop: an index that is behind its log is legal.
 *             Nothing of it is believed: who is sent to a place by an index looks whether the batch there is the one that was named, and the index is made
 *             anew when it is not (pb__index_find, pb__time_index_find). Indexes are not synced, therefore.
 * Thread      the partition's lock is held */
#ifndef PB_LOG_LOG_INTERNAL_H
#define PB_LOG_LOG_INTERNAL_H

#include <stdatomic.h>

#include "base/limits.h"
#include "log/leader_epoch.h"
#include "log/log.h"
#include "log/log_retain.h"
#include "log/producer_state.h"

enum {
    PB_INDEX_PENDING_MAX = 64,
    PB_INDEX_ENTRY_BYTES = 8,                                               /* relative offset int32 | position int32 */
    PB_TIME_ENTRY_BYTES = 12,                                               /* timestamp int64 | relative offset int32 */
    PB_LOG_HINTS = 8,
    PB_INDEX_BLOCK_ENTRIES = 512,
};

struct pb_index_entry { int32_t relative_offset, pos; };
struct pb_time_entry { int64_t timestamp; int32_t relative_offset; };

struct pb_segment_pending {
    struct pb_index_entry offsets[PB_INDEX_PENDING_MAX];
    struct pb_time_entry times[PB_INDEX_PENDING_MAX];
    int32_t offset_count, time_count;
};

struct pb_segment {
    int64_t base_offset, end_offset;                                        /* end_offset: of the next batch */
    int64_t end_pos, synced_pos;
    int64_t max_timestamp;                                                  /* -1: none; INT64_MIN: sealed and not yet looked up */
    int64_t max_timestamp_offset;                                           /* last offset of the batch that brought it */
    int64_t first_timestamp;                                                /* of the first batch, -1: not known yet; rolls by time count from it */
    int64_t time_entry_last;                                                /* timestamp of the last time index entry */
    struct pb_file *log, *index, *time_index;
    struct pb_segment_pending *pending;                                     /* active: entries not yet written */
    int32_t index_count, time_count;                                        /* entries on disk; -1: not looked up */
    int32_t txn_count;                                                      /* entries of .txnindex; 0: there may be no file */
    bool txn_verified;                                                      /* each was compared with its marker, or made by us; none is missing */
    int32_t bytes_since_entry;
    int64_t open_since_ns;                                                  /* active: when records were first seen in it, 0: not yet */
    bool has_rest;                                                          /* something may lie behind end_pos: zeros of a preallocated file, a write that failed */
    bool length_dirty;                                                      /* the file was cut since its last sync */
    bool txn_dirty;                                                         /* .txnindex has entries that are not synced */
    bool index_renewed;                                                     /* made anew once already */
};

/* Where a reader goes on: filled by appends and reads. */
struct pb_log_hint { int64_t offset; struct pb_segment *segment; int32_t pos; int32_t batch_bytes; };

/* The block of an offset index that was searched last. */
struct pb_index_block { const struct pb_segment *segment; int32_t first, count; struct pb_index_entry entries[PB_INDEX_BLOCK_ENTRIES]; };

struct pb_log {
    const struct pb_env *env;
    struct pb_file_cache *files;
    const struct pb_log_config *config;
    char *dir, *topic;
    int32_t partition;
    uint8_t topic_id[16];
    struct pb_segment **segments;
    int32_t segment_count, segment_capacity;
    int64_t start_offset, end_offset, synced_offset, size_bytes;
    int64_t sparse_to;                                                      /* it was compacted: below, offsets may be missing */
    int64_t roll_jitter_ms;
    struct pb_producers producers;
    struct pb_epochs epochs;
    struct pb_log_hint hints[PB_LOG_HINTS];
    int32_t hint_next;
    struct pb_index_block *block;
    struct pb_doomed *doomed;                                               /* removed segments whose files wait to be unlinked */
    int64_t snapshot_offset;                                                /* of the newest producer snapshot, -1: none */
    const _Atomic bool *stop;                                               /* recovery: give up when true; NULL: nobody asks */
    bool has_dir, dir_dirty, epochs_dirty, failed, syncing;
};

static inline struct pb_segment *pb__log_active(const struct pb_log *log) { return log->segment_count > 0 ? log->segments[log->segment_count - 1] : NULL; }

/* Whether compaction may have taken this offset, now or before cleanup.policy changed. */
static inline bool pb__log_may_lack(const struct pb_log *log, int64_t offset) { return log->config->compacted || offset < log->sparse_to; }

/* log.c */
int pb__log_path(const struct pb_log *log, int64_t base_offset, const char *suffix, char path[PB_PATH_BYTES_MAX]);
/* A last segment more. fresh: whatever may lie under its names is emptied by the first use. 0 or PB_E_NOMEM. */
int pb__log_add_segment(struct pb_log *log, int64_t base_offset, bool fresh, struct pb_segment **segment_out);
/* A batch lies at end_pos of its segment. */
void pb__segment_add_batch(struct pb_segment *segment, const struct pb_batch *batch);
/* Files of a segment and the producers' snapshot at its begin, from their directory. What a reader has open goes on. 0 or PB_E_IO. */
int pb__log_unlink_segment(struct pb_log *log, int64_t base_offset);
void pb__log_drop_segment(struct pb_log *log, int32_t at);                  /* from the array, freed */
int pb__log_make_dir(struct pb_log *log);
/* topic_id.c: partition.metadata written; and looked at (PB_E_CORRUPT_FILE: another topic's, or of a newer version). */
int pb__log_write_topic_id(struct pb_log *log);
int pb__log_check_topic_id(struct pb_log *log);
/* Segment that holds offset, or the first after it. */
struct pb_segment *pb__log_segment_of(const struct pb_log *log, int64_t offset);
void pb__log_forget_hints(struct pb_log *log);
/* Final: no further append (L4). */
int pb__log_fail(struct pb_log *log, int error);
int pb__log_seal(struct pb_log *log, int64_t now_ms);
/* log_append.c: seal the active segment, begin the next one at the end offset. */
int pb__log_roll(struct pb_log *log, int64_t now_ms);
/* preallocate.c: blocks for the whole segment, and its length (preallocate=true). For want of room it stays as it is. */
void pb__segment_preallocate(struct pb_log *log, struct pb_segment *segment);
/* The file ends with its last batch again; the next sync takes that along. 0 or PB_E_IO. */
int pb__segment_trim(struct pb_segment *segment);
int pb__log_write_epochs(struct pb_log *log, bool durable);

/* index.c */
/* An entry for this batch at pos when one is due; the segment knows the batch already. An error costs the entry alone. */
int pb__index_append(struct pb_log *log, struct pb_segment *segment, const struct pb_batch *batch, int32_t pos);
int pb__index_flush(struct pb_log *log, struct pb_segment *segment);
/* The segment grows no more: last time entry, all written, both files there. */
int pb__index_seal(struct pb_log *log, struct pb_segment *segment);
/* The entry of the largest offset <= offset: its offset and position, or the segment's begin. Not verified. */
int pb__index_look_up(struct pb_log *log, struct pb_segment *segment, int64_t offset, int64_t *offset_out, int32_t *pos_out);
/* The last time entry with timestamp <= timestamp_ms; *timestamp_out -1: none. Not verified. */
int pb__time_index_look_up(struct pb_log *log, struct pb_segment *segment, int64_t timestamp_ms, int64_t *timestamp_out, int64_t *offset_out);
/* Forget the entries from pos and offset on, and those behind one that is in no order. */
int pb__index_load(struct pb_log *log, struct pb_segment *segment, int32_t pos_limit, int64_t offset_limit);
/* Nothing is known of the files: looked up at the next use. */
void pb__index_forget(struct pb_log *log, struct pb_segment *segment);

/* index_verify.c */
/* The header at pos, its bytes not kept. 1; 0: no batch that ends inside of the segment begins there; PB_E_IO. */
int pb__segment_header(struct pb_segment *segment, int64_t pos, struct pb_batch *batch);
/* Where a walk over headers may begin that looks for offset: a place at or before the batch that holds it, on a batch boundary. */
int pb__index_find(struct pb_log *log, struct pb_segment *segment, int64_t offset, int32_t *pos_out);
/* An offset before which no record of the segment has a timestamp >= timestamp_ms, as the segment's time index says. */
int pb__time_index_find(struct pb_log *log, struct pb_segment *segment, int64_t timestamp_ms, int64_t *offset_out);
/* Both indexes anew from the batches. PB_E_CORRUPT_FILE: these are in no order. */
int pb__index_renew(struct pb_log *log, struct pb_segment *segment, const char *why);
int pb__segment_max_timestamp(struct pb_log *log, struct pb_segment *segment, int64_t *timestamp_out);
/* The batch that holds offset, or the first behind it: position and header. PB_E_NOENT: the segment ends before; PB_E_CORRUPT_FILE. */
int pb__segment_locate(struct pb_log *log, struct pb_segment *segment, int64_t offset, int64_t *pos_out, struct pb_batch *batch);

/* txn_index.c */
/* Add the entry of an aborted transaction. It is in no file before the log has the marker, so it is taken back (cut) when that fails. */
int pb__txn_index_append(struct pb_log *log, struct pb_segment *segment, const struct pb_completed_txn *txn);
/* An empty one: nothing was aborted in this segment. Where transactions are, a segment without a .txnindex lost it. */
int pb__txn_index_make(struct pb_log *log, struct pb_segment *segment);
/* The first `count` entries stay. */
int pb__txn_index_cut(struct pb_log *log, struct pb_segment *segment, int32_t count);
/* At start and at a cut: entries of markers at or above offset go, *cut_out of them. PB_E_CORRUPT_FILE: what is in there cannot be. */
int pb__txn_index_load(struct pb_log *log, struct pb_segment *segment, int64_t offset, int32_t *cut_out);
/* All anew from the segment's batches. */
int pb__txn_index_renew(struct pb_log *log, struct pb_segment *segment);

/* Entries of aborted transactions that overlap [from, to), in order of first offset; owned by the caller (env->alloc). */
int pb__log_aborted_collect(struct pb_log *log, int64_t from, int64_t to, struct pb_completed_txn **items_out, int32_t *count_out);
enum { PB_TXN_ENTRY_BYTES = 34 };
void pb__txn_entry_write(const struct pb_completed_txn *txn, uint8_t bytes[PB_TXN_ENTRY_BYTES]);

/* log_scan.c: batches of one segment from pos on, header by header. */
struct pb_scan {
    struct pb_log *log;
    struct pb_segment *segment;
    uint8_t *buffer;                                                        /* PB_SCAN_BYTES, or one larger batch when whole batches are asked for */
    size_t capacity, filled;
    int64_t buffer_pos;                                                     /* of buffer[0] in the file */
    int64_t pos, end_pos;
    bool whole;                                                             /* give whole batches, CRC checked; else headers only */
};
enum { PB_SCAN_BYTES = 256 * 1024, PB_SCAN_BYTES_SMALL = 4096, PB_SCAN_BATCH_BYTES_MAX = 1 << 30, PB_SCAN_CONTROL_BYTES_MAX = 1 << 20 };
int pb__scan_open(struct pb_scan *scan, struct pb_log *log, struct pb_segment *segment, int64_t pos, int64_t end_pos, bool whole);
/* 1: a batch, at scan->pos - batch.size_bytes, control batches always whole; 0: the end, on a batch boundary; PB_E_CORRUPT_BATCH: what is at scan->pos is
 * none; PB_E_IO, PB_E_NOMEM; PB_E_AGAIN: recovery is asked to stop. */
int pb__scan_next(struct pb_scan *scan, struct pb_batch *batch);
void pb__scan_close(struct pb_scan *scan);

/* log_recover.c */
/* 20 digits, then exactly the suffix. */
bool pb__log_parse_name(const char *name, const char *suffix, int64_t *offset_out);
int pb__log_recover(struct pb_log *log, const struct pb_log_options *options);

/* compact_swap.c: at start, before names are read: what compaction left. A group whose files are all named .swap takes the place of its segments, one that
 * was not ready is removed. PB_E_IO; PB_E_CORRUPT_FILE: a group that was ready cannot be read. */
int pb__log_finish_swaps(struct pb_log *log);

/* producer_replay.c: the producers' state at `to`, from the newest snapshot at or below it and the headers behind that. */
int pb__producers_restore(struct pb_log *log, int64_t to);
/* Snapshots above offset go; of the others stay those at the begin of a segment and the newest. */
int pb__snapshots_sweep(struct pb_log *log, int64_t offset);
/* What one batch does to what is derived from the log: producers, and the index of aborted transactions. */
int pb__log_apply_producer(struct pb_log *log, struct pb_segment *segment, const struct pb_batch *batch);

#endif
