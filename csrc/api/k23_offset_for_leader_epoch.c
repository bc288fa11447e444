/* api/k23_offset_for_leader_epoch.c — OffsetForLeaderEpoch (API key 23, versions 2-4): where an epoch ended, for readers that look for truncation.
 * Source      KIP-101, KIP-320; kafka:core ReplicaManager.lastOffsetForLeaderEpoch */
#include "api/rights.h"
#include "base/err.h"

enum { ROOM_TOPIC = PB_TOPIC_NAME_BYTES_MAX + 64, ROOM_PARTITION = 64 };

static int look_up(struct pb_api *api, const struct pb_str *topic, const struct pb_offset_for_leader_epoch_request_offset_for_leader_partition *partition,
                   int32_t *epoch_out, int64_t *end_out) {
    struct pb_partition *found;
    *epoch_out = -1;
    *end_out = -1;
    int rc = pb__partition_map_find(api->shared->map, topic->data, topic->size, partition->partition, &found, NULL);
    if (rc < 0) return rc;
    rc = pb__partition_end_of_epoch(found, partition->current_leader_epoch, partition->leader_epoch, epoch_out, end_out);
    pb__partition_put(found);
    return rc;
}

static int put_topic(struct pb_api *api, struct pb_reply *reply, struct pb_writer *writer, int16_t version,
                     struct pb_offset_for_leader_epoch_request_offset_for_leader_topic *topic, bool forbidden) {
    int rc = pb__answer_room(api, reply, writer, ROOM_TOPIC + (size_t)(topic->topic.size > 0 ? topic->topic.size : 0));
    if (rc < 0) return rc;
    struct pb_offset_for_leader_epoch_response_offset_for_leader_topic_result_out out = { .topic = topic->topic };
    pb__offset_for_leader_epoch_response_offset_for_leader_topic_result_put_until_partitions(writer, version, &out, topic->partitions.count);
    struct pb_offset_for_leader_epoch_request_offset_for_leader_partition partition;
    while (pb__offset_for_leader_epoch_request_offset_for_leader_partition_next(&topic->partitions, version, &partition) > 0) {
        struct pb_offset_for_leader_epoch_response_epoch_end_offset_out result = { .partition = partition.partition };
        result.leader_epoch = -1;
        result.end_offset = -1;
        int error = forbidden ? PB_E_TOPIC_FORBIDDEN : look_up(api, &topic->topic, &partition, &result.leader_epoch, &result.end_offset);
        result.error_code = pb_error_kafka_code(error);
        if ((rc = pb__answer_room(api, reply, writer, ROOM_PARTITION)) < 0) return rc;
        pb__offset_for_leader_epoch_response_epoch_end_offset_put(writer, version, &result);
    }
    if ((rc = pb__answer_room(api, reply, writer, ROOM_PARTITION)) < 0) return rc;
    pb__offset_for_leader_epoch_response_offset_for_leader_topic_result_put_rest(writer, version, &out);
    return 0;
}

/* Brokers may ask about all topics, clients about those they may describe. */
static void judge_topics(struct pb_judging *judging, const struct pb_request *request, const void *message) {
    struct pb_offset_for_leader_epoch_request copy = *(const struct pb_offset_for_leader_epoch_request *)message;   /* its arrays are cursors */
    struct pb_offset_for_leader_epoch_request_offset_for_leader_topic topic;
    bool broker = pb__judge(judging, PB_RIGHT_CLUSTER_ACTION, PB_RIGHT_CLUSTER, (const uint8_t *)PB_RIGHT_CLUSTER_NAME, sizeof PB_RIGHT_CLUSTER_NAME - 1);
    while (pb__offset_for_leader_epoch_request_offset_for_leader_topic_next(&copy.topics, request->header.api_version, &topic) > 0) {
        bool described = pb__judge(judging, PB_RIGHT_DESCRIBE, PB_RIGHT_TOPIC, topic.topic.data, topic.topic.size);
        pb__judge_next(judging, broker || described);
    }
}

int pb__offset_for_leader_epoch_handle(struct pb_api *api, struct pb_request *request) {
    struct pb_offset_for_leader_epoch_request message;
    int16_t version = request->header.api_version;
    int rc = pb__offset_for_leader_epoch_request_read(&request->body, version, &message);
    if (rc < 0) return rc;
    bool judged = pb__rights_on(api);
    if (judged && (rc = pb__rights_judge(api, request, judge_topics, &message)) < 0) return rc;
    struct pb_reply *reply;
    struct pb_writer writer;
    if ((rc = pb__answer_begin(request, &reply, &writer)) < 0) return rc;
    struct pb_offset_for_leader_epoch_response_out out = { .throttle_time_ms = 0 };
    if ((rc = pb__answer_room(api, reply, &writer, ROOM_TOPIC)) == 0)
        pb__offset_for_leader_epoch_response_put_until_topics(&writer, version, &out, message.topics.count);
    struct pb_offset_for_leader_epoch_request_offset_for_leader_topic topic;
    int32_t number = 0;
    while (rc == 0 && pb__offset_for_leader_epoch_request_offset_for_leader_topic_next(&message.topics, version, &topic) > 0)
        rc = put_topic(api, reply, &writer, version, &topic, judged && !api->verdicts[number++]);
    if (rc == 0 && (rc = pb__answer_room(api, reply, &writer, ROOM_TOPIC)) == 0) pb__offset_for_leader_epoch_response_put_rest(&writer, version, &out);
    pb__answer_finish(api, request->conn, reply, &writer, rc);
    return 0;
}
