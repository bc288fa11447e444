#include "base/clock_watch.h"

static bool is_near(int64_t left, int64_t right) {
    int64_t apart = left - right;
    return apart <= PB_CLOCK_DRIFT_MS && apart >= -PB_CLOCK_DRIFT_MS;
}

enum pb_clock_state pb__clock_watch_look(struct pb_clock_watch *watch, int64_t wall_ms, int64_t now_ns, int64_t settle_ms) {
    int64_t now_ms = now_ns / 1000000, skew_ms = wall_ms - now_ms;
    bool jumped = watch->jumped;
    if (!watch->known || is_near(skew_ms, watch->skew_ms)) {
        *watch = (struct pb_clock_watch){ .skew_ms = skew_ms, .known = true };
        return jumped ? PB_CLOCK_BACK : PB_CLOCK_GOOD;
    }
    if (!jumped || !is_near(skew_ms, watch->new_skew_ms)) {
        watch->jumped = true;
        watch->new_skew_ms = skew_ms;
        watch->new_since_ms = now_ms;
        return PB_CLOCK_JUMPED;
    }
    watch->new_skew_ms = skew_ms;
    if (now_ms - watch->new_since_ms < settle_ms) return PB_CLOCK_WAITING;
    *watch = (struct pb_clock_watch){ .skew_ms = skew_ms, .known = true };
    return PB_CLOCK_ACCEPTED;
}
