#include "part/partition_map.h"

#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "part/move.h"
#include "base/hash.h"

enum { CAPACITY_MIN = 64 };

int pb__partition_map_init(struct pb_partition_map *map, struct pb_part_shared *shared) {
    *map = (struct pb_partition_map){ .shared = shared, .capacity = CAPACITY_MIN };
    const struct pb_env *env = shared->env;
    env->random(env->context, &map->seed, sizeof map->seed);
    map->by_name = pb__env_zalloc(env, CAPACITY_MIN * sizeof *map->by_name);
    map->by_id = pb__env_zalloc(env, CAPACITY_MIN * sizeof *map->by_id);
    if (map->by_name != NULL && map->by_id != NULL && pthread_rwlock_init(&map->lock, NULL) == 0) return 0;
    pb__env_free(env, map->by_name);
    pb__env_free(env, map->by_id);
    return PB_E_NOMEM;
}

/* Slot of a topic with this name, or the free one where it would be. */
static struct pb_topic **slot_of_name(const struct pb_partition_map *map, struct pb_topic **table, int32_t capacity, const uint8_t *name, int32_t size) {
    for (uint64_t i = pb__hash(map->seed, name, (size_t)size);; i++) {
        struct pb_topic **slot = &table[i & (uint64_t)(capacity - 1)];
        if (*slot == NULL || ((*slot)->name_size == size && memcmp((*slot)->name, name, (size_t)size) == 0)) return slot;
    }
}

static struct pb_topic **slot_of_id(const struct pb_partition_map *map, struct pb_topic **table, int32_t capacity, const uint8_t id[16]) {
    for (uint64_t i = pb__hash(map->seed, id, 16);; i++) {
        struct pb_topic **slot = &table[i & (uint64_t)(capacity - 1)];
        if (*slot == NULL || memcmp((*slot)->id, id, 16) == 0) return slot;
    }
}

static int find_in(struct pb_topic *topic, int32_t index, struct pb_partition **partition_out, struct pb_topic_rules *rules_out) {
    if (index < 0 || index >= topic->partition_count || topic->partitions[index] == NULL) return PB_E_UNKNOWN_PARTITION;
    *partition_out = pb__partition_get(topic->partitions[index]);
    if (rules_out != NULL) {
        *rules_out = topic->rules;
        rules_out->partition_count = topic->partition_count;
        if (rules_out->hooks != NULL) atomic_fetch_add_explicit(&rules_out->hooks->refs, 1, memory_order_relaxed);
    }
    return 0;
}

int pb__partition_map_find(struct pb_partition_map *map, const uint8_t *name, int32_t name_size, int32_t index, struct pb_partition **partition_out,
                           struct pb_topic_rules *rules_out) {
    if (name_size <= 0 || name_size > PB_TOPIC_NAME_BYTES_MAX) return PB_E_UNKNOWN_PARTITION;
    pthread_rwlock_rdlock(&map->lock);
    struct pb_topic *topic = *slot_of_name(map, map->by_name, map->capacity, name, name_size);
    int rc = topic == NULL ? PB_E_UNKNOWN_PARTITION : find_in(topic, index, partition_out, rules_out);
    pthread_rwlock_unlock(&map->lock);
    return rc;
}

int pb__partition_map_find_id(struct pb_partition_map *map, const uint8_t id[16], int32_t index, struct pb_partition **partition_out,
                              struct pb_topic_rules *rules_out) {
    pthread_rwlock_rdlock(&map->lock);
    struct pb_topic *topic = *slot_of_id(map, map->by_id, map->capacity, id);
    int rc = topic == NULL ? PB_E_UNKNOWN_TOPIC_ID : find_in(topic, index, partition_out, rules_out);
    pthread_rwlock_unlock(&map->lock);
    return rc;
}

int32_t pb__partition_map_name(struct pb_partition_map *map, const uint8_t id[16], uint8_t name[PB_TOPIC_NAME_BYTES_MAX]) {
    pthread_rwlock_rdlock(&map->lock);
    const struct pb_topic *topic = *slot_of_id(map, map->by_id, map->capacity, id);
    int32_t size = topic == NULL ? PB_E_UNKNOWN_TOPIC_ID : (int32_t)topic->name_size;
    if (size > 0) memcpy(name, topic->name, (size_t)size);
    pthread_rwlock_unlock(&map->lock);
    return size;
}

/* ---- changes: all under the exclusive lock */

static int grow(struct pb_partition_map *map) {
    const struct pb_env *env = map->shared->env;
    int32_t capacity = map->capacity * 2;
    struct pb_topic **by_name = pb__env_zalloc(env, (size_t)capacity * sizeof *by_name);
    struct pb_topic **by_id = pb__env_zalloc(env, (size_t)capacity * sizeof *by_id);
    if (by_name == NULL || by_id == NULL) {
        pb__env_free(env, by_name);
        pb__env_free(env, by_id);
        return PB_E_NOMEM;
    }
    for (int32_t i = 0; i < map->capacity; i++) {
        struct pb_topic *topic = map->by_name[i];
        if (topic == NULL) continue;
        *slot_of_name(map, by_name, capacity, (const uint8_t *)topic->name, topic->name_size) = topic;
        *slot_of_id(map, by_id, capacity, topic->id) = topic;
    }
    pb__env_free(env, map->by_name);
    pb__env_free(env, map->by_id);
    map->by_name = by_name;
    map->by_id = by_id;
    map->capacity = capacity;
    return 0;
}

/* Empty a slot and move up what linear probing had pushed behind it. */
static void erase(struct pb_partition_map *map, struct pb_topic **table, struct pb_topic **slot, bool by_name) {
    *slot = NULL;
    uint64_t mask = (uint64_t)(map->capacity - 1);
    for (uint64_t i = (uint64_t)(slot - table) + 1; table[i & mask] != NULL; i++) {
        struct pb_topic *topic = table[i & mask];
        table[i & mask] = NULL;
        struct pb_topic **to = by_name ? slot_of_name(map, table, map->capacity, (const uint8_t *)topic->name, topic->name_size)
                                       : slot_of_id(map, table, map->capacity, topic->id);
        *to = topic;
    }
}

static struct pb_partition *partition_new(struct pb_topic *topic, const struct pb_partition_place *place) {
    struct pb_partition *partition = pb__env_zalloc(topic->shared->env, sizeof *partition);
    if (partition == NULL) return NULL;
    pthread_mutex_init(&partition->lock, NULL);
    atomic_init(&partition->refs, 1);
    atomic_init(&partition->deleted, false);
    partition->index = place->index;
    partition->log_dir = place->log_dir;
    partition->leader_epoch = place->leader_epoch;
    partition->recovery_point = place->recovery_point;
    partition->checkpoint_start = place->checkpoint_start;
    partition->cleaned_to = place->cleaned_to;
    partition->topic = topic;
    atomic_fetch_add(&topic->refs, 1);
    pb__list_init(&partition->fetch_waiters);
    pb__list_init(&partition->sync_waiters);
    return partition;
}

static struct pb_topic *topic_new(struct pb_partition_map *map, const uint8_t id[16], const char *name) {
    const struct pb_env *env = map->shared->env;
    struct pb_topic *topic = pb__env_zalloc(env, sizeof *topic);
    if (topic == NULL) return NULL;
    topic->name = pb__env_strdup(env, name);
    if (topic->name == NULL) {
        pb__env_free(env, topic);
        return NULL;
    }
    atomic_init(&topic->refs, 1);
    topic->shared = map->shared;
    topic->name_size = (int32_t)strlen(name);
    memcpy(topic->id, id, 16);
    return topic;
}

static void topic_free_unused(struct pb_topic *topic) {
    const struct pb_env *env = topic->shared->env;
    pb__env_free(env, topic->partitions);
    pb__env_free(env, topic->name);
    pb__env_free(env, topic);
}

/* Room for all places, and the partitions that are new. Nothing is undone on failure: fewer partitions than asked are in order. */
static int add_partitions(struct pb_topic *topic, const struct pb_partition_place *places, int32_t place_count) {
    int32_t count = topic->partition_count;
    for (int32_t i = 0; i < place_count; i++) count = places[i].index >= count ? places[i].index + 1 : count;
    struct pb_partition **partitions = pb__env_resize(topic->shared->env, topic->partitions, (size_t)count * sizeof *partitions);
    if (partitions == NULL) return PB_E_NOMEM;
    topic->partitions = partitions;
    memset(partitions + topic->partition_count, 0, (size_t)(count - topic->partition_count) * sizeof *partitions);
    topic->partition_count = count;
    for (int32_t i = 0; i < place_count; i++) {
        struct pb_partition **at = &partitions[places[i].index];
        if (*at == NULL && (*at = partition_new(topic, &places[i])) == NULL) return PB_E_NOMEM;
    }
    return 0;
}

static void set_log_config(struct pb_topic *topic, struct pb_log_config *config) {
    struct pb_log_config *old = topic->log_config;
    topic->log_config = config;                                             /* first: a log opened from here on gets the new one */
    for (int32_t i = 0; i < topic->partition_count; i++) {
        struct pb_partition *partition = topic->partitions[i];
        if (partition == NULL) continue;
        pthread_mutex_lock(&partition->lock);
        if (partition->log != NULL) pb__log_set_config(partition->log, config);
        pthread_mutex_unlock(&partition->lock);
    }
    pb__env_free(topic->shared->env, old);
}

int pb__partition_map_put(struct pb_partition_map *map, const uint8_t id[16], const char *name, const struct pb_partition_place *places, int32_t place_count,
                          const struct pb_topic_rules *rules, const struct pb_log_config *log_config) {
    const struct pb_env *env = map->shared->env;
    struct pb_log_config *config = pb__env_alloc(env, sizeof *config);
    if (config == NULL) {
        pb__topic_hooks_put(rules->hooks);
        return PB_E_NOMEM;
    }
    *config = *log_config;
    pthread_rwlock_wrlock(&map->lock);
    struct pb_topic *topic = *slot_of_id(map, map->by_id, map->capacity, id);
    struct pb_topic_hooks *unused;
    bool fresh = topic == NULL;
    int rc = 0;
    if (fresh && map->count * 2 >= map->capacity) rc = grow(map);
    if (rc == 0 && fresh && (topic = topic_new(map, id, name)) == NULL) rc = PB_E_NOMEM;
    if (rc == 0) rc = add_partitions(topic, places, place_count);
    if (rc < 0) {
        if (fresh && topic != NULL && topic->refs == 1) topic_free_unused(topic);
        pb__env_free(env, config);
        unused = rules->hooks;
    } else {
        unused = topic->rules.hooks;
        topic->rules = *rules;
        set_log_config(topic, config);
        if (fresh) {
            *slot_of_name(map, map->by_name, map->capacity, (const uint8_t *)topic->name, topic->name_size) = topic;
            *slot_of_id(map, map->by_id, map->capacity, topic->id) = topic;
            map->count++;
        }
    }
    pthread_rwlock_unlock(&map->lock);
    pb__topic_hooks_put(unused);
    return rc;
}

/* The partition leaves: its files go, who waits is told, the map's reference is given back. */
static void retire(struct pb_partition *partition) {
    pthread_mutex_lock(&partition->lock);
    (void)pb__partition_open(partition);                                    /* a log nobody touched yet has files as well; off-line: they stay for people to see */
    partition->deleted = true;
    PB_LIST_EACH(node, &partition->fetch_waiters) pb__wake_signal(PB_LIST_ITEM(node, struct pb_waiter, node)->wake, NULL);
    PB_LIST_EACH_SAFE(node, &partition->sync_waiters) {
        struct pb_waiter *waiter = PB_LIST_ITEM(node, struct pb_waiter, node);
        pb__list_remove(&waiter->node);
        waiter->error = PB_E_UNKNOWN_PARTITION;
        waiter->done = true;
        pb__wake_signal(waiter->wake, NULL);
    }
    pb__move_drop(partition);
    if (!partition->sync_running) pb__partition_delete_log(partition);      /* else the worker does when it is back */
    pthread_mutex_unlock(&partition->lock);
    pb__partition_put(partition);
}

int pb__partition_map_remove(struct pb_partition_map *map, const uint8_t id[16]) {
    pthread_rwlock_wrlock(&map->lock);
    struct pb_topic **slot = slot_of_id(map, map->by_id, map->capacity, id), *topic = *slot;
    struct pb_topic_hooks *hooks = NULL;
    if (topic != NULL) {
        erase(map, map->by_id, slot, false);
        erase(map, map->by_name, slot_of_name(map, map->by_name, map->capacity, (const uint8_t *)topic->name, topic->name_size), true);
        map->count--;
        hooks = topic->rules.hooks;
        topic->rules.hooks = NULL;
    }
    pthread_rwlock_unlock(&map->lock);
    if (topic == NULL) return PB_E_NOENT;
    pb__topic_hooks_put(hooks);
    int32_t count = topic->partition_count;
    struct pb_partition **partitions = topic->partitions;
    for (int32_t i = 0; i < count; i++) {
        struct pb_partition *partition = partitions[i];
        if (partition != NULL) retire(partition);
    }
    pb__topic_put(topic);
    return 0;
}

int pb__partition_map_each(struct pb_partition_map *map, pb_partition_fn each, void *context) {
    const struct pb_env *env = map->shared->env;
    pthread_rwlock_rdlock(&map->lock);
    int32_t count = 0, taken = 0;
    for (int32_t i = 0; i < map->capacity; i++) count += map->by_name[i] != NULL ? map->by_name[i]->partition_count : 0;
    struct pb_partition **all = pb__env_alloc(env, (size_t)(count + 1) * sizeof *all);
    for (int32_t i = 0; all != NULL && i < map->capacity; i++) {
        struct pb_topic *topic = map->by_name[i];
        for (int32_t k = 0; topic != NULL && k < topic->partition_count; k++)
            if (topic->partitions[k] != NULL) all[taken++] = pb__partition_get(topic->partitions[k]);
    }
    pthread_rwlock_unlock(&map->lock);
    if (all == NULL) return PB_E_NOMEM;
    int rc = 0;
    for (int32_t i = 0; i < taken; i++) {
        if (rc == 0) rc = each(context, all[i]);
        pb__partition_put(all[i]);
    }
    pb__env_free(env, all);
    return rc;
}

void pb__partition_map_deinit(struct pb_partition_map *map) {
    const struct pb_env *env = map->shared->env;
    for (int32_t i = 0; i < map->capacity; i++) {
        struct pb_topic *topic = map->by_name[i];
        if (topic == NULL) continue;
        for (int32_t k = 0; k < topic->partition_count; k++)
            if (topic->partitions[k] != NULL) pb__partition_put(topic->partitions[k]);
        pb__topic_hooks_put(topic->rules.hooks);
        topic->rules.hooks = NULL;
        pb__topic_put(topic);
    }
    pb__env_free(env, map->by_name);
    pb__env_free(env, map->by_id);
    pthread_rwlock_destroy(&map->lock);
}
