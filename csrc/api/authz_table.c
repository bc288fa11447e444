#include "api/authz_table.h"

#include "base/assert.h"
#include "base/err.h"
#include "base/siphash.h"

/* until_ns has the decision in its lowest bit: whoever reads it has both. 0: free. */
struct entry { _Atomic uint64_t tag; _Atomic uint64_t who; _Atomic int64_t until_ns; };
struct set { _Atomic uint32_t sequence; struct entry entries[PB_RIGHTS_WAYS]; };
struct pb_authz_table { uint64_t key[2]; struct set sets[PB_RIGHTS_SETS]; };

enum { READS_MAX = 8 };

static_assert((PB_RIGHTS_SETS & (PB_RIGHTS_SETS - 1)) == 0, "sets are found by a mask");

int pb__authz_table_new(const struct pb_env *env, struct pb_authz_table **table_out) {
    struct pb_authz_table *table = pb__env_zalloc(env, sizeof *table);
    if (table == NULL) return PB_E_NOMEM;
    env->random(env->context, table->key, sizeof table->key);
    *table_out = table;
    return 0;
}

void pb__authz_table_free(struct pb_authz_table *table, const struct pb_env *env) { pb__env_free(env, table); }

static uint64_t who_of(const struct pb_right *right) { return (uint64_t)right->subject << 32 | (uint64_t)right->operation << 8 | right->resource; }

static struct set *set_of(struct pb_authz_table *table, uint64_t tag, uint64_t who) {
    uint64_t mixed = (tag ^ who) * 0x9E3779B97F4A7C15u;
    return &table->sets[mixed >> 32 & (PB_RIGHTS_SETS - 1)];
}

static uint64_t tag_of(const struct pb_authz_table *table, const struct pb_right *right) {
    return pb__siphash(table->key, right->name, right->name_size > 0 ? (size_t)right->name_size : 0);
}

/* The entry's until_ns, 0: there is none. */
static int64_t look(const struct set *set, uint64_t tag, uint64_t who) {
    for (int i = 0; i < PB_RIGHTS_WAYS; i++) {
        const struct entry *entry = &set->entries[i];
        if (atomic_load_explicit(&entry->tag, memory_order_relaxed) == tag && atomic_load_explicit(&entry->who, memory_order_relaxed) == who)
            return atomic_load_explicit(&entry->until_ns, memory_order_relaxed);
    }
    return 0;
}

int pb__authz_table_find(struct pb_authz_table *table, const struct pb_right *right, int64_t now_ns) {
    uint64_t tag = tag_of(table, right), who = who_of(right);
    struct set *set = set_of(table, tag, who);
    if (right->subject == 0) return PB_E_NOENT;
    for (int i = 0; i < READS_MAX; i++) {
        uint32_t before = atomic_load_explicit(&set->sequence, memory_order_acquire);
        if (before & 1) continue;
        int64_t until_ns = look(set, tag, who);
        atomic_thread_fence(memory_order_acquire);
        if (atomic_load_explicit(&set->sequence, memory_order_relaxed) != before) continue;
        return until_ns <= now_ns ? PB_E_NOENT : (int)(until_ns & 1);
    }
    return PB_E_NOENT;                                                      /* it is being written over and over: asking is always right */
}

static void write_begin(struct set *set) {
    uint32_t sequence = atomic_load_explicit(&set->sequence, memory_order_relaxed);
    atomic_store_explicit(&set->sequence, sequence + 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
}

static void write_end(struct set *set) {
    uint32_t sequence = atomic_load_explicit(&set->sequence, memory_order_relaxed);
    PB_ASSERT(sequence & 1);                                                /* one writer */
    atomic_store_explicit(&set->sequence, sequence + 1, memory_order_release);
}

void pb__authz_table_put(struct pb_authz_table *table, const struct pb_right *right, bool allowed, int64_t until_ns, int64_t now_ns) {
    uint64_t tag = tag_of(table, right), who = who_of(right);
    struct set *set = set_of(table, tag, who);
    struct entry *place = &set->entries[0];
    if (right->subject == 0 || until_ns <= now_ns) return;
    for (int i = 0; i < PB_RIGHTS_WAYS; i++) {
        struct entry *entry = &set->entries[i];
        if (entry->tag == tag && entry->who == who) {
            place = entry;
            break;
        }
        if (entry->until_ns < place->until_ns) place = entry;
    }
    write_begin(set);
    atomic_store_explicit(&place->tag, tag, memory_order_relaxed);
    atomic_store_explicit(&place->who, who, memory_order_relaxed);
    atomic_store_explicit(&place->until_ns, (until_ns & ~(int64_t)1) | allowed, memory_order_relaxed);
    write_end(set);
}

void pb__authz_table_forget(struct pb_authz_table *table, uint32_t subject) {
    for (int i = 0; i < PB_RIGHTS_SETS; i++) {
        struct set *set = &table->sets[i];
        write_begin(set);
        for (int k = 0; k < PB_RIGHTS_WAYS; k++) {
            struct entry *entry = &set->entries[k];
            if (subject == 0 || entry->who >> 32 == subject) atomic_store_explicit(&entry->until_ns, 0, memory_order_relaxed);
        }
        write_end(set);
    }
}
