/* broker/housekeeping.h — what is done from time to time for all partitions, off the loops: space looked at, removed files unlinked, idle segments closed,
 * old ones removed.
 *
 * Frame       pb_broker_keep does one round of the work that is asked for and returns; when, is the caller's (pybroker/broker/housekeeper.py). Rounds walk all
 *             partitions, each locked for a millisecond at most at a time. The log cleaner's round stands beside pb__retain_round.
 * Retention   planned per partition (log/log_retain.h), gathered PB_KEEP_CUTS_MAX at a time: the new log starts go to log-start-offset-checkpoint first, then
 *             segments are renamed. Without space for the checkpoint they are renamed nevertheless, the oldest first: that is how space comes back
 * Thread      one caller at a time; takes partitions' locks
 * Owner       struct pb_broker */
#ifndef PB_BROKER_HOUSEKEEPING_H
#define PB_BROKER_HOUSEKEEPING_H

#include "broker/broker.h"

enum { PB_KEEP_CUTS_MAX = 256, PB_KEEP_LOG_LINES_MAX = 1000 };

/* The partition will begin at `start` as soon as that is noted on disk. */
struct pb_keep_cut { struct pb_partition *partition; struct pb_retain_rules rules; int64_t start; };

/* Note the starts of these partitions in the checkpoint files, then move them and remove segments; error_out[i] (NULL: not wanted) is what became of each. The references
 * are put. need_note: without a durable note nothing is moved. */
void pb__keep_cut_all(struct pb_broker *broker, struct pb_keep_cut *cuts, int32_t count, bool need_note, int *error_out, struct pb_retain_done *done);

#endif
