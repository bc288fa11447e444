/* base/verdict.h — what a plugin's lane says of a produced batch, by number.
 * Thread any. Source: pybroker/hooks/types.py has the words */
#ifndef PB_BASE_VERDICT_H
#define PB_BASE_VERDICT_H

/* Accepting a batch is no verdict: its way goes on. */
enum pb_lane_verdict_kind {
    PB_VERDICT_REFUSE = 1,                                                  /* code and text for the producer, and records */
    PB_VERDICT_REPLACE,                                                     /* other records; its way goes on with them */
    PB_VERDICT_ROUTE,                                                       /* another partition */
    PB_VERDICT_DEAD_LETTER,                                                 /* another topic; the producer is told nothing */
    PB_VERDICT_DROP,
    PB_VERDICT_SPLIT,                                                       /* each record to a partition of its own choice */
    PB_VERDICT_FAILED,                                                      /* the plugin did not say: on_error decides */
};

/* A hook that failed: refuse the batch, store it as it is, or store it with the dead letters. */
enum pb_hook_on_error { PB_HOOK_CLOSED, PB_HOOK_OPEN, PB_HOOK_DEAD_LETTER };

#endif
