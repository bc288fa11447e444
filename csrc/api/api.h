/* api/api.h — the data plane of one loop: requests come from net/, batches go to part/, answers back; what must wait waits in the purgatory.
 *
 * A turn     requests are dispatched as they are cut from the input; produced batches are checked at once and staged; at the end of the turn (or when the
 *            arena is needed) the stage is flushed: one append per partition for all that came together. Then wakes are served, then replies leave.
 * Lent       a staged batch lies in the receive buffer: the stage is flushed before net/ touches that buffer again (pb_net_upcalls.on_flush)
 * Thread     the loop's; struct pb_api_shared is shared by all loops
 * Owner      struct pb_loop */
#ifndef PB_API_API_H
#define PB_API_API_H

#include <pthread.h>

#include "base/heap.h"
#include "net/net.h"
#include "part/partition_map.h"
#include "pb_msg.h"
#include "wire/header.h"
#include "wire/writer.h"

struct pb_api;

/* ---- shared by the loops of a broker */
struct pb_session_cache;
struct pb_mailbox;
struct pb_members;
struct pb_authz_table;
struct pb_api_shared {
    const struct pb_env *env;
    struct pb_partition_map *map;
    struct pb_session_cache *sessions;
    struct pb_mailbox *mailbox;
    struct pb_members *members;
    struct pb_authz_table *rights;                                          /* NULL: everybody may do everything. Set before the loops run */
    _Atomic int64_t fetch_bytes_max, fetch_sessions_max;
    _Atomic int64_t lane_bytes;                                             /* held by jobs of lanes */
    _Atomic int32_t lane_chains;                                            /* chains that have a lane; 0: no request is looked through for them */
    int32_t node_id;
};

/* ---- one request on its way through dispatch */
struct pb_request {
    struct pb_conn *conn;
    const uint8_t *frame;                                                   /* without the length prefix */
    int32_t frame_size;
    struct pb_request_header header;
    bool flexible;
    struct pb_reader body;                                                  /* behind the header */
};

/* ---- stage: produced batches between check and append */
struct pb_produce;
struct pb_lane_job;
struct pb_staged {
    struct pb_produce *produce;
    struct pb_partition *partition;                                         /* one reference */
    struct pb_batch batch;
    uint8_t *rewritten;                                                     /* owned copy of a batch that was compressed anew; NULL: in the input */
    int64_t flush_messages;
    uint32_t result_at;                                                     /* place of the error code in the reply */
    bool away;                                                              /* stored elsewhere than the producer said: no offset is told */
    int32_t next;                                                           /* of the same partition, -1: last */
};
struct pb_stage_group { struct pb_partition *partition; int32_t first, last, count; };
struct pb_stage {
    int32_t count, group_count;
    int64_t bytes;
    struct pb_staged items[PB_LOOP_STAGED_BATCHES_MAX];
    struct pb_stage_group groups[PB_LOOP_STAGED_BATCHES_MAX];
    uint16_t slots[2 * PB_LOOP_STAGED_BATCHES_MAX];                         /* hash of partition → group + 1 */
    struct pb_log_append appends[PB_LOOP_STAGED_BATCHES_MAX];
};

/* ---- purgatory: requests that wait for a partition or for their time */
enum pb_parked_kind { PB_PARKED_FETCH, PB_PARKED_PRODUCE, PB_PARKED_LANE };
struct pb_parked {
    struct pb_wake wake;                                                    /* first: a wake is cast to its parked */
    struct pb_heap_item deadline;
    struct pb_list node;                                                    /* pool, or list of those that wait */
    enum pb_parked_kind kind;
    bool dead;                                                              /* cancelled while its wake was queued: freed when it comes out */
};

struct pb_api {
    struct pb_api_shared *shared;
    const struct pb_env *env;
    struct pb_net net;
    struct pb_wake_queue wakes;
    struct pb_mpsc inbound;                                                 /* mails answered by the control plane */
    struct pb_heap deadlines;
    struct pb_list fetch_pool, produce_pool, target_pool;
    struct pb_list produces_out;                                            /* that wait for a sync */
    struct pb_list lane_jobs, lane_staged;                                  /* jobs that are out; served ones whose batches are staged */
    struct pb_batch_workspace *batch_workspace;
    struct pb_stage *stage;
    struct pb_fetch_result *results;                                        /* of the fetch being evaluated */
    int32_t result_capacity;
    struct pb_fetch_response_aborted_transaction_out *aborted;              /* same */
    int32_t aborted_capacity;
    uint8_t *verdicts;                                                      /* of the request being judged, one a topic: 1 allowed */
    uint8_t *questions;                                                     /* about it */
    uint32_t verdict_capacity, question_capacity;
    int64_t wall_ms;                                                        /* of this turn */
    int64_t stat_requests, stat_requests_control, stat_batches, stat_batch_bytes, stat_appends, stat_append_errors, stat_fetches, stat_fetches_parked,
        stat_fetch_bytes, stat_fetches_waiting, stat_produces_waiting;
};

int pb__api_init(struct pb_api *api, struct pb_api_shared *shared, const struct pb_net_ops *ops, struct pb_net_shared *net_shared, void (*notify)(void *), void *notify_context,
                 int32_t loop_index, int32_t loop_count);
void pb__api_deinit(struct pb_api *api);

/* ---- dispatch.c */
/* Upcall of net/: one whole request. */
int pb__dispatch(void *api, struct pb_conn *conn, uint8_t *frame, int32_t size_bytes);
/* A reply with its header written; writer stands behind it. PB_E_NOMEM. */
int pb__answer_begin(const struct pb_request *request, struct pb_reply **reply_out, struct pb_writer *writer);
/* At least `room` bytes to go: the reply's memory may move. PB_E_NOMEM. */
int pb__answer_room(struct pb_api *api, struct pb_reply *reply, struct pb_writer *writer, size_t room);
/* Done: the reply may leave. */
void pb__answer_end(struct pb_api *api, struct pb_reply *reply, const struct pb_writer *writer);

/* Same; rc < 0: it could not be written for lack of memory, the connection closes. */
void pb__answer_finish(struct pb_api *api, struct pb_conn *conn, struct pb_reply *reply, const struct pb_writer *writer, int rc);

/* ---- handlers: 0, or the error for which the connection is closed */
typedef int (*pb_handler_fn)(struct pb_api *api, struct pb_request *request);
int pb__produce_handle(struct pb_api *api, struct pb_request *request);
int pb__fetch_handle(struct pb_api *api, struct pb_request *request);
int pb__list_offsets_handle(struct pb_api *api, struct pb_request *request);
int pb__api_versions_handle(struct pb_api *api, struct pb_request *request);
int pb__offset_for_leader_epoch_handle(struct pb_api *api, struct pb_request *request);
/* Answer to an ApiVersions request of a version that is not served: version 0 with UNSUPPORTED_VERSION. */
int pb__api_versions_refuse(struct pb_api *api, struct pb_request *request);
/* To the control plane. */
int pb__mailbox_post(struct pb_api *api, struct pb_request *request);
void pb__mailbox_cancel(struct pb_api *api, struct pb_conn *conn);                               /* the connection is destroyed */

/* The layer above waits for its end: news of it will come. PB_E_NOMEM. */
int pb__mailbox_watch(struct pb_api *api, struct pb_conn *conn);

/* ---- stage.c */
/* Room for one more batch: flushes when there is none. */
struct pb_staged *pb__stage_add(struct pb_api *api, struct pb_partition *partition);
void pb__stage_flush(struct pb_api *api);

/* ---- purgatory.c */
void pb__parked_init(struct pb_api *api, struct pb_parked *parked, enum pb_parked_kind kind);
/* Serve what was woken. */
void pb__purgatory_wake(struct pb_api *api);
/* Serve what is due now. */
void pb__purgatory_expire(struct pb_api *api);
/* ms until the next deadline, -1: none. */
int64_t pb__purgatory_next_ms(const struct pb_api *api);

/* ---- produce: what the stage and the purgatory need of k00_produce.c */
void pb__produce_staged_done(struct pb_api *api, struct pb_staged *staged, const struct pb_log_append *append, const struct pb_partition_append *result);
void pb__produce_wake(struct pb_api *api, struct pb_parked *parked, bool due);
void pb__produce_free_parked(struct pb_api *api, struct pb_parked *parked);
/* The part of a reply says so. */
void pb__produce_set_error(struct pb_produce *produce, uint32_t result_at, int error);
/* A request whose batches plugins have judged; its frame is the job's. An error closes the connection. */
int pb__produce_resume(struct pb_api *api, struct pb_conn *conn, struct pb_lane_job *job);

/* ---- fetch */
void pb__fetch_wake(struct pb_api *api, struct pb_parked *parked, bool due);
void pb__fetch_free_parked(struct pb_api *api, struct pb_parked *parked);
/* The control plane has said who may do what; or the connection is gone, and the fetch with it. mail is taken. */
struct pb_fetch;
struct pb_mail;
void pb__fetch_judged(struct pb_api *api, struct pb_fetch *fetch, struct pb_mail *mail);
void pb__fetch_unheard(struct pb_api *api, struct pb_fetch *fetch);
void pb__fetch_hang_up(struct pb_api *api, struct pb_conn *conn);           /* the peer is gone: answer now with what there is */
void pb__fetch_cancel(struct pb_api *api, struct pb_conn *conn);            /* the connection is destroyed */
void pb__fetch_pools_free(struct pb_api *api);
void pb__produce_pools_free(struct pb_api *api);

#endif
