/* log/log_compact.h — compaction: the last record of each key stays, in place; offsets and order never change.
 *
 * Run         look (is it worth it) -> new -> step … step -> PB_COMPACT_SWAP: swap -> step … -> 0. Look, new and swap are called with the partition's lock, step
 *             without it: it reads sealed segments by references of its own and writes files that no one else knows. A step does a bounded piece, so that
 *             whoever calls may wait in between (log.cleaner.io.max.bytes.per.second)
 * What is     first the dirty part's keys go into a map (key_map.h), as far as it has room; then all segments from the log's begin up to where the map knows all
 *             are written anew in groups of at most segment.bytes. What the map's room did not reach stays dirty
 * Stays       the newest record of each key; all above the map; tombstones and needless markers until their delete horizon, which the first run that sees them
 *             sets; of each producer the last batch, empty if need be. Records of aborted transactions and those without a key go
 * Not touched the active segment, and no segment that ends above the last stable offset or has records younger than min.compaction.lag.ms
 * On disk     <base>.log|.index|.timeindex|.txnindex.cleaned, synced; then .swap, in that order with .log last (from here on a restart completes the swap); the old
 *             files .deleted; .swap to the final names. The directory is synced between these. A file .cleaned at start is a run that did not end: nothing was changed
 * Source      kafka:storage Cleaner, LogCleanerManager, LogLoader; KIP-534 (delete horizon), KIP-354 (max lag), KIP-98 (transactions) */
#ifndef PB_LOG_LOG_COMPACT_H
#define PB_LOG_LOG_COMPACT_H

#include "log/log.h"

enum { PB_COMPACT_SWAP = 2 };

struct pb_compact_facts {
    int64_t first_dirty, first_uncleanable;
    int64_t clean_bytes, dirty_bytes;                                       /* dirty: between the two above */
    bool overdue;                                                           /* a record waits for longer than max.compaction.lag.ms */
};
/* cleaned_to: what cleaner-offset-checkpoint says, -1 nothing. stable_offset: the last stable offset, at most the high watermark. 0 or an error of reading. */
int pb__log_compact_look(struct pb_log *log, int64_t cleaned_to, int64_t stable_offset, int64_t now_ms, struct pb_compact_facts *facts_out);
/* Part of the log that is dirty, 0 to 1, and whether that is enough for a run. */
double pb__compact_ratio(const struct pb_compact_facts *facts);
bool pb__compact_is_due(const struct pb_compact_facts *facts, const struct pb_log_config *config);

struct pb_compact_rules {
    int64_t now_ms;
    int64_t map_bytes_max;                                                  /* log.cleaner.dedupe.buffer.size, of one thread */
    double load_factor;                                                     /* log.cleaner.io.buffer.load.factor */
    const _Atomic bool *stop;                                               /* true: the next step gives PB_E_AGAIN. NULL: nobody asks */
};
struct pb_compact_done {
    int64_t bytes_read, bytes_written;                                      /* so far */
    int64_t bytes_before, bytes_after;                                      /* of the segments that were swapped */
    int64_t records_read, records_dropped;
    int64_t cleaned_to;                                                     /* what the checkpoint may say when step gave 0 */
    int32_t segments_before, segments_after;
};
struct pb_compact;
int pb__compact_new(struct pb_log *log, const struct pb_compact_facts *facts, const struct pb_compact_rules *rules, struct pb_compact **compact_out);
/* Reads and writes about bytes_max. 1: there is more; PB_COMPACT_SWAP: a group waits to be swapped; 0: done. PB_E_NOSPACE, PB_E_NOMEM and PB_E_AGAIN may be tried
 * anew later; after another error the log should be left alone until the next start. The log is as it was, but for groups that were swapped. */
int pb__compact_step(struct pb_compact *compact, int64_t bytes_max);
/* Put the group in the place of its segments. 1: go on with step; PB_E_AGAIN: the log is not what it was, free and begin anew; PB_E_FULL: a sync is under way,
 * call again in some milliseconds; PB_E_NOMEM; PB_E_IO: the log is failed (L4). */
int pb__compact_swap(struct pb_compact *compact, struct pb_log *log);
const struct pb_compact_done *pb__compact_done(const struct pb_compact *compact);
/* Files of a group that was not swapped are removed. NULL is fine. */
void pb__compact_free(struct pb_compact *compact);

#endif
