/* base/heap.h — binary min-heap of deadlines, intrusive: an item knows its place, so it can be moved or taken out at any time.
 *
 * Invariants  H1 items[i]->index == i; an item outside of a heap has index PB_HEAP_OUTSIDE
 * Thread      the owner's
 * Owner       the heap owns its array, not the items */
#ifndef PB_BASE_HEAP_H
#define PB_BASE_HEAP_H

#include <stdint.h>

#include "base/env.h"

enum { PB_HEAP_OUTSIDE = -1 };

struct pb_heap_item { int64_t key; int32_t index; };
struct pb_heap { const struct pb_env *env; struct pb_heap_item **items; int32_t count, capacity; };

void pb__heap_init(struct pb_heap *heap, const struct pb_env *env);
void pb__heap_deinit(struct pb_heap *heap);
static inline void pb__heap_item_init(struct pb_heap_item *item) { item->index = PB_HEAP_OUTSIDE; }
/* Put in, or move when it is in already. 0 or PB_E_NOMEM. */
int pb__heap_push(struct pb_heap *heap, struct pb_heap_item *item, int64_t key);
/* Take out; an item that is outside is fine. */
void pb__heap_remove(struct pb_heap *heap, struct pb_heap_item *item);
/* Item with the least key, or NULL. */
static inline struct pb_heap_item *pb__heap_first(const struct pb_heap *heap) { return heap->count > 0 ? heap->items[0] : NULL; }

#endif
