/* base/list.h — intrusive doubly linked list: a ring through a head; a node not in a list points to itself.
 * Thread      whoever guards the head */
#ifndef PB_BASE_LIST_H
#define PB_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct pb_list { struct pb_list *next, *prev; };

static inline void pb__list_init(struct pb_list *head) { head->next = head->prev = head; }
static inline bool pb__list_is_empty(const struct pb_list *head) { return head->next == head; }
/* A node that is in a list; false for one that was init'ed or removed. */
static inline bool pb__list_is_linked(const struct pb_list *node) { return node->next != node; }
static inline void pb__list_push_back(struct pb_list *head, struct pb_list *node) {
    node->next = head;
    node->prev = head->prev;
    head->prev->next = node;
    head->prev = node;
}
static inline void pb__list_push_front(struct pb_list *head, struct pb_list *node) { pb__list_push_back(head->next, node); }
static inline void pb__list_remove(struct pb_list *node) {
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->next = node->prev = node;
}
/* First node, taken out, or NULL. */
static inline struct pb_list *pb__list_pop_front(struct pb_list *head) {
    struct pb_list *node = head->next;
    if (node == head) return NULL;
    pb__list_remove(node);
    return node;
}
/* All nodes of `from` to the end of `to`; `from` is empty after. */
static inline void pb__list_move_all(struct pb_list *to, struct pb_list *from) {
    if (pb__list_is_empty(from)) return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    pb__list_init(from);
}

#define PB_LIST_ITEM(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))
#define PB_LIST_EACH(node, head) for (struct pb_list *node = (head)->next; node != (head); node = node->next)
/* The body may remove `node`. */
#define PB_LIST_EACH_SAFE(node, head) for (struct pb_list *node = (head)->next, *node##_next = node->next; node != (head); node = node##_next, node##_next = node->next)

#endif
