/* api/k02_list_offsets.c — ListOffsets (API key 2, versions 1-11). Times: milliseconds, or -1 … -6 as in part/partition.h.
 * Source      kafka:core ReplicaManager.fetchOffset, KIP-79, KIP-734 (max timestamp), KIP-405, KIP-1005 (-5), KIP-1023 (-6) */
#include <stdlib.h>

#include "api/rights.h"
#include "base/err.h"

enum { ROOM_TOPIC = PB_TOPIC_NAME_BYTES_MAX + 64, ROOM_PARTITION = 64, CONSUMER = -1 };
enum { MAX_TIMESTAMP = -3, EARLIEST_LOCAL = -4, LATEST_TIERED = -5, EARLIEST_PENDING_UPLOAD = -6 };

/* The special times came one by one; an older version that uses a newer one is refused as the Java broker does. */
static int check_time(int64_t timestamp_ms, int16_t version) {
    if (timestamp_ms == MAX_TIMESTAMP && version < 7) return PB_E_UNSUPPORTED_VERSION;
    if (timestamp_ms == EARLIEST_LOCAL && version < 8) return PB_E_UNSUPPORTED_VERSION;
    if (timestamp_ms == LATEST_TIERED && version < 9) return PB_E_UNSUPPORTED_VERSION;
    if (timestamp_ms == EARLIEST_PENDING_UPLOAD && version < 11) return PB_E_UNSUPPORTED_VERSION;
    return timestamp_ms < EARLIEST_PENDING_UPLOAD ? PB_E_UNSUPPORTED_VERSION : 0;
}

static int look_up(struct pb_api *api, const struct pb_list_offsets_request *message, const struct pb_str *topic,
                   const struct pb_list_offsets_request_list_offsets_partition *partition, int16_t version, struct pb_partition_lookup *lookup) {
    *lookup = (struct pb_partition_lookup){
        .timestamp_ms = partition->timestamp,
        .leader_epoch = partition->current_leader_epoch,
        .isolation = message->isolation_level == PB_READ_COMMITTED ? PB_READ_COMMITTED : PB_READ_UNCOMMITTED,
        .client = message->replica_id == CONSUMER,
        .offset_out = -1,
        .timestamp_out = -1,
        .epoch_out = -1,
    };
    struct pb_partition *found;
    int rc = pb__partition_map_find(api->shared->map, topic->data, topic->size, partition->partition_index, &found, NULL);
    if (rc < 0 || (rc = check_time(partition->timestamp, version)) < 0) {
        if (rc == PB_E_UNSUPPORTED_VERSION) pb__partition_put(found);
        return rc;
    }
    rc = pb__partition_lookup(found, lookup, pb__batch_workspace_codec(api->batch_workspace));
    pb__partition_put(found);
    return rc;
}

static int put_partition(struct pb_api *api, struct pb_reply *reply, struct pb_writer *writer, int16_t version, int32_t index, int error,
                         const struct pb_partition_lookup *lookup) {
    int rc = pb__answer_room(api, reply, writer, ROOM_PARTITION);
    if (rc < 0) return rc;
    struct pb_list_offsets_response_list_offsets_partition_response_out out = {
        .partition_index = index, .error_code = pb_error_kafka_code(error), .timestamp = error < 0 ? -1 : lookup->timestamp_out,
        .offset = error < 0 ? -1 : lookup->offset_out, .leader_epoch = error < 0 ? -1 : lookup->epoch_out
    };
    pb__list_offsets_response_list_offsets_partition_response_put(writer, version, &out);
    return 0;
}

/* Partitions of one topic of a request, each once. A partition that is asked for twice gets one answer, INVALID_REQUEST, as from the Java broker. Requests name them in
 * rising order as a rule: then there is nothing to find out, and items stays NULL. */
struct asked { int32_t index; bool twice, told; };
struct asked_list { struct asked *items; int32_t count; };

static int by_index(const void *left, const void *right) {
    const struct asked *a = left, *b = right;
    return a->index < b->index ? -1 : a->index > b->index;
}

static int find_twice(struct pb_api *api, struct pb_array partitions, int16_t version, struct asked_list *list) {
    struct pb_list_offsets_request_list_offsets_partition partition;
    struct pb_array walk = partitions;
    bool rising = true;
    *list = (struct asked_list){ NULL, partitions.count };
    for (int64_t last = INT64_MIN; pb__list_offsets_request_list_offsets_partition_next(&walk, version, &partition) > 0; last = partition.partition_index)
        rising &= partition.partition_index > last;
    if (rising) return 0;
    list->items = pb__env_alloc(api->env, (size_t)partitions.count * sizeof *list->items);
    if (list->items == NULL) return PB_E_NOMEM;
    for (int32_t i = 0; pb__list_offsets_request_list_offsets_partition_next(&partitions, version, &partition) > 0; i++)
        list->items[i] = (struct asked){ .index = partition.partition_index };
    qsort(list->items, (size_t)list->count, sizeof *list->items, by_index);
    int32_t kept = 0;
    for (int32_t i = 1; i < list->count; i++) {
        if (list->items[i].index == list->items[kept].index) {
            list->items[kept].twice = true;
        } else {
            list->items[++kept] = list->items[i];
        }
    }
    list->count = kept + 1;
    return 0;
}

static struct asked *asked_of(const struct asked_list *list, int32_t index) {
    struct asked key = { .index = index };
    return list->items == NULL ? NULL : bsearch(&key, list->items, (size_t)list->count, sizeof key, by_index);
}

static int put_topic(struct pb_api *api, struct pb_reply *reply, struct pb_writer *writer, int16_t version, const struct pb_list_offsets_request *message,
                     struct pb_list_offsets_request_list_offsets_topic *topic, bool forbidden, int32_t *looked_up) {
    int rc = pb__answer_room(api, reply, writer, ROOM_TOPIC + (size_t)(topic->name.size > 0 ? topic->name.size : 0));
    if (rc < 0) return rc;
    struct pb_list_offsets_response_list_offsets_topic_response_out out = { .name = topic->name };
    struct asked_list list;
    if ((rc = find_twice(api, topic->partitions, version, &list)) < 0) return rc;
    pb__list_offsets_response_list_offsets_topic_response_put_until_partitions(writer, version, &out, list.count);
    struct pb_list_offsets_request_list_offsets_partition partition;
    while (rc == 0 && pb__list_offsets_request_list_offsets_partition_next(&topic->partitions, version, &partition) > 0) {
        struct pb_partition_lookup lookup;
        struct asked *asked = asked_of(&list, partition.partition_index);
        if (asked != NULL && asked->told) continue;
        if (asked != NULL) asked->told = true;
        bool refused = ++*looked_up > PB_REQUEST_PARTITIONS_MAX || (asked != NULL && asked->twice);
        int error = forbidden ? PB_E_TOPIC_FORBIDDEN : refused ? PB_E_INVALID_REQUEST : look_up(api, message, &topic->name, &partition, version, &lookup);
        rc = put_partition(api, reply, writer, version, partition.partition_index, error, &lookup);
    }
    pb__env_free(api->env, list.items);
    if (rc < 0 || (rc = pb__answer_room(api, reply, writer, ROOM_PARTITION)) < 0) return rc;
    pb__list_offsets_response_list_offsets_topic_response_put_rest(writer, version, &out);
    return 0;
}

static void judge_topics(struct pb_judging *judging, const struct pb_request *request, const void *message) {
    struct pb_list_offsets_request copy = *(const struct pb_list_offsets_request *)message;   /* its arrays are cursors */
    struct pb_list_offsets_request_list_offsets_topic topic;
    while (pb__list_offsets_request_list_offsets_topic_next(&copy.topics, request->header.api_version, &topic) > 0)
        pb__judge_next(judging, pb__judge(judging, PB_RIGHT_DESCRIBE, PB_RIGHT_TOPIC, topic.name.data, topic.name.size));
}

int pb__list_offsets_handle(struct pb_api *api, struct pb_request *request) {
    struct pb_list_offsets_request message;
    int16_t version = request->header.api_version;
    int rc = pb__list_offsets_request_read(&request->body, version, &message);
    if (rc < 0) return rc;
    bool judged = pb__rights_on(api);
    if (judged && (rc = pb__rights_judge(api, request, judge_topics, &message)) < 0) return rc;
    struct pb_reply *reply;
    struct pb_writer writer;
    if ((rc = pb__answer_begin(request, &reply, &writer)) < 0) return rc;
    struct pb_list_offsets_response_out out = { .throttle_time_ms = 0 };
    if ((rc = pb__answer_room(api, reply, &writer, ROOM_TOPIC)) == 0) pb__list_offsets_response_put_until_topics(&writer, version, &out, message.topics.count);
    struct pb_list_offsets_request_list_offsets_topic topic;
    int32_t looked_up = 0, number = 0;
    while (rc == 0 && pb__list_offsets_request_list_offsets_topic_next(&message.topics, version, &topic) > 0) {
        bool forbidden = judged && !api->verdicts[number++];
        rc = put_topic(api, reply, &writer, version, &message, &topic, forbidden, &looked_up);
    }
    if (rc == 0 && (rc = pb__answer_room(api, reply, &writer, ROOM_TOPIC)) == 0) pb__list_offsets_response_put_rest(&writer, version, &out);
    pb__answer_finish(api, request->conn, reply, &writer, rc);
    return 0;
}
