#include "api/lane.h"
#include "base/assert.h"

/* The kinds of requests that wait. */
static const struct kind {
    void (*wake)(struct pb_api *api, struct pb_parked *parked, bool due);
    void (*free)(struct pb_api *api, struct pb_parked *parked);
} kinds[] = {
    [PB_PARKED_FETCH] = { pb__fetch_wake, pb__fetch_free_parked },
    [PB_PARKED_PRODUCE] = { pb__produce_wake, pb__produce_free_parked },
    [PB_PARKED_LANE] = { pb__lane_wake, pb__lane_free_parked },
};

void pb__parked_init(struct pb_api *api, struct pb_parked *parked, enum pb_parked_kind kind) {
    pb__wake_init(&parked->wake, &api->wakes);
    pb__heap_item_init(&parked->deadline);
    pb__list_init(&parked->node);
    parked->kind = kind;
    parked->dead = false;
}

void pb__purgatory_wake(struct pb_api *api) {
    if (pb__mpsc_is_empty(&api->wakes.ready)) return;
    for (struct pb_mpsc_node *node = pb__mpsc_take_all(&api->wakes.ready), *next; node != NULL; node = next) {
        struct pb_parked *parked = (struct pb_parked *)(void *)pb__wake_of(node, &next);
        if (parked->dead) {
            kinds[parked->kind].free(api, parked);
        } else {
            kinds[parked->kind].wake(api, parked, false);
        }
    }
}

void pb__purgatory_expire(struct pb_api *api) {
    for (struct pb_heap_item *item; (item = pb__heap_first(&api->deadlines)) != NULL && item->key <= api->net.now_ns;) {
        struct pb_parked *parked = PB_CONTAINER_OF(item, struct pb_parked, deadline);
        pb__heap_remove(&api->deadlines, item);
        kinds[parked->kind].wake(api, parked, true);
    }
}

int64_t pb__purgatory_next_ms(const struct pb_api *api) {
    const struct pb_heap_item *item = pb__heap_first(&api->deadlines);
    if (item == NULL) return -1;
    int64_t left_ns = item->key - api->net.now_ns;
    return left_ns <= 0 ? 0 : (left_ns + 999999) / 1000000;
}
