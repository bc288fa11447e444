/* base/clock_watch.h — whether the wall clock may be believed: it is compared with the monotonic clock, which never jumps.
 *
 * The difference of the two is a constant but for slow drift. When it changes by more than PB_CLOCK_DRIFT_MS between two looks, the wall clock was set (or the
 * machine slept): it is not believed until it has kept the new difference for settle_ms, or has come back to the old one. What deletes by time asks here
 * first: a jump that is undone within settle_ms deletes nothing.
 * Thread      the caller's lock
 * Owner       embedded; zeroed is ready */
#ifndef PB_BASE_CLOCK_WATCH_H
#define PB_BASE_CLOCK_WATCH_H

#include <stdbool.h>
#include <stdint.h>

enum { PB_CLOCK_DRIFT_MS = 1000 };

struct pb_clock_watch {
    int64_t skew_ms;                                                        /* wall minus monotonic, as believed */
    int64_t new_skew_ms, new_since_ms;                                      /* while not believed: the new difference, and since when (monotonic) */
    bool known, jumped;
};

enum pb_clock_state { PB_CLOCK_GOOD, PB_CLOCK_JUMPED, PB_CLOCK_WAITING, PB_CLOCK_BACK, PB_CLOCK_ACCEPTED };
/* A look at both clocks. GOOD, BACK (the jump was undone) and ACCEPTED (it was kept for settle_ms): wall_ms may be used. JUMPED (seen just now) and WAITING: not. */
enum pb_clock_state pb__clock_watch_look(struct pb_clock_watch *watch, int64_t wall_ms, int64_t now_ns, int64_t settle_ms);
static inline bool pb__clock_is_good(enum pb_clock_state state) { return state != PB_CLOCK_JUMPED && state != PB_CLOCK_WAITING; }

#endif
