/* broker/broker.h — the one struct that owns the rest; there are no globals anywhere.
 * Thread      control thread, except where a function says otherwise
 * Owner       whoever called pb_broker_new */
#ifndef PB_BROKER_BROKER_H
#define PB_BROKER_BROKER_H

#include "api/authz_table.h"
#include "api/fetch_session.h"
#include "api/mailbox.h"
#include "api/members.h"
#include "base/clock_watch.h"
#include "log/log_retain.h"
#include "pb.h"

/* What a checkpoint file said of a partition; kept until its log is opened. */
struct pb_checkpointed { char *topic; int32_t partition, log_dir; int64_t recovery_point, start_offset, cleaned_to; };

struct pb_broker {
    const struct pb_env *env;
    int32_t loop_count, node_id;
    struct pb_loop **loops;
    struct pb_file_cache *files;
    struct pb_part_shared part;
    struct pb_partition_map map;
    struct pb_mailbox mailbox;
    struct pb_members members;
    struct pb_api_shared api;
    struct pb_net_shared net;
    int *lock_fds;
    pthread_mutex_t checkpoint_lock;                                        /* one writer of checkpoint files; partitions' locks are taken inside */
    pthread_mutex_t keep_lock;                                              /* one mover of log starts; the one above is taken inside */
    struct pb_clock_watch clock;                                            /* of the housekeeping thread */
    _Atomic int64_t clock_settle_ms, stat_segments_deleted, stat_bytes_deleted;
    struct pb_cleaner *cleaners[PB_CLEANERS_MAX];                           /* each its worker's */
    _Atomic bool stop_cleaning;
    _Atomic int64_t stat_cleaner_runs, stat_cleaned_bytes, stat_dirty_ratio_ppm;
    struct pb_checkpointed *checkpointed;                                   /* in order of (topic, partition) */
    int32_t checkpointed_count, checkpointed_capacity;
    bool checkpointed_sorted;
    _Atomic bool recovered;                                                 /* topics from here on are new: the checkpoints tell nothing of them */
    bool checkpoints_stale;                                                 /* they name partitions of a topic that was removed. Control thread */
    struct pb_wake_queue news;                                              /* batches of our own that are durable now, or failed */
    struct pb_mpsc_node *news_taken;
    struct pb_list own_batches;                                             /* those that wait */
    _Atomic int64_t connections_max, producer_id_expiration_ms;
    _Atomic int64_t stat_refused;
    _Atomic uint32_t accept_next;
};

struct pb_accepted { struct pb_mpsc_node node; int fd; int32_t listener; };

struct pb_loop {
    struct pb_broker *broker;
    int32_t index;
    struct pb_loop_ops ops;
    struct pb_net_ops net_ops;
    struct pb_api api;
    struct pb_mpsc accepted;                                                /* sockets another loop accepted for this one */
    struct pb_listener listeners[PB_LISTENERS_MAX];
    int32_t listener_count;
    int64_t expire_at_ns, timer_at_ns;                                      /* 0: not set */
    bool in_turn;                                                           /* the clock was read */
    int64_t sent_until_ns, drained_until_ns;                                /* a clean stop waits so long for readers, and for the disk; 0: none is under way */
    bool closed;
};

/* broker/own_records.c: forget what waits; nothing syncs any more. */
void pb__own_records_close(struct pb_broker *broker);

/* broker/cleaner.c: runs under way are given up; no worker calls any more. */
void pb__cleaners_close(struct pb_broker *broker);

/* broker/log_dirs.c: the directories of log.dirs: locks, clean marks, checkpoints. */
int pb__log_dirs_open(struct pb_broker *broker, const struct pb_broker_options *options, int32_t *failed_dir_out);
void pb__log_dirs_close(struct pb_broker *broker);
/* What the checkpoints say of a partition: 0 where they are silent. */
void pb__log_dirs_checkpointed(struct pb_broker *broker, const char *topic, int32_t partition, int32_t log_dir, int64_t *recovery_point_out, int64_t *start_offset_out,
                               int64_t *cleaned_to_out);
void pb__log_dirs_forget_checkpointed(struct pb_broker *broker);
/* Write the log starts alone, where a partition waits for it (start_noted). 0 or the first error. */
int pb__log_dirs_checkpoint_starts(struct pb_broker *broker);
/* Write cleaner-offset-checkpoint alone. */
int pb__log_dirs_checkpoint_cleaned(struct pb_broker *broker);
/* Write the checkpoint files of all directories that are not off-line; clean: the mark as well, after everything else is on disk, where all logs were closed. */
int pb__log_dirs_checkpoint(struct pb_broker *broker, const bool *clean);

#endif
