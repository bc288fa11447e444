#include "log/compact_txn.h"

#include "base/err.h"

enum { FREE = -1, FIRST_CAPACITY = 16 };

void pb__compact_txns_init(struct pb_compact_txns *txns, const struct pb_env *env, const struct pb_completed_txn *aborted, int32_t count) {
    *txns = (struct pb_compact_txns){ .env = env, .aborted = aborted, .aborted_count = count };
}

void pb__compact_txns_deinit(struct pb_compact_txns *txns) {
    if (txns->env != NULL) pb__env_free(txns->env, txns->slots);
    txns->slots = NULL;
}

static uint32_t home_of(const struct pb_compact_txns *txns, int64_t producer_id) { return (uint32_t)(((uint64_t)producer_id * 0x9E3779B97F4A7C15u) >> 32) & (uint32_t)(txns->capacity - 1); }

static struct pb_compact_open *slot_of(struct pb_compact_txns *txns, int64_t producer_id) {
    uint32_t at = home_of(txns, producer_id);
    while (txns->slots[at].producer_id != FREE && txns->slots[at].producer_id != producer_id) at = (at + 1) & (uint32_t)(txns->capacity - 1);
    return &txns->slots[at];
}

static struct pb_compact_open *find(struct pb_compact_txns *txns, int64_t producer_id) {
    struct pb_compact_open *open = txns->capacity > 0 ? slot_of(txns, producer_id) : NULL;
    return open != NULL && open->producer_id != FREE ? open : NULL;
}

static int grow(struct pb_compact_txns *txns) {
    struct pb_compact_txns larger = *txns;
    larger.capacity = txns->capacity > 0 ? 2 * txns->capacity : FIRST_CAPACITY;
    larger.slots = pb__env_alloc(txns->env, (size_t)larger.capacity * sizeof *larger.slots);
    if (larger.slots == NULL) return PB_E_NOMEM;
    for (int32_t i = 0; i < larger.capacity; i++) larger.slots[i].producer_id = FREE;
    for (int32_t i = 0; i < txns->capacity; i++)
        if (txns->slots[i].producer_id != FREE) *slot_of(&larger, txns->slots[i].producer_id) = txns->slots[i];
    pb__env_free(txns->env, txns->slots);
    *txns = larger;
    return 0;
}

static int need(struct pb_compact_txns *txns, int64_t producer_id, struct pb_compact_open **open_out) {
    if (2 * (txns->count + 1) > txns->capacity && grow(txns) < 0) return PB_E_NOMEM;
    *open_out = slot_of(txns, producer_id);
    if ((*open_out)->producer_id != FREE) return 0;
    **open_out = (struct pb_compact_open){ .producer_id = producer_id };
    txns->count++;
    return 0;
}

/* Those behind it that would not be found over the gap move up. */
static void forget(struct pb_compact_txns *txns, struct pb_compact_open *open) {
    uint32_t mask = (uint32_t)(txns->capacity - 1), gap = (uint32_t)(open - txns->slots);
    for (uint32_t at = (gap + 1) & mask; txns->slots[at].producer_id != FREE; at = (at + 1) & mask) {
        if (((at - home_of(txns, txns->slots[at].producer_id)) & mask) < ((at - gap) & mask)) continue;
        txns->slots[gap] = txns->slots[at];
        gap = at;
    }
    txns->slots[gap].producer_id = FREE;
    txns->count--;
}

/* Aborted transactions that have begun by the end of this batch and were not over before it. */
static int begin_aborted(struct pb_compact_txns *txns, const struct pb_batch *batch) {
    for (; txns->aborted_next < txns->aborted_count && txns->aborted[txns->aborted_next].first_offset <= pb__batch_last_offset(batch); txns->aborted_next++) {
        const struct pb_completed_txn *txn = &txns->aborted[txns->aborted_next];
        struct pb_compact_open *open;
        if (txn->last_offset < batch->base_offset) continue;
        if (need(txns, txn->producer_id, &open) < 0) return PB_E_NOMEM;
        if (open->aborted == NULL || open->aborted->last_offset < batch->base_offset) {
            open->aborted = txn;
            open->seen = false;
        }
    }
    return 0;
}

int pb__compact_txns_batch(struct pb_compact_txns *txns, const struct pb_batch *batch) {
    struct pb_compact_open *open;
    int rc = begin_aborted(txns, batch);
    if (rc < 0 || !(batch->attributes & PB_ATTRIBUTE_TRANSACTIONAL)) return rc;
    if ((rc = need(txns, batch->producer_id, &open)) < 0) return rc;
    if (open->aborted == NULL) {
        open->committed = true;
        return 0;
    }
    open->seen = true;
    return 1;
}

int pb__compact_txns_marker(struct pb_compact_txns *txns, const struct pb_batch *batch, const struct pb_completed_txn **entry_out) {
    struct pb_marker marker;
    *entry_out = NULL;
    int rc = begin_aborted(txns, batch);
    if (rc < 0) return rc;
    if (pb__marker_read(batch, txns->env, &marker) == 0) return batch->record_count == 0;   /* emptied once already, or of a kind that is not ours to judge */
    struct pb_compact_open *open = find(txns, batch->producer_id);
    if (open == NULL) return 1;
    bool needed = marker.aborts ? open->aborted != NULL && open->seen : open->committed;
    if (marker.aborts && needed) *entry_out = open->aborted;
    forget(txns, open);
    return !needed;
}
