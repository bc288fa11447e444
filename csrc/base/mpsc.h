/* base/mpsc.h — many threads push, one takes all at once, oldest first. Lock-free: one compare-and-swap per push.
 * Owner       the queue owns nothing; a node may be in one queue at a time */
#ifndef PB_BASE_MPSC_H
#define PB_BASE_MPSC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct pb_mpsc_node { struct pb_mpsc_node *next; };
struct pb_mpsc { _Atomic(struct pb_mpsc_node *) top; };

static inline void pb__mpsc_init(struct pb_mpsc *queue) { atomic_init(&queue->top, NULL); }
/* True when the queue was empty before: this pusher has to wake the taker. */
static inline bool pb__mpsc_push(struct pb_mpsc *queue, struct pb_mpsc_node *node) {
    struct pb_mpsc_node *top = atomic_load_explicit(&queue->top, memory_order_relaxed);
    do node->next = top;
    while (!atomic_compare_exchange_weak_explicit(&queue->top, &top, node, memory_order_release, memory_order_relaxed));
    return top == NULL;
}
static inline bool pb__mpsc_is_empty(struct pb_mpsc *queue) { return atomic_load_explicit(&queue->top, memory_order_relaxed) == NULL; }
/* All nodes, oldest first, linked by next; NULL when there is none. */
static inline struct pb_mpsc_node *pb__mpsc_take_all(struct pb_mpsc *queue) {
    struct pb_mpsc_node *node = atomic_exchange_explicit(&queue->top, NULL, memory_order_acquire), *first = NULL;
    while (node != NULL) {
        struct pb_mpsc_node *next = node->next;
        node->next = first;
        first = node;
        node = next;
    }
    return first;
}

#endif
