/* log/log_retain.h — what of a log is kept: facts of its segments, the rule for old ones, and how they leave.
 *
 * The rule    pb__retain_plan is pure: facts, numbers and the time in, one decision per segment out. The built-in policy is Kafka's: whole segments, the oldest
 *             first; a segment goes when its largest timestamp is older than retention.ms, when the log without it still has retention.bytes, or when it lies
 *             below the log start. Whoever plans otherwise hands decisions to pb__log_remove_below in the same form.
 * On disk     a removed segment's files get the suffix .deleted (derived ones first, the .log last) and are unlinked file.delete.delay.ms later; what a
 *             stop leaves of them goes when the log is opened again
 * Order       the new log start is in log-start-offset-checkpoint before pb__log_remove_below is called (broker/housekeeping.c): a crash in between leaves
 *             whole segments below the start, which the next round removes
 * Thread      the partition's lock is held, but for the pure function and pb__doomed_unlink
 * Source      kafka:storage UnifiedLog.deleteOldSegments */
#ifndef PB_LOG_LOG_RETAIN_H
#define PB_LOG_LOG_RETAIN_H

#include "log/log.h"

struct pb_segment_facts {
    int64_t base_offset, end_offset, size_bytes;
    int64_t timestamp_ms;                                                   /* largest of its records, or the file's time when they have none; -1: none, or not asked for */
    bool active;
};

enum pb_retain_decision { PB_RETAIN_KEEP, PB_RETAIN_BY_TIME, PB_RETAIN_BY_SIZE, PB_RETAIN_BY_START };

struct pb_retain_rules {
    int64_t now_ms;                                                         /* wall clock, as pb__clock_watch lets it pass */
    int64_t retention_ms, retention_bytes;                                  /* negative: no bound */
    int64_t start_offset, high_watermark;                                   /* of the log */
    int64_t size_bytes;                                                     /* of all segments that were not given yet */
    bool deletes;                                                           /* cleanup.policy has delete; else only what lies below the start goes */
};

/* Decisions about `count` segments, the oldest first; behind the first that is kept all are. */
void pb__retain_plan(const struct pb_retain_rules *rules, const struct pb_segment_facts *facts, int32_t count, uint8_t *decisions_out);

/* Segments looked at, or removed, per hold of the lock: a millisecond at most. */
enum { PB_RETAIN_CHUNK = 4 };

struct pb_retain_rules pb__log_retain_rules(const struct pb_log *log, int64_t high_watermark, int64_t now_ms);
/* Facts of the segments with a base offset of from_offset and above, at most `capacity` of them. Returns how many, or PB_E_IO. */
int pb__log_segment_facts(struct pb_log *log, int64_t from_offset, struct pb_segment_facts *facts, int32_t capacity, bool with_times);
/* One chunk of planning: moves *from_offset on, takes what it gave from rules->size_bytes, raises *start_out. 1: there is more to look at, 0: done, PB_E_IO. */
int pb__log_retain_look(struct pb_log *log, struct pb_retain_rules *rules, int64_t *from_offset, int64_t *start_out);

/* What was removed; lines_left bounds the log lines. */
struct pb_retain_done { int64_t segments, bytes; int32_t lines_left; };
/* Move the log start to `start` (PB_E_OFFSET_OUT_OF_RANGE beyond the end) and remove what lies wholly below it, at most one chunk. rules: as they were when start was
 * planned; they give the reason for each log line, and allow the active segment to go (rolled first) where time or size says so. 1: there may be more, 0: done. */
int pb__log_remove_below(struct pb_log *log, struct pb_retain_rules *rules, int64_t start, struct pb_retain_done *done);

/* Segment `at` leaves the log, its files renamed .deleted; readers that hold a piece of it go on. PB_E_NOMEM: nothing was done. PB_E_IO: it is still in the log. */
int pb__log_doom(struct pb_log *log, int32_t at, bool keeps_snapshot);

/* Removed segments whose files wait for their time. */
struct pb_doomed { struct pb_doomed *next; int64_t due_ns, base_offset; char dir[]; };
/* Those that are due: taken out of the log, to be unlinked and freed without the lock. NULL: none. */
struct pb_doomed *pb__log_take_doomed(struct pb_log *log, int64_t now_ns);
void pb__doomed_unlink(const struct pb_env *env, struct pb_doomed *doomed); /* any thread */
void pb__doomed_forget(const struct pb_env *env, struct pb_doomed *doomed); /* the files stay until the log is opened again */
/* Whether a name in a log's directory is that of a removed file: one of ours with .deleted behind it. */
bool pb__is_removed_name(const char *name);
/* At start: what a stop left of removed segments. */
void pb__log_unlink_removed(const struct pb_log *log, const char *name);

#endif
