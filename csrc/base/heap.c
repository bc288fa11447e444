#include "base/heap.h"

#include "base/assert.h"
#include "base/err.h"

enum { HEAP_CAPACITY_MIN = 64 };

void pb__heap_init(struct pb_heap *heap, const struct pb_env *env) { *heap = (struct pb_heap){ .env = env }; }

void pb__heap_deinit(struct pb_heap *heap) { pb__env_free(heap->env, heap->items); }

static void place(struct pb_heap *heap, struct pb_heap_item *item, int32_t index) {
    heap->items[index] = item;
    item->index = index;
}

/* Move the item that belongs at `index` up or down to where its key is in order. */
static void sift(struct pb_heap *heap, struct pb_heap_item *item, int32_t index) {
    while (index > 0 && heap->items[(index - 1) / 2]->key > item->key) {
        place(heap, heap->items[(index - 1) / 2], index);
        index = (index - 1) / 2;
    }
    for (;;) {
        int32_t child = 2 * index + 1;
        if (child >= heap->count) break;
        if (child + 1 < heap->count && heap->items[child + 1]->key < heap->items[child]->key) child++;
        if (heap->items[child]->key >= item->key) break;
        place(heap, heap->items[child], index);
        index = child;
    }
    place(heap, item, index);
}

static int grow(struct pb_heap *heap) {
    int32_t capacity = heap->capacity > 0 ? heap->capacity * 2 : HEAP_CAPACITY_MIN;
    struct pb_heap_item **items = pb__env_resize(heap->env, heap->items, (size_t)capacity * sizeof *items);
    if (items == NULL) return PB_E_NOMEM;
    heap->items = items;
    heap->capacity = capacity;
    return 0;
}

int pb__heap_push(struct pb_heap *heap, struct pb_heap_item *item, int64_t key) {
    if (item->index == PB_HEAP_OUTSIDE) {
        if (heap->count == heap->capacity) {
            int rc = grow(heap);
            if (rc < 0) return rc;
        }
        item->index = heap->count++;
        heap->items[item->index] = item;
    }
    item->key = key;
    sift(heap, item, item->index);
    return 0;
}

void pb__heap_remove(struct pb_heap *heap, struct pb_heap_item *item) {
    if (item->index == PB_HEAP_OUTSIDE) return;
    PB_ASSERT(item->index < heap->count && heap->items[item->index] == item);
    int32_t index = item->index;
    item->index = PB_HEAP_OUTSIDE;
    struct pb_heap_item *last = heap->items[--heap->count];
    if (last != item) sift(heap, last, index);
}
