/* log/compact_internal.h — a run of compaction, between its files.
 * Thread      the cleaner's, see log_compact.h */
#ifndef PB_LOG_COMPACT_INTERNAL_H
#define PB_LOG_COMPACT_INTERNAL_H

#include "log/compact_txn.h"
#include "log/key_map.h"
#include "log/log_compact.h"
#include "log/log_internal.h"

enum { PB_COMPACT_OUT_BYTES = 256 * 1024, PB_COMPACT_UNPACKED_BYTES_MAX = 1 << 30 };

struct pb_compact_last { int64_t producer_id, last_offset; int16_t epoch; };   /* last_offset -1: its last batch was a marker */

/* A group on its way: the segment that will stand for those from `first` to `last`. */
struct pb_compact_group {
    int32_t first, last, at;                                                /* places in the sources; `at` is being read */
    struct pb_segment *segment;                                             /* NULL: none under way */
    struct pb_file *txn_index;                                              /* NULL: no entry yet */
    uint8_t *out;                                                           /* bytes that wait to be written at segment->end_pos - out_size */
    size_t out_size;
    int64_t last_offset;                                                    /* of the last batch in it, -1: none */
    bool swapping;                                                          /* its files are named .swap */
};

struct pb_compact {
    struct pb_log view;                                                     /* sources as segments, config and names copied: what the walk over batches asks of a log */
    struct pb_log_config config;
    struct pb_compact_facts facts;
    struct pb_compact_rules rules;
    struct pb_compact_done done;
    struct pb_completed_txn *aborted;
    int32_t aborted_count;
    struct pb_compact_last *lasts;                                          /* by producer id */
    int32_t last_count;
    struct pb_key_map map;
    int64_t latest;                                                         /* up to here the map knows every key */
    struct pb_compact_txns txns;
    struct pb_codec_workspace *codec;
    struct pb_scan scan;
    struct pb_compact_group group;
    uint8_t *keep;                                                          /* a byte per record of one batch */
    size_t keep_size;
    int32_t map_at;                                                         /* source whose keys are read */
    bool scanning, mapped;
};

/* compact_write.c */
int pb__compact_begin_group(struct pb_compact *compact, int32_t first);
/* What stays of one batch goes to the group's segment. */
int pb__compact_write_batch(struct pb_compact *compact, const struct pb_batch *batch);
/* All written and synced, all files named .swap. */
int pb__compact_end_group(struct pb_compact *compact);
void pb__compact_drop_group(struct pb_compact *compact);
/* Room for `count` decisions. */
int pb__compact_need_keep(struct pb_compact *compact, size_t count);

#endif
