/* api/lane.h — plugin lanes: produced batches that Python must see before they are stored.
 *
 * Way         loop: a Produce request that names a topic with a lane is copied into a job, its connection held (others go on) → the lane's queue → the lane's
 *             thread takes what waits, decides on each batch, gives the jobs back → the loop's wakes → the next lane, or the request is served with the verdicts
 * Copy        the request is copied: a batch in the loop's arena would pin it for all connections of that loop
 * Time        each call of the lane may last deadline_ns. When it lasts longer, what waits for that lane is decided by on_error, and so is what comes, until the call returns:
 *             a lane that hangs costs each request one deadline at most, and then nothing. No job waits longer than PB_LANE_WAIT_NS_MAX
 * Bounds      PB_LANE_BYTES_MAX of jobs over all lanes; beyond it on_error decides
 * Invariants  L1 while a job is OUT the lane's thread alone writes item->given, the loop nothing; who changes the state from OUT (a swap) has the job's items from then on
 *             L2 what the lane has neither accepted nor given a verdict on has failed
 *             L3 frame and items live as long as anybody refers to the job: the loop, the lane, each view that Python keeps
 * Thread      pb__lane_*: the loop, but for the references; broker/lanes.c: the lane's
 * Source      ours; requests of one connection are answered in order (Kafka protocol), so that holding the connection loses nothing but pipelining */
#ifndef PB_API_LANE_H
#define PB_API_LANE_H

#include "api/api.h"
#include "base/verdict.h"
#include "hook/hook.h"

struct pb_lane {
    _Atomic int32_t refs;
    const struct pb_env *env;
    struct pb_mpsc posted;
    struct pb_mpsc_node *taken;                                             /* the lane's thread: what of the last take is left */
    void (*notify)(void *context);                                          /* the queue was empty and no longer is */
    void *notify_context;
    _Atomic int64_t call_began_ns;                                          /* 0: Python is not called now */
    int64_t deadline_ns;
    _Atomic bool closed;                                                    /* nobody takes any more */
    _Atomic int64_t stat_batches, stat_failed;
};

/* What the lane's thread says of one batch. */
struct pb_lane_verdict {
    enum pb_lane_verdict_kind kind;
    enum pb_hook_on_error on_error;                                         /* of FAILED: the step's */
    int16_t code;
    int32_t partition;                                                      /* of ROUTE */
    int32_t record_count;
    struct pb_lane_refused { int32_t index, text_size; char text[PB_HOOK_TEXT_BYTES_MAX + 1]; } *records;
    int32_t text_size;
    char text[PB_HOOK_TEXT_BYTES_MAX + 1];
    char topic[PB_TOPIC_NAME_BYTES_MAX + 1];                                /* of ROUTE and DEAD_LETTER; "": the chain's */
    int32_t *targets;                                                       /* of SPLIT: owned */
    uint8_t *bytes;                                                         /* of REPLACE: owned */
    int32_t size_bytes;
};

enum pb_lane_state { PB_LANE_OUT, PB_LANE_BACK, PB_LANE_GIVEN_UP };

struct pb_lane_item {
    struct pb_hook_chain *chain;                                            /* one reference */
    struct pb_partition *partition;                                         /* one reference */
    struct pb_lane_job *job;
    int32_t ordinal;                                                        /* of the partition in its request */
    int32_t partition_count;
    uint8_t *data;                                                          /* the batch: in the job's frame, or in `replaced` */
    int32_t size_bytes, record_count;
    enum pb_codec codec;                                                    /* as the producer sent it */
    int64_t output_bytes_max;
    bool accepted;                                                          /* the lane's (L1) */
    struct pb_lane_verdict *given;                                          /* the lane's (L1) */
    struct pb_lane_verdict *verdict;                                        /* that ends its way; NULL: none so far */
    struct pb_lane_verdict *replaced;                                       /* that changed its bytes */
};

struct pb_lane_job {
    struct pb_parked parked;                                                /* first; its wake brings the job back */
    struct pb_mpsc_node node;                                               /* in the lane's queue */
    struct pb_list staged;                                                  /* api->lane_staged: batches in its frame wait for the append */
    _Atomic int32_t refs;
    _Atomic int32_t state;
    struct pb_api *api;
    struct pb_conn *conn;                                                   /* NULL: gone */
    int64_t posted_ns;
    struct pb_lane *lanes[PB_HOOK_LANES_MAX];                               /* each once; one reference each */
    int32_t lane_count, lane_at;
    bool given_up;                                                          /* some lane was: its thread may still read the frame */
    struct pb_lane_item *items;
    int32_t item_count, item_capacity;
    int32_t item_next;                                                      /* while the request is served */
    uint8_t *verdicts;                                                      /* about its topics (produce.h); NULL: all may be written */
    uint8_t *frame;
    int32_t frame_size;
    struct pb_str client_id;                                                /* in the frame */
    uint32_t subject;                                                       /* whose connection it is */
};

void pb__lane_put(struct pb_lane *lane);
/* What the lane has to say of an item's topic, NULL: nothing; and whether it is asked of the item now. */
const struct pb_hook_lane *pb__lane_step_of(const struct pb_lane_item *item, const struct pb_lane *lane);
bool pb__lane_asks(const struct pb_lane *lane, const struct pb_lane_item *item);
void pb__lane_verdict_free(struct pb_lane_verdict *verdict, const struct pb_env *env);

/* A job to fill; NULL: no memory. */
struct pb_lane_job *pb__lane_job_new(struct pb_api *api);
struct pb_lane_item *pb__lane_job_add(struct pb_lane_job *job);            /* zeroed; NULL: no memory */
void pb__lane_job_put(struct pb_lane_job *job);                            /* any thread */
/* The job goes to its first lane, and the connection waits for it; job is taken. Items refer to request->frame, which is copied. PB_E_NOMEM: freed. */
int pb__lane_post(struct pb_api *api, struct pb_lane_job *job, struct pb_request *request);
/* The item of that ordinal, NULL: none. Ascending ordinals only. */
struct pb_lane_item *pb__lane_item_of(struct pb_lane_job *job, int32_t ordinal);
/* The connection is destroyed. */
void pb__lane_cancel(struct pb_api *api, struct pb_conn *conn);
/* The stage was flushed: frames of served jobs may go. */
void pb__lane_staged_done(struct pb_api *api);
/* The loop ends: nothing comes back. */
void pb__lanes_close(struct pb_api *api);

/* purgatory.c */
void pb__lane_wake(struct pb_api *api, struct pb_parked *parked, bool due);
void pb__lane_free_parked(struct pb_api *api, struct pb_parked *parked);

#endif
