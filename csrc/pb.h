/* pb.h — the border of the core: every function and struct that Cython may see, and nothing else.
 *
 * Who calls what  A loop's owner (pybroker/_core/loop.pyx) brings readiness, wake-ups and timer ticks to pb_loop_* and pb_conn_*, always on the
 *                 loop's own thread. The control thread (mailbox.pyx, core.pyx) calls pb_broker_* and pb_mail_*.
 * Errors          0 or a negative PB_E_* (base/err.h), unless said otherwise
 * Memory          opaque structs are freed by the function named *_free */
#ifndef PB_H
#define PB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/env.h"
#include "base/err.h"
#include "base/verdict.h"

struct pb_broker;
struct pb_loop;
struct pb_conn;
struct pb_mail;
struct pb_own_batch;
struct pb_own_read;
struct pb_hook_chain;
struct pb_lane;
struct pb_lane_job;
struct pb_lane_item;
struct pb_lane_records;

enum pb_events { PB_READABLE = 1, PB_WRITABLE = 2, PB_HANGUP = 4 };

/* What a loop asks of its owner. All but wake are called on the loop's thread. */
struct pb_loop_ops {
    void *context;
    /* Watch fd for `events`; readiness goes to pb_watch_ready(owner, …). 0 or PB_E_*. */
    int (*watch_open)(void *context, int fd, void *owner, int events, void **watch_out);
    void (*watch_set)(void *watch, int events);                             /* 0: none */
    void (*watch_close)(void *watch);                                       /* nothing arrives for owner after it; the caller closes the fd after */
    void (*wake)(void *context);                                            /* from any thread: pb_loop_on_wake soon */
    void (*timer_set)(void *context, int64_t in_ms);                        /* one shot: pb_loop_on_timer, replaces the one before */
};

/* Numbers a broker is made of. */
struct pb_broker_options {
    const struct pb_env *env;                                               /* lent until pb_broker_free */
    int32_t node_id;
    int32_t loop_count;
    int32_t open_segments_max;
    int32_t log_dir_count;
    const char *const *log_dirs;                                            /* copied */
};

/* Settings that may change at any time, by number; order is that of PB_SETTINGS. */
#define PB_SETTINGS(X)                                                                                                                     \
    X(request_bytes_max, 100 * 1024 * 1024)                                                                                                \
    X(connection_idle_ms_max, 600000)                                                                                                      \
    X(connections_max, 10000)                                                                                                              \
    X(connections_per_ip_max, 10000)                                                                                                       \
    X(stranger_ms_max, 10000)                                                                                                              \
    X(receive_bytes_total_max, 512LL * 1024 * 1024)                                                                                        \
    X(fetch_bytes_max, 55 * 1024 * 1024)                                                                                                   \
    X(fetch_sessions_max, 1000)                                                                                                            \
    X(send_buffer_bytes, -1)                                                                                                               \
    X(receive_buffer_bytes, -1)                                                                                                            \
    X(flush_policy, 1)                                                                                                                     \
    X(producer_id_expiration_ms, 86400000)                                                                                                 \
    X(disk_free_bytes_min, 0)                                                                                                              \
    X(clock_settle_ms, 60000)
#define PB_SETTING_ENUM(name, value) PB_SETTING_##name,
enum pb_setting { PB_SETTINGS(PB_SETTING_ENUM) PB_SETTING_COUNT };
#undef PB_SETTING_ENUM
/* Number of a setting by its name, PB_E_NOENT when there is none. */
int pb_setting_find(const char *name);

/* One topic as the control plane decides it; order is that of PB_TOPIC_SETTINGS. */
#define PB_TOPIC_SETTINGS(X)                                                                                                               \
    X(internal)                                                                                                                            \
    X(batch_bytes_max)                                                                                                                     \
    X(decompressed_bytes_max)                                                                                                              \
    X(keys_required)                                                                                                                       \
    X(log_append_time)                                                                                                                     \
    X(timestamp_before_max_ms)                                                                                                             \
    X(timestamp_after_max_ms)                                                                                                              \
    X(codec_wanted)                                                                                                                        \
    X(codec_level)                                                                                                                         \
    X(segment_bytes)                                                                                                                       \
    X(segment_ms)                                                                                                                          \
    X(segment_jitter_ms)                                                                                                                   \
    X(segment_index_bytes)                                                                                                                 \
    X(index_interval_bytes)                                                                                                                \
    X(flush_messages)                                                                                                                      \
    X(flush_ms)                                                                                                                            \
    X(retention_ms)                                                                                                                        \
    X(retention_bytes)                                                                                                                     \
    X(preallocate)                                                                                                                         \
    X(producer_id_expiration_ms)                                                                                                           \
    X(cleanable_ratio_ppm)                                                                                                                 \
    X(compaction_lag_min_ms)                                                                                                               \
    X(compaction_lag_max_ms)                                                                                                               \
    X(delete_retention_ms)                                                                                                                 \
    X(file_delete_delay_ms)                                                                                                                \
    X(cleanup_delete)
#define PB_TOPIC_SETTING_ENUM(name) PB_TOPIC_##name,
enum pb_topic_setting { PB_TOPIC_SETTINGS(PB_TOPIC_SETTING_ENUM) PB_TOPIC_SETTING_COUNT };
#undef PB_TOPIC_SETTING_ENUM
/* Name of a topic setting by its number. Static text. */
const char *pb_topic_setting_name(int number);
const char *pb_setting_name(int number);

struct pb_partition_spec { int32_t index, log_dir, leader_epoch; };
struct pb_topic_spec {
    uint8_t id[16];
    const char *name;                                                       /* borrowed */
    int32_t partition_count;
    const struct pb_partition_spec *partitions;                             /* borrowed, index ascending */
    int64_t settings[PB_TOPIC_SETTING_COUNT];
    struct pb_hook_chain *hooks;                                            /* what plugins have to say of its batches, NULL: nothing. Taken in every case */
};
struct pb_partition_info {
    int64_t start_offset, end_offset, high_watermark, last_stable_offset, synced_offset, size_bytes;
    int32_t index, leader_epoch, log_dir, offline;
    int32_t future_dir;                                                     /* where it is moving to, -1: nowhere */
    int64_t future_size_bytes, future_lag;                                  /* what is there, and how many offsets are missing */
};

#define PB_STATS(X)                                                                                                                        \
    X(connections_open)                                                                                                                    \
    X(connections_accepted)                                                                                                                \
    X(connections_refused)                                                                                                                 \
    X(connections_failed)                                                                                                                  \
    X(requests)                                                                                                                            \
    X(requests_control)                                                                                                                    \
    X(bytes_in)                                                                                                                            \
    X(bytes_out)                                                                                                                           \
    X(batches_appended)                                                                                                                    \
    X(bytes_appended)                                                                                                                      \
    X(appends)                                                                                                                             \
    X(append_errors)                                                                                                                       \
    X(syncs)                                                                                                                               \
    X(fetches)                                                                                                                             \
    X(fetches_parked)                                                                                                                      \
    X(fetch_bytes)                                                                                                                         \
    X(slices_sent_file)                                                                                                                    \
    X(slices_sent_copy)                                                                                                                    \
    X(pool_growths)                                                                                                                        \
    X(replies_waiting)                                                                                                                     \
    X(fetches_waiting)                                                                                                                     \
    X(produces_waiting)                                                                                                                    \
    X(fetch_sessions)                                                                                                                      \
    X(receive_bytes_held)                                                                                                                  \
    X(mails_waiting)                                                                                                                       \
    X(files_open)                                                                                                                          \
    X(files_pinned)                                                                                                                        \
    X(segments_deleted)                                                                                                                    \
    X(segment_bytes_deleted)                                                                                                               \
    X(cleaner_runs)                                                                                                                        \
    X(cleaned_bytes)                                                                                                                       \
    X(dirty_ratio_max_ppm)
#define PB_STAT_ENUM(name) PB_STAT_##name,
enum pb_stat { PB_STATS(PB_STAT_ENUM) PB_STAT_COUNT };
#undef PB_STAT_ENUM
const char *pb_stat_name(int number);

/* ---- broker: control thread */
/* Locks the log directories. PB_E_EXISTS: another broker holds one; failed_dir_out (may be NULL) says which, by index. */
int pb_broker_new(const struct pb_broker_options *options, struct pb_broker **broker_out, int32_t *failed_dir_out);
void pb_broker_free(struct pb_broker *broker);                              /* loops must be stopped */
void pb_broker_set(struct pb_broker *broker, enum pb_setting setting, int64_t value);
/* Create the topic or change it (more partitions, other settings). PB_E_NOMEM, PB_E_INVALID_ARGUMENT. */
int pb_broker_put_topic(struct pb_broker *broker, const struct pb_topic_spec *spec);
int pb_broker_remove_topic(struct pb_broker *broker, const uint8_t id[16]); /* PB_E_NOENT */
/* Open the logs that were not closed cleanly, `part` of `parts` (several threads may share the work). Opens nothing after a clean stop. */
int pb_broker_recover(struct pb_broker *broker, int32_t part, int32_t parts);
/* Any thread: recovery under way gives up between two batches, with PB_E_AGAIN. No clean mark may be written after it: free the broker. */
void pb_broker_stop_recovery(struct pb_broker *broker);
/* A number that grows whenever a partition goes off-line. Any thread. */
int64_t pb_broker_offline_changes(const struct pb_broker *broker);
/* Partitions that cannot be served now, up to count_max of them; opens no log. Returns how many there are, or PB_E_NOMEM. */
struct pb_partition_name { uint8_t topic_id[16]; int32_t partition; };
int64_t pb_broker_offline(struct pb_broker *broker, struct pb_partition_name *names, int64_t count_max);
int pb_broker_partition(struct pb_broker *broker, const uint8_t topic_id[16], int32_t partition, struct pb_partition_info *out);
int pb_broker_stats(struct pb_broker *broker, int64_t out[PB_STAT_COUNT]);
/* Loops must be stopped: flush and sync all logs, write checkpoints and the clean mark. */
int pb_broker_close_logs(struct pb_broker *broker);
int pb_broker_checkpoint(struct pb_broker *broker);                         /* any thread */

/* ---- housekeeping: one thread of the owner's, beside the control thread */
enum pb_keep_work {
    PB_KEEP_DISKS = 1,                                                      /* free space of the log directories; every second */
    PB_KEEP_PARTITIONS = 2,                                                 /* removed files that are due, active segments that are due; every few seconds */
    PB_KEEP_RETENTION = 4,                                                  /* segments that are too old or too many; log.retention.check.interval.ms */
};
/* One round. 0 or an error; PB_KEEP_RETENTION: retention waits for the wall clock to settle, ask again soon. */
int pb_broker_keep(struct pb_broker *broker, int work);
/* ---- compaction: threads of the owner's, each with a number of its own */
enum { PB_CLEANERS_MAX = 64 };
struct pb_clean_rules {
    int64_t map_bytes_max;                                                  /* log.cleaner.dedupe.buffer.size, this worker's part */
    double load_factor;                                                     /* log.cleaner.io.buffer.load.factor */
    int64_t bytes_max;                                                      /* read and written by one call, about */
};
/* A piece of work: choose a log, or a step of the one that was chosen. 1: call again, after what *bytes_out (read and written) costs by the throttle; 0: nothing is
 * worth it now. After an error that log is let go, and the next call looks for another. */
int pb_broker_clean(struct pb_broker *broker, int32_t worker, const struct pb_clean_rules *rules, int64_t *bytes_out);
/* Any thread: steps under way end soon, with PB_E_AGAIN. */
void pb_broker_stop_cleaning(struct pb_broker *broker);

/* state: 0 good, 1 full, 2 off-line; free bytes as of the last look. Any thread. */
int pb_broker_log_dir(struct pb_broker *broker, int32_t dir, int *state_out, int64_t *free_bytes_out);

enum { PB_DELETE_RECORDS_MAX = 256 };
struct pb_delete_records {
    uint8_t topic_id[16];
    int32_t partition;
    int64_t offset;                                                         /* the first that stays; -1: the high watermark */
    int error;                                                              /* out: 0, PB_E_OFFSET_OUT_OF_RANGE, PB_E_POLICY, PB_E_UNKNOWN_PARTITION, PB_E_OFFLINE, … */
    int64_t start_offset;                                                   /* out: log start after it, -1 after an error */
};
/* Move log starts up, durably. Any thread. PB_E_INVALID_ARGUMENT: more than PB_DELETE_RECORDS_MAX. */
int pb_broker_delete_records(struct pb_broker *broker, struct pb_delete_records *items, int32_t count);

struct pb_segment_info { int64_t base_offset, end_offset, size_bytes, timestamp_ms; bool active; };
/* Segments with a base offset of from_offset and above: how many were filled in (a few at a time), 0 at the end, or an error. Any thread. */
int pb_broker_segments(struct pb_broker *broker, const uint8_t topic_id[16], int32_t partition, int64_t from_offset, struct pb_segment_info *out, int32_t capacity);
/* Remove segments by base offset: all from the oldest on, without a gap, none of them active. PB_E_INVALID_ARGUMENT, and then nothing was removed. Any thread. */
int pb_broker_delete_segments(struct pb_broker *broker, const uint8_t topic_id[16], int32_t partition, const int64_t *bases, int32_t count);

/* A partition moves to another log directory, in steps. begin: PB_E_EXISTS it lies there (and goes nowhere else), PB_E_OFFLINE, PB_E_AGAIN a move to elsewhere is just ending.
 * step: 1 more to do, *copied_out bytes went over; 0 it has moved; PB_E_NOENT it does not move; other errors have ended the move. One thread for all steps. */
int pb_broker_move_begin(struct pb_broker *broker, const uint8_t topic_id[16], int32_t partition, int32_t log_dir);
int pb_broker_move_step(struct pb_broker *broker, const uint8_t topic_id[16], int32_t partition, int64_t bytes_max, int64_t *copied_out);
int pb_broker_move_cancel(struct pb_broker *broker, const uint8_t topic_id[16], int32_t partition);

/* ---- loops */
int pb_loop_new(struct pb_broker *broker, int32_t index, const struct pb_loop_ops *ops, struct pb_loop **loop_out);
/* Take a listening socket (non-blocking) for loop 0; accepted connections are spread over all loops. fd is owned from here on. */
/* asks_login: what comes in may only ask for versions and authenticate, in small frames and for stranger_ms_max, until pb_mail_trust. */
int pb_loop_listen(struct pb_loop *loop, int fd, int32_t listener, bool asks_login);
void pb_watch_ready(struct pb_loop *loop, void *owner, int events);         /* owner as given to watch_open */
void pb_loop_on_turn_end(struct pb_loop *loop);                             /* after the readiness of one wake-up was handed over: appends, answers */
void pb_loop_on_wake(struct pb_loop *loop);
void pb_loop_on_timer(struct pb_loop *loop);
/* A clean stop begins: no connection is accepted and no request served any more, fetches that wait are answered with what there is, produced batches that wait for the disk
 * are answered when it has them. The loop goes on until pb_loop_is_drained, which is 5 s later at most (1 s where nothing but a slow reader is left); then pb_loop_close. */
void pb_loop_drain(struct pb_loop *loop);
bool pb_loop_is_drained(struct pb_loop *loop);                              /* ask after each end of a turn */
/* Close all connections and listeners, let go of what waits. The owner then runs its loop until the watches are closed. */
void pb_loop_close(struct pb_loop *loop);
void pb_loop_free(struct pb_loop *loop);

/* ---- mailbox: control thread */
struct pb_mail_view {
    int16_t api_key, api_version;
    int32_t correlation_id;
    const uint8_t *client_id;                                               /* lent until the answer; NULL: null */
    int32_t client_id_size;
    const uint8_t *body;                                                    /* lent until the answer */
    int32_t body_size;
    int32_t listener;
    uint64_t connection_id;
    int64_t received_ns;
    char local_host[64], peer_host[64];
    int32_t local_port, peer_port;
};
/* The api_key of questions about rights: body holds operation uint8, kind of resource uint8, size uint16 and name of each, Kafka's numbers. The answer is a byte each, 1: it may. */
enum { PB_KEY_RIGHTS = -1 };
/* Called on a loop's thread when the mailbox was empty and no longer is; set once before the loops start. */
void pb_broker_set_mail_notify(struct pb_broker *broker, void (*notify)(void *context), void *context);
/* Oldest first; NULL when there is none. */
struct pb_mail *pb_broker_take_mail(struct pb_broker *broker);
void pb_mail_view(const struct pb_mail *mail, struct pb_mail_view *out);
/* Answer: body is copied, header and length are added. mail is gone after it, whatever is returned. */
int pb_mail_reply(struct pb_mail *mail, const uint8_t *body, size_t size_bytes);
void pb_mail_end(struct pb_mail *mail);                                     /* the connection closes once the answer to this mail has left */
/* Who the connection is, and that it may go on; holds once this mail is answered. subject: the control plane's number. login_until_ns: from then on it must log in again;
 * monotonic clock, 0: never. The core tells of its end by PB_NEWS_CLOSED, as it does of every connection that began a login or was asked about. */
void pb_mail_trust(struct pb_mail *mail, uint32_t subject, int64_t login_until_ns);
void pb_mail_close(struct pb_mail *mail);                                   /* close the connection instead */

/* ---- rights: control thread */
struct pb_right_view {
    const uint8_t *name;                                                    /* borrowed */
    int32_t name_size;
    uint32_t subject;
    uint8_t operation, resource;                                            /* Kafka's numbers */
    bool allowed;
    int64_t until_ns;                                                       /* monotonic clock */
};
/* From now on requests of the data plane are judged. Before the loops start. PB_E_NOMEM. */
int pb_broker_judge(struct pb_broker *broker);
/* A decision, to be kept. PB_E_INVALID_ARGUMENT: nothing is judged here. */
int pb_broker_put_right(struct pb_broker *broker, const struct pb_right_view *view);
/* Decisions about a subject, 0: all, are asked for anew. */
void pb_broker_forget_rights(struct pb_broker *broker, uint32_t subject);

/* ---- members of groups whose heartbeats the loops answer: control thread. See api/members.h */
struct pb_member_view {
    const uint8_t *group, *member, *instance;                               /* borrowed */
    int32_t group_size, member_size, instance_size;                         /* instance_size -1: none */
    int32_t generation, interval_ms;
    bool consumer;                                                          /* KIP-848 */
};
int pb_member_put(struct pb_broker *broker, const struct pb_member_view *view);   /* PB_E_NOMEM, PB_E_LIMIT: it is not in, and served the long way */
void pb_member_remove(struct pb_broker *broker, const struct pb_member_view *view);   /* by group and member; fine when it is not in */
int64_t pb_member_heard_ns(struct pb_broker *broker, const struct pb_member_view *view);   /* monotonic; -1: not in */

/* ---- records of our own: control thread; reads on any thread */
int pb_own_batch_new(struct pb_broker *broker, struct pb_own_batch **batch_out);
void pb_own_batch_free(struct pb_own_batch *batch);                         /* one that is not appended; NULL is fine */
/* A size of -1 is null. PB_E_NOMEM, PB_E_BATCH_TOO_LARGE. */
int pb_own_batch_add(struct pb_own_batch *batch, const uint8_t *key, int32_t key_size, const uint8_t *value, int32_t value_size);
/* Append it; it is taken in every case. 0: as durable as pybroker.flush.policy asks; 1: readable, and news with this ticket will tell when it is durable.
 * Whatever pb__log_append returns, PB_E_UNKNOWN_TOPIC_ID, PB_E_INVALID_ARGUMENT (no record). */
int pb_own_batch_append(struct pb_own_batch *batch, const uint8_t topic_id[16], int32_t partition, uint64_t ticket, int64_t *base_offset_out);

/* APPENDED: id is the ticket, error 0 or why it never will be durable. GONE: the peer of connection `id` left while a request of its own waits for an answer.
 * UNUSED: no batch goes by the hook chain `id` any more. CLOSED: connection `id`, which began a login or was asked about, is no more; no mail of it follows. */
enum pb_news_kind { PB_NEWS_APPENDED, PB_NEWS_GONE, PB_NEWS_UNUSED, PB_NEWS_CLOSED };
struct pb_news { enum pb_news_kind kind; int error; uint64_t id; };
/* 1: *out is filled, 0: there is none. Rings as mail does. */
int pb_broker_take_news(struct pb_broker *broker, struct pb_news *out);

struct pb_record_view {
    int64_t offset, timestamp_ms, producer_id;
    const uint8_t *key, *value;                                             /* lent until the next call; NULL: null */
    int32_t key_size, value_size;                                           /* -1: null */
    int16_t producer_epoch, attributes;                                     /* of the batch */
    const uint8_t *headers;                                                 /* as in the batch, lent likewise */
    int32_t headers_size, header_count;
};
struct pb_header_view { const uint8_t *name, *value; int32_t name_size, value_size; };   /* value_size -1: null */
/* The next header at *at, which moves on. false: the end, or bytes that are no header. */
bool pb_header_next(const uint8_t **at, const uint8_t *end, struct pb_header_view *out);
/* Whole batches from offset on, below the high watermark, about bytes_max of them, at least one if there is one. */
int pb_own_read_new(struct pb_broker *broker, const uint8_t topic_id[16], int32_t partition, int64_t offset, int64_t bytes_max, struct pb_own_read **read_out);
int pb_own_read_next(struct pb_own_read *read, struct pb_record_view *out);  /* 1: one more; 0: no more; PB_E_CORRUPT_BATCH and the like */
int64_t pb_own_read_next_offset(const struct pb_own_read *read);            /* to go on from; the offset of the beginning: there was nothing */
void pb_own_read_free(struct pb_own_read *read);

/* Records of one batch, which stays lent. CRC and records are checked again. */
int pb_batch_read_new(struct pb_broker *broker, const uint8_t *bytes, int32_t size_bytes, int64_t output_bytes_max, struct pb_own_read **read_out);

/* ---- hook chains: control thread. See hook/hook.h */
/* id: told by news once nobody goes by it; what was added by pointer must live until then. */
int pb_hook_chain_new(struct pb_broker *broker, int64_t id, struct pb_hook_chain **chain_out);
void pb_hook_chain_keep(struct pb_hook_chain *chain);                       /* one more reference */
void pb_hook_chain_free(struct pb_hook_chain *chain);                       /* one reference less; NULL is fine */
/* A struct pybroker_native_v1 (pybroker_native.h). PB_E_LIMIT: too many; PB_E_VERSION: it is shorter than that struct. */
int pb_hook_chain_add_native(struct pb_hook_chain *chain, const void *native);
/* -1: no limit. Prefix, ids, headers and their values belong to the rules that were added last. PB_E_LIMIT, PB_E_NOMEM. */
struct pb_record_rules { bool key_required, key_utf8, value_required, value_utf8; int32_t key_bytes_max, value_bytes_min, value_bytes_max; };
int pb_hook_chain_add_rules(struct pb_hook_chain *chain, const struct pb_record_rules *rules);
int pb_hook_chain_set_prefix(struct pb_hook_chain *chain, const uint8_t *prefix, int32_t size_bytes);
int pb_hook_chain_set_schema_ids(struct pb_hook_chain *chain, const uint32_t *ids, int32_t count);   /* ascending */
int pb_hook_chain_add_header(struct pb_hook_chain *chain, const uint8_t *name, int32_t size_bytes);
int pb_hook_chain_add_header_value(struct pb_hook_chain *chain, const uint8_t *value, int32_t size_bytes);   /* of the header added last */
int pb_hook_chain_add_lane(struct pb_hook_chain *chain, struct pb_lane *lane, int64_t token, enum pb_hook_on_error on_error);
void pb_hook_chain_partition_by_key(struct pb_hook_chain *chain);
int pb_hook_chain_partition_by_native(struct pb_hook_chain *chain, const void *native);   /* PB_E_INVALID_ARGUMENT: it has no such function */
void pb_hook_chain_partition_by_lane(struct pb_hook_chain *chain);          /* the lane added last says where records go */
int pb_hook_chain_set_dead_letter(struct pb_hook_chain *chain, const char *topic);   /* PB_E_INVALID_ARGUMENT: no name of a topic */
void pb_hook_chain_set_refusal(struct pb_hook_chain *chain, const char *text);   /* every batch is refused (POLICY_VIOLATION), cut at 255 bytes */
/* Batches seen and refused so far by each native, then each of the rules, then each lane: pairs into out. Returns how many there are. */
int32_t pb_hook_chain_counts(const struct pb_hook_chain *chain, int64_t *out, int32_t pairs_max);

/* ---- lanes: each has a thread of the owner's, which alone takes, judges and gives back. See api/lane.h */
int pb_lane_new(struct pb_broker *broker, int32_t deadline_ms, void (*notify)(void *context), void *context, struct pb_lane **lane_out);
void pb_lane_close(struct pb_lane *lane);                                   /* by its thread; on_error decides from now on. The broker is freed after it */
void pb_lane_stats(const struct pb_lane *lane, int64_t *batches_out, int64_t *failed_out);   /* any thread */
/* Around each call of Python that decides something: what lasts longer than the deadline is given up. */
void pb_lane_call_begins(struct pb_lane *lane);
void pb_lane_call_ended(struct pb_lane *lane);
struct pb_lane_view {
    struct pb_lane_job *job;                                                /* to be given back by pb_lane_done */
    struct pb_lane_item *item;                                              /* until then */
    int64_t token, output_bytes_max;
    const char *topic;                                                      /* lent until the job is let go of, as all that follows */
    const uint8_t *client_id, *bytes;                                       /* client_id NULL: null */
    int32_t topic_size, client_id_size, partition, partition_count, size_bytes, item_at;
    uint32_t subject;                                                       /* as pb_mail_trust had it; 0: nobody has said */
};
bool pb_lane_take(struct pb_lane *lane, struct pb_lane_view *view);         /* a job; false: none waits. view has no item yet */
bool pb_lane_next(struct pb_lane *lane, struct pb_lane_view *view);         /* its next item that this lane is asked about */
void pb_lane_done(struct pb_lane_job *job);                                 /* items without a word have failed */
void pb_lane_job_keep(struct pb_lane_job *job);                             /* one more reference; any thread, as its end */
void pb_lane_job_let_go(struct pb_lane_job *job);
void pb_lane_accept(struct pb_lane_item *item);
int pb_lane_say(struct pb_lane_item *item, enum pb_lane_verdict_kind kind, int16_t code, const char *text, int32_t text_size);   /* replaces what was said before */
int pb_lane_say_record(struct pb_lane_item *item, int32_t index, const char *text, int32_t text_size);   /* the next three add to what was said last */
void pb_lane_say_place(struct pb_lane_item *item, const char *topic, int32_t topic_size, int32_t partition);
int pb_lane_say_targets(struct pb_lane_item *item, const int32_t *targets, int32_t count);   /* PB_E_INVALID_ARGUMENT: not one partition for each record */
/* Other records. end: PB_E_INVALID_ARGUMENT none, or another number than a producer with an id sent. records is freed by end. */
int pb_lane_records_new(struct pb_lane_item *item, struct pb_lane_records **records_out);
int pb_lane_records_header(struct pb_lane_records *records, const struct pb_header_view *header);   /* of the next record */
int pb_lane_records_add(struct pb_lane_records *records, const struct pb_record_view *record);   /* its headers are those given before */
int pb_lane_records_end(struct pb_lane_records *records, bool abandon);

#endif
