/* api/fetch_session.h — what a consumer reads, kept between its fetches (KIP-227): an incremental fetch names only what changed.
 *
 * A target is one partition of a fetch, of a session or of a single request. Targets are in the order in which they get their share of the bytes; one that gave
 * records goes to the end (fairness, as the Java broker).
 * Locks       cache.lock for the table; session.lock for targets and epoch. cache.lock is never taken inside of session.lock.
 * Thread      any loop; a parked fetch keeps a reference, and its targets' waiters belong to its loop
 * Bounds      fetch_sessions_max sessions; a full cache gives way only when its oldest was not used for PB_SESSION_EVICT_MS */
#ifndef PB_API_FETCH_SESSION_H
#define PB_API_FETCH_SESSION_H

#include <pthread.h>

#include "part/partition_map.h"
#include "wire/reader.h"

enum { PB_SESSION_EVICT_MS = 120000, PB_SESSION_FINAL_EPOCH = -1, PB_SESSION_INITIAL_EPOCH = 0 };

struct pb_fetch_target {
    struct pb_list node;
    struct pb_fetch_target *chain;                                          /* same hash slot */
    struct pb_waiter waiter;
    struct pb_partition *partition;                                         /* one reference, NULL: not resolved */
    const uint8_t *name;                                                    /* of the request, or behind the struct (sessions) */
    int32_t name_size;
    int32_t index;
    uint8_t topic_id[16];
    int64_t offset, start_offset_seen;                                      /* what the fetcher says */
    int32_t bytes_max, leader_epoch, last_fetched_epoch;
    int64_t sent_high_watermark, sent_start_offset;                         /* of the last answer in a session; -2: none yet */
};

struct pb_fetch_session {
    pthread_mutex_t lock;
    _Atomic int32_t refs;
    struct pb_list lru;                                                     /* in the cache */
    struct pb_fetch_session *chain;
    const struct pb_env *env;
    int32_t id, epoch_next;
    bool by_id;                                                             /* topics named by id (Fetch 13+) */
    bool busy;                                                              /* one of its fetches is out */
    bool cached;
    int64_t used_ns;
    struct pb_list targets;
    struct pb_fetch_target **slots;                                         /* hash table, power of two */
    int32_t slot_count, target_count;
};

struct pb_session_cache;
int pb__session_cache_new(const struct pb_env *env, struct pb_session_cache **cache_out);
void pb__session_cache_free(struct pb_session_cache *cache);
int32_t pb__session_cache_count(struct pb_session_cache *cache);

/* A new session with one reference and a place in the cache. NULL: the cache is full of live ones, or no memory; the fetch goes on without. */
struct pb_fetch_session *pb__session_create(struct pb_session_cache *cache, int64_t sessions_max, bool by_id, int64_t now_ns);
/* Session `id`, for the fetch with this epoch: one reference, busy. PB_E_SESSION_NOT_FOUND, PB_E_SESSION_EPOCH. */
int pb__session_begin(struct pb_session_cache *cache, int32_t id, int32_t epoch, int64_t now_ns, struct pb_fetch_session **session_out);
/* The fetch is answered or given up: not busy, reference back. */
void pb__session_end(struct pb_fetch_session *session);
void pb__session_remove(struct pb_session_cache *cache, int32_t id);

/* The target of this partition, made when new. NULL: no memory. lock held. */
struct pb_fetch_target *pb__session_target(struct pb_fetch_session *session, const uint8_t topic_id[16], const uint8_t *name, int32_t name_size, int32_t index);
void pb__session_forget(struct pb_fetch_session *session, const uint8_t topic_id[16], const uint8_t *name, int32_t name_size, int32_t index);

#endif
