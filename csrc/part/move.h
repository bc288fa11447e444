/* part/move.h — a partition moves to another log directory while it serves.
 *
 *      begin -> COPYING -> CLOSING -> (swap) -> done       a step that fails, and cancel, end the move from any state: the old log was never touched
 *
 * COPYING     batches go into a future log (log/log_copy.h), in steps without the partition's lock
 * CLOSING     little is left: new syncs of the old log wait, so that what is acknowledged stands still; the future log is synced as far as the old one; what was
 *             appended meanwhile is copied under the lock, and the future log takes the place of the old one. Syncs go on, on the new log
 * Crash       until the future directory has its final name the old directory is whole and is the partition; from then on the new one is, whatever the metadata
 *             say (broker/directories.py). The old directory is renamed …-delete only after the new name is durable; the log start is in the new
 *             directory's checkpoint before
 * Locks       the partition's lock guards partition->move; the one mover thread owns move->log while busy
 * Thread      one mover for all partitions */
#ifndef PB_PART_MOVE_H
#define PB_PART_MOVE_H

#include "part/partition.h"

struct pb_move {
    struct pb_log *log;                                                     /* the future one; NULL: to be opened */
    struct pb_log_config config;                                            /* its own copy: the topic's may be replaced meanwhile */
    int32_t log_dir;
    int64_t end_offset, size_bytes;                                         /* as of the last step; under the partition's lock */
    bool busy, closing, cancelled;
    int32_t tries;                                                          /* to close */
    bool start_noted;                                                       /* the checkpoint of log_dir has the log start */
};

/* 0; PB_E_EXISTS: it lies there already (a move to elsewhere is cancelled); PB_E_OFFLINE, PB_E_NOMEM, PB_E_UNKNOWN_PARTITION. */
int pb__move_begin(struct pb_partition *partition, int32_t log_dir);
void pb__move_cancel(struct pb_partition *partition);
/* Copy about bytes_max. 1: more to do, *copied_out bytes went over; 0: the partition has moved; PB_E_NOENT: no move (any more); else the error that ended it. */
int pb__move_step(struct pb_partition *partition, int64_t bytes_max, int64_t *copied_out);
/* Partition is deleted or freed: the future log goes as well, now or when its step is over. The lock is held. */
void pb__move_drop(struct pb_partition *partition);
/* The partition is freed: the files stay as they are, the next start removes them. */
void pb__move_close(struct pb_partition *partition);

#endif
