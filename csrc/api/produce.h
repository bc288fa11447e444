/* api/produce.h — between k00_produce.c, which reads, stages and answers, and produce_hooks.c, where plugins have a say.
 * Thread the loop's */
#ifndef PB_API_PRODUCE_H
#define PB_API_PRODUCE_H

#include "api/lane.h"
#include "api/rights.h"

/* A Produce request while its batches are staged. */
struct pb_produce_answer {
    struct pb_api *api;
    struct pb_produce *produce;
    struct pb_reply *reply;                                                 /* NULL: acks=0 */
    const uint8_t *verdicts;                                                /* one a topic: 1 it may be written; NULL: all may */
    int32_t topic_number;                                                   /* of the next topic */
    struct pb_lane_job *job;                                                /* plugins have judged some of its batches; NULL: none */
    int32_t ordinal;                                                        /* of the next partition */
    struct pb_writer writer;
    int16_t version;
};

/* Partition and rules (with a reference to its hooks), both to be given back. */
int pb__produce_find(struct pb_api *api, const struct pb_produce_request_topic_produce_data *topic, int16_t version, int32_t index, struct pb_partition **partition_out,
                     struct pb_topic_rules *rules_out);
/* The bytes are one whole batch and it may be stored. What had to be rewritten is in api->batch_workspace. */
int pb__produce_check(struct pb_api *api, const struct pb_bytes *records, const struct pb_topic_rules *rules, struct pb_batch *batch, struct pb_batch_fault *fault);
void pb__produce_refusal_of(int error, const struct pb_batch_fault *fault, struct pb_refusal *out);
/* The result of one partition as it is known now; refusal NULL: none. away: without an offset. Returns where its error code lies. PB_E_NOMEM. */
int pb__produce_put_result(struct pb_produce_answer *answer, int32_t index, const struct pb_refusal *refusal, bool away, uint32_t *result_at_out);
/* partition (one reference) and rewritten (NULL: the batch is in the input or in the job) are taken. */
void pb__produce_stage(struct pb_produce_answer *answer, struct pb_partition *partition, const struct pb_batch *batch, uint8_t *rewritten, int64_t flush_messages,
                       uint32_t result_at, bool away);

/* ---- produce_hooks.c */
/* A batch of a topic with hooks: what becomes of it. partition is taken. item: what lanes said, NULL: they were not asked. PB_E_NOMEM: the answer cannot be written. */
int pb__produce_stage_hooked(struct pb_produce_answer *answer, int32_t index, struct pb_partition *partition, const struct pb_topic_rules *rules, const struct pb_bytes *records,
                             struct pb_lane_item *item);
/* 1: the request waits for lanes; 0: it is to be served now; or an error that closes the connection. */
/* verdicts: as in struct pb_produce_answer; what may not be written no plugin sees. */
int pb__produce_park(struct pb_api *api, struct pb_request *request, const struct pb_produce_request *message, const uint8_t *verdicts);

#endif
