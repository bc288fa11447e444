/* part/wake.h — how a change of a partition reaches the loop that waits for it: never by polling.
 *
 * A waiter carries a wake; the first signal puts the wake into its loop's queue, further ones do nothing until the loop took it out.
 * Thread      pb__wake_signal: any; pb__wake_take_all: the queue's loop
 * Owner       whoever embeds the wake: it must stay until it is not queued (pb__wake_is_queued) and no waiter refers to it */
#ifndef PB_PART_WAKE_H
#define PB_PART_WAKE_H

#include "base/mpsc.h"

struct pb_wake_queue {
    struct pb_mpsc ready;
    void (*notify)(void *context);                                          /* from any thread: look into the queue soon */
    void *context;
};

struct pb_wake {
    struct pb_mpsc_node node;                                               /* first member: the queue gives nodes back */
    struct pb_wake_queue *queue;
    _Atomic bool queued;
};

static inline void pb__wake_init(struct pb_wake *wake, struct pb_wake_queue *queue) {
    wake->queue = queue;
    atomic_init(&wake->queued, false);
}
static inline bool pb__wake_is_queued(struct pb_wake *wake) { return atomic_load_explicit(&wake->queued, memory_order_acquire); }
/* here: the queue of the calling loop, which looks into it at the end of its turn anyway; NULL on other threads. */
static inline void pb__wake_signal(struct pb_wake *wake, const struct pb_wake_queue *here) {
    if (atomic_exchange_explicit(&wake->queued, true, memory_order_acq_rel)) return;
    struct pb_wake_queue *queue = wake->queue;
    if (pb__mpsc_push(&queue->ready, &wake->node) && queue != here) queue->notify(queue->context);
}
/* Oldest first; *next_out is read before the wake may be signalled again. */
static inline struct pb_wake *pb__wake_of(struct pb_mpsc_node *node, struct pb_mpsc_node **next_out) {
    struct pb_wake *wake = (struct pb_wake *)(void *)node;
    *next_out = node->next;
    atomic_store_explicit(&wake->queued, false, memory_order_release);
    return wake;
}

#endif
