#include "api/fetch_session.h"

#include <string.h>

#include "base/assert.h"
#include "base/err.h"

enum { CACHE_SLOTS = 1024, SESSION_SLOTS_MIN = 16 };

struct pb_session_cache {
    pthread_mutex_t lock;
    const struct pb_env *env;
    struct pb_list lru;                                                     /* oldest first */
    struct pb_fetch_session *slots[CACHE_SLOTS];
    int32_t count;
};

int pb__session_cache_new(const struct pb_env *env, struct pb_session_cache **cache_out) {
    struct pb_session_cache *cache = pb__env_zalloc(env, sizeof *cache);
    if (cache == NULL) return PB_E_NOMEM;
    cache->env = env;
    pthread_mutex_init(&cache->lock, NULL);
    pb__list_init(&cache->lru);
    *cache_out = cache;
    return 0;
}

static struct pb_fetch_session **slot_of(struct pb_session_cache *cache, int32_t id) { return &cache->slots[(uint32_t)id % CACHE_SLOTS]; }

static struct pb_fetch_session *find(struct pb_session_cache *cache, int32_t id) {
    struct pb_fetch_session *session = *slot_of(cache, id);
    while (session != NULL && session->id != id) session = session->chain;
    return session;
}

static void target_free(struct pb_fetch_session *session, struct pb_fetch_target *target) {
    PB_ASSERT(target->waiter.partition == NULL);
    pb__list_remove(&target->node);
    if (target->partition != NULL) pb__partition_put(target->partition);
    pb__env_free(session->env, target);
}

static void session_put(struct pb_fetch_session *session) {
    if (atomic_fetch_sub_explicit(&session->refs, 1, memory_order_acq_rel) != 1) return;
    while (!pb__list_is_empty(&session->targets)) target_free(session, PB_LIST_ITEM(session->targets.next, struct pb_fetch_target, node));
    pb__env_free(session->env, session->slots);
    pthread_mutex_destroy(&session->lock);
    pb__env_free(session->env, session);
}

/* Out of the cache; cache->lock held. */
static void drop(struct pb_session_cache *cache, struct pb_fetch_session *session) {
    struct pb_fetch_session **at = slot_of(cache, session->id);
    while (*at != session) at = &(*at)->chain;
    *at = session->chain;
    pb__list_remove(&session->lru);
    session->cached = false;
    cache->count--;
    session_put(session);
}

void pb__session_cache_free(struct pb_session_cache *cache) {
    if (cache == NULL) return;
    while (!pb__list_is_empty(&cache->lru)) drop(cache, PB_LIST_ITEM(cache->lru.next, struct pb_fetch_session, lru));
    pthread_mutex_destroy(&cache->lock);
    pb__env_free(cache->env, cache);
}

int32_t pb__session_cache_count(struct pb_session_cache *cache) {
    pthread_mutex_lock(&cache->lock);
    int32_t count = cache->count;
    pthread_mutex_unlock(&cache->lock);
    return count;
}

static struct pb_fetch_session *session_new(const struct pb_env *env, bool by_id, int64_t now_ns) {
    struct pb_fetch_session *session = pb__env_zalloc(env, sizeof *session);
    if (session == NULL) return NULL;
    session->slots = pb__env_zalloc(env, SESSION_SLOTS_MIN * sizeof *session->slots);
    if (session->slots == NULL) {
        pb__env_free(env, session);
        return NULL;
    }
    session->slot_count = SESSION_SLOTS_MIN;
    session->env = env;
    session->by_id = by_id;
    session->busy = true;
    session->epoch_next = 1;
    session->used_ns = now_ns;
    atomic_init(&session->refs, 2);                                         /* the cache and the fetch that made it */
    pthread_mutex_init(&session->lock, NULL);
    pb__list_init(&session->targets);
    pb__list_init(&session->lru);
    return session;
}

struct pb_fetch_session *pb__session_create(struct pb_session_cache *cache, int64_t sessions_max, bool by_id, int64_t now_ns) {
    pthread_mutex_lock(&cache->lock);
    struct pb_fetch_session *session = NULL;
    if (cache->count >= sessions_max && !pb__list_is_empty(&cache->lru)) {
        struct pb_fetch_session *oldest = PB_LIST_ITEM(cache->lru.next, struct pb_fetch_session, lru);
        if (now_ns - oldest->used_ns > (int64_t)PB_SESSION_EVICT_MS * 1000000) drop(cache, oldest);
    }
    if (cache->count < sessions_max && (session = session_new(cache->env, by_id, now_ns)) != NULL) {
        do {
            cache->env->random(cache->env->context, &session->id, sizeof session->id);
            session->id &= INT32_MAX;
        } while (session->id == 0 || find(cache, session->id) != NULL);
        struct pb_fetch_session **slot = slot_of(cache, session->id);
        session->chain = *slot;
        *slot = session;
        session->cached = true;
        pb__list_push_back(&cache->lru, &session->lru);
        cache->count++;
    }
    pthread_mutex_unlock(&cache->lock);
    return session;
}

int pb__session_begin(struct pb_session_cache *cache, int32_t id, int32_t epoch, int64_t now_ns, struct pb_fetch_session **session_out) {
    pthread_mutex_lock(&cache->lock);
    struct pb_fetch_session *session = find(cache, id);
    int rc = session == NULL ? PB_E_SESSION_NOT_FOUND : 0;
    if (rc == 0) {
        pthread_mutex_lock(&session->lock);
        if (session->epoch_next != epoch || session->busy) rc = PB_E_SESSION_EPOCH;
        if (rc == 0) {
            session->epoch_next = epoch == INT32_MAX ? 1 : epoch + 1;
            session->busy = true;
            session->used_ns = now_ns;
            atomic_fetch_add_explicit(&session->refs, 1, memory_order_relaxed);
            pb__list_remove(&session->lru);
            pb__list_push_back(&cache->lru, &session->lru);
        }
        pthread_mutex_unlock(&session->lock);
    }
    pthread_mutex_unlock(&cache->lock);
    *session_out = rc == 0 ? session : NULL;
    return rc;
}

void pb__session_end(struct pb_fetch_session *session) {
    pthread_mutex_lock(&session->lock);
    session->busy = false;
    pthread_mutex_unlock(&session->lock);
    session_put(session);
}

void pb__session_remove(struct pb_session_cache *cache, int32_t id) {
    pthread_mutex_lock(&cache->lock);
    struct pb_fetch_session *session = find(cache, id);
    if (session != NULL) drop(cache, session);
    pthread_mutex_unlock(&cache->lock);
}

/* ---- targets */

static uint32_t target_hash(const uint8_t topic_id[16], const uint8_t *name, int32_t name_size, int32_t index) {
    uint32_t h = 2166136261u ^ (uint32_t)index * 2654435761u;
    for (int i = 0; i < 16; i++) h = (h ^ topic_id[i]) * 16777619u;
    for (int32_t i = 0; i < name_size; i++) h = (h ^ name[i]) * 16777619u;
    return h;
}

static bool is_target(const struct pb_fetch_target *target, const uint8_t topic_id[16], const uint8_t *name, int32_t name_size, int32_t index) {
    return target->index == index && target->name_size == name_size && memcmp(target->topic_id, topic_id, 16) == 0 &&
           (name_size <= 0 || memcmp(target->name, name, (size_t)name_size) == 0);
}

static struct pb_fetch_target **target_slot(struct pb_fetch_session *session, const uint8_t topic_id[16], const uint8_t *name, int32_t name_size, int32_t index) {
    uint32_t h = target_hash(topic_id, name, name_size, index);
    struct pb_fetch_target **at = &session->slots[h & (uint32_t)(session->slot_count - 1)];
    while (*at != NULL && !is_target(*at, topic_id, name, name_size, index)) at = &(*at)->chain;
    return at;
}

/* Twice the slots; staying small for lack of memory only costs time. */
static void grow(struct pb_fetch_session *session) {
    int32_t count = session->slot_count * 2;
    struct pb_fetch_target **slots = pb__env_zalloc(session->env, (size_t)count * sizeof *slots);
    if (slots == NULL) return;
    pb__env_free(session->env, session->slots);
    session->slots = slots;
    session->slot_count = count;
    PB_LIST_EACH(node, &session->targets) {
        struct pb_fetch_target *target = PB_LIST_ITEM(node, struct pb_fetch_target, node);
        struct pb_fetch_target **at = &slots[target_hash(target->topic_id, target->name, target->name_size, target->index) & (uint32_t)(count - 1)];
        target->chain = *at;
        *at = target;
    }
}

struct pb_fetch_target *pb__session_target(struct pb_fetch_session *session, const uint8_t topic_id[16], const uint8_t *name, int32_t name_size, int32_t index) {
    struct pb_fetch_target **at = target_slot(session, topic_id, name, name_size, index), *target = *at;
    if (target != NULL) return target;
    size_t name_bytes = name_size > 0 ? (size_t)name_size : 0;
    if (session->target_count >= PB_REQUEST_PARTITIONS_MAX) return NULL;
    target = pb__env_zalloc(session->env, sizeof *target + name_bytes);
    if (target == NULL) return NULL;
    if (name_bytes > 0) memcpy(target + 1, name, name_bytes);
    target->name = (const uint8_t *)(target + 1);
    target->name_size = name_size;
    target->index = index;
    memcpy(target->topic_id, topic_id, 16);
    target->sent_high_watermark = target->sent_start_offset = -2;
    pb__list_init(&target->waiter.node);
    *at = target;
    pb__list_push_back(&session->targets, &target->node);
    if (++session->target_count > session->slot_count) grow(session);
    return target;
}

void pb__session_forget(struct pb_fetch_session *session, const uint8_t topic_id[16], const uint8_t *name, int32_t name_size, int32_t index) {
    struct pb_fetch_target **at = target_slot(session, topic_id, name, name_size, index), *target = *at;
    if (target == NULL) return;
    *at = target->chain;
    session->target_count--;
    target_free(session, target);
}
