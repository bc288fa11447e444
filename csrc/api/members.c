#include "api/members.h"

#include <string.h>

#include "api/rights.h"
#include "base/err.h"
#include "base/hash.h"

enum { CAPACITY_MIN = 64, ROOM_ANSWER = 64 };

struct pb_member_entry {
    uint64_t hash;
    int64_t heard_ns;
    int32_t generation, interval_ms;
    int32_t group_size, member_size, instance_size;                         /* instance_size -1: none */
    uint8_t kind;
    uint8_t bytes[];                                                        /* group, member, instance */
};

int pb__members_init(struct pb_members *members, const struct pb_env *env) {
    *members = (struct pb_members){ .env = env, .capacity = CAPACITY_MIN };
    env->random(env->context, &members->seed, sizeof members->seed);
    members->slots = pb__env_zalloc(env, CAPACITY_MIN * sizeof(struct pb_member_entry *));
    if (members->slots == NULL) return PB_E_NOMEM;
    if (pthread_mutex_init(&members->lock, NULL) == 0) return 0;
    pb__env_free(env, members->slots);
    members->slots = NULL;
    return PB_E_NOMEM;
}

void pb__members_deinit(struct pb_members *members) {
    for (int32_t i = 0; i < members->capacity; i++) pb__env_free(members->env, members->slots[i]);
    pb__env_free(members->env, members->slots);
    pthread_mutex_destroy(&members->lock);
}

static uint64_t hash_of(const struct pb_members *members, const struct pb_member_name *name) {
    uint64_t group = pb__hash(members->seed, name->group.data, (size_t)name->group.size);
    return pb__hash(group, name->member.data, (size_t)name->member.size);
}

static bool is_same(const uint8_t *bytes, int32_t size, const struct pb_str *text) {
    return size == text->size && (size <= 0 || memcmp(bytes, text->data, (size_t)size) == 0);
}

/* Place of a member, or the free one where it would be. */
static int32_t slot_of(const struct pb_members *members, uint64_t hash, const struct pb_member_name *name) {
    for (uint64_t i = hash;; i++) {
        int32_t at = (int32_t)(i & (uint64_t)(members->capacity - 1));
        const struct pb_member_entry *entry = members->slots[at];
        if (entry == NULL) return at;
        if (entry->hash == hash && is_same(entry->bytes, entry->group_size, &name->group) && is_same(entry->bytes + entry->group_size, entry->member_size, &name->member)) return at;
    }
}

static int grow(struct pb_members *members) {
    int32_t old_capacity = members->capacity, capacity = 2 * old_capacity;
    struct pb_member_entry **slots = pb__env_zalloc(members->env, (size_t)capacity * sizeof *slots);
    if (slots == NULL) return PB_E_NOMEM;
    for (int32_t i = 0; i < old_capacity; i++) {
        struct pb_member_entry *entry = members->slots[i];
        if (entry == NULL) continue;
        uint64_t at = entry->hash;
        while (slots[at & (uint64_t)(capacity - 1)] != NULL) at++;
        slots[at & (uint64_t)(capacity - 1)] = entry;
    }
    pb__env_free(members->env, members->slots);
    members->slots = slots;
    members->capacity = capacity;
    return 0;
}

static struct pb_member_entry *entry_new(const struct pb_members *members, const struct pb_member *member, uint64_t hash, int64_t now_ns) {
    const struct pb_member_name *name = &member->name;
    size_t instance_size = member->instance.size > 0 ? (size_t)member->instance.size : 0;
    struct pb_member_entry *entry = pb__env_alloc(members->env, sizeof *entry + (size_t)name->group.size + (size_t)name->member.size + instance_size);
    if (entry == NULL) return NULL;
    *entry = (struct pb_member_entry){ .hash = hash, .heard_ns = now_ns, .generation = member->generation, .interval_ms = member->interval_ms, .kind = (uint8_t)member->kind,
                                       .group_size = name->group.size, .member_size = name->member.size, .instance_size = member->instance.size };
    memcpy(entry->bytes, name->group.data, (size_t)name->group.size);
    memcpy(entry->bytes + name->group.size, name->member.data, (size_t)name->member.size);
    if (instance_size > 0) memcpy(entry->bytes + name->group.size + name->member.size, member->instance.data, instance_size);
    return entry;
}

static int put_locked(struct pb_members *members, struct pb_member_entry *entry, const struct pb_member_name *name) {
    int32_t at = slot_of(members, entry->hash, name);
    if (members->slots[at] == NULL) {
        if (members->count == PB_MEMBERS_MAX) return PB_E_LIMIT;
        if (2 * (members->count + 1) > members->capacity) {
            int rc = grow(members);
            if (rc < 0) return rc;
            at = slot_of(members, entry->hash, name);
        }
        members->count++;
    }
    pb__env_free(members->env, members->slots[at]);
    members->slots[at] = entry;
    return 0;
}

int pb__members_put(struct pb_members *members, const struct pb_member *member, int64_t now_ns) {
    struct pb_member_entry *entry = entry_new(members, member, hash_of(members, &member->name), now_ns);
    if (entry == NULL) return PB_E_NOMEM;
    pthread_mutex_lock(&members->lock);
    int rc = put_locked(members, entry, &member->name);
    pthread_mutex_unlock(&members->lock);
    if (rc < 0) pb__env_free(members->env, entry);
    return rc;
}

/* Close the gap: what stood behind it may have been pushed there by it. */
static void erase(struct pb_members *members, int32_t at) {
    uint64_t mask = (uint64_t)(members->capacity - 1), gap = (uint64_t)at;
    pb__env_free(members->env, members->slots[at]);
    members->slots[at] = NULL;
    members->count--;
    for (uint64_t i = (gap + 1) & mask; members->slots[i] != NULL; i = (i + 1) & mask) {
        uint64_t home = members->slots[i]->hash & mask;
        if (((i - home) & mask) < ((i - gap) & mask)) continue;             /* its home lies behind the gap */
        members->slots[gap] = members->slots[i];
        members->slots[i] = NULL;
        gap = i;
    }
}

void pb__members_remove(struct pb_members *members, const struct pb_member_name *name) {
    pthread_mutex_lock(&members->lock);
    int32_t at = slot_of(members, hash_of(members, name), name);
    if (members->slots[at] != NULL) erase(members, at);
    pthread_mutex_unlock(&members->lock);
}

int64_t pb__members_heard_ns(struct pb_members *members, const struct pb_member_name *name) {
    pthread_mutex_lock(&members->lock);
    const struct pb_member_entry *entry = members->slots[slot_of(members, hash_of(members, name), name)];
    int64_t heard_ns = entry != NULL ? entry->heard_ns : -1;
    pthread_mutex_unlock(&members->lock);
    return heard_ns;
}

/* A static member says its instance in each classic heartbeat; in the other protocol it may leave it out. */
static bool is_instance(const struct pb_member_entry *entry, const struct pb_member *sender) {
    if (sender->instance.size < 0) return entry->instance_size < 0 || sender->kind == PB_MEMBER_CONSUMER;
    return is_same(entry->bytes + entry->group_size + entry->member_size, entry->instance_size, &sender->instance);
}

bool pb__members_heartbeat(struct pb_members *members, const struct pb_member *sender, int64_t now_ns, int32_t *interval_ms_out) {
    pthread_mutex_lock(&members->lock);
    struct pb_member_entry *entry = members->slots[slot_of(members, hash_of(members, &sender->name), &sender->name)];
    bool steady = entry != NULL && entry->kind == (uint8_t)sender->kind && entry->generation == sender->generation && is_instance(entry, sender);
    if (steady) {
        entry->heard_ns = now_ns;
        *interval_ms_out = entry->interval_ms;
    }
    pthread_mutex_unlock(&members->lock);
    return steady;
}

/* ---- the two keys */

int pb__heartbeat_short_cut(struct pb_api *api, struct pb_request *request) {
    struct pb_reader body = request->body;
    struct pb_heartbeat_request message;
    struct pb_reply *reply;
    struct pb_writer writer;
    int32_t interval_ms;
    int16_t version = request->header.api_version;
    if (pb__heartbeat_request_read(&body, version, &message) < 0) return 0;
    struct pb_member sender = { .name = { message.group_id, message.member_id }, .kind = PB_MEMBER_CLASSIC, .generation = message.generation_id, .instance = message.group_instance_id };
    if (message.group_instance_id.data == NULL) sender.instance.size = -1;
    if (pb__rights_on(api) && !pb__rights_may_read_group(api, request->conn, &message.group_id)) return 0;
    if (!pb__members_heartbeat(api->shared->members, &sender, api->net.now_ns, &interval_ms)) return 0;
    int rc = pb__answer_begin(request, &reply, &writer);
    if (rc < 0) return rc;
    if ((rc = pb__answer_room(api, reply, &writer, ROOM_ANSWER)) == 0) pb__heartbeat_response_put(&writer, version, &(struct pb_heartbeat_response_out){ 0 });
    pb__answer_finish(api, request->conn, reply, &writer, rc);
    return 1;
}

/* A member says only what has changed: nothing. */
static bool says_nothing_new(const struct pb_consumer_group_heartbeat_request *message) {
    return message->rack_id.data == NULL && message->rebalance_timeout_ms == -1 && message->subscribed_topic_names.count < 0 && message->subscribed_topic_regex.data == NULL &&
           message->server_assignor.data == NULL && message->topic_partitions.count < 0;
}

int pb__consumer_group_heartbeat_short_cut(struct pb_api *api, struct pb_request *request) {
    struct pb_reader body = request->body;
    struct pb_consumer_group_heartbeat_request message;
    struct pb_reply *reply;
    struct pb_writer writer;
    int16_t version = request->header.api_version;
    struct pb_consumer_group_heartbeat_response_out out = { .error_message = { .size = -1 } };
    if (pb__consumer_group_heartbeat_request_read(&body, version, &message) < 0 || message.member_epoch <= 0 || !says_nothing_new(&message)) return 0;
    struct pb_member sender = { .name = { message.group_id, message.member_id }, .kind = PB_MEMBER_CONSUMER, .generation = message.member_epoch, .instance = message.instance_id };
    if (message.instance_id.data == NULL) sender.instance.size = -1;
    if (pb__rights_on(api) && !pb__rights_may_read_group(api, request->conn, &message.group_id)) return 0;
    if (!pb__members_heartbeat(api->shared->members, &sender, api->net.now_ns, &out.heartbeat_interval_ms)) return 0;
    int rc = pb__answer_begin(request, &reply, &writer);
    if (rc < 0) return rc;
    out.member_id = message.member_id;
    out.member_epoch = message.member_epoch;
    if ((rc = pb__answer_room(api, reply, &writer, ROOM_ANSWER + (size_t)message.member_id.size)) == 0) pb__consumer_group_heartbeat_response_put(&writer, version, &out);
    pb__answer_finish(api, request->conn, reply, &writer, rc);
    return 1;
}
