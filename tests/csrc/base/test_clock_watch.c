#include "base/clock_watch.h"
#include "harness.h"

enum { SETTLE_MS = 60000 };
static const int64_t WALL = 1700000000000, HOUR = 3600000;

static enum pb_clock_state look(struct pb_clock_watch *watch, int64_t wall_ms, int64_t after_s) { return pb__clock_watch_look(watch, wall_ms + after_s * 1000, after_s * 1000000000, SETTLE_MS); }

TEST(a_clock_that_drifts_slowly_is_believed) {
    struct pb_clock_watch watch = { 0 };
    for (int64_t s = 0; s < 10000; s++) CHECK_EQ(look(&watch, WALL + s, s), PB_CLOCK_GOOD);   /* a millisecond a second, in all ten seconds */
}

TEST(a_jump_that_is_undone_in_time_is_never_believed) {
    static const int64_t jumps[] = { 3600000, -3600000, 10LL * 365 * 86400000, -7200000 };
    for (size_t i = 0; i < 4; i++) {
        struct pb_clock_watch watch = { 0 };
        CHECK_EQ(look(&watch, WALL, 100), PB_CLOCK_GOOD);
        CHECK_EQ(look(&watch, WALL + jumps[i], 101), PB_CLOCK_JUMPED);
        for (int64_t s = 102; s < 160; s++) CHECK_EQ(look(&watch, WALL + jumps[i], s), PB_CLOCK_WAITING);
        CHECK_EQ(look(&watch, WALL, 160), PB_CLOCK_BACK);
        CHECK_EQ(look(&watch, WALL, 161), PB_CLOCK_GOOD);
    }
}

TEST(a_jump_that_stays_is_believed_after_its_time) {
    struct pb_clock_watch watch = { 0 };
    CHECK_EQ(look(&watch, WALL, 0), PB_CLOCK_GOOD);
    CHECK_EQ(look(&watch, WALL + HOUR, 5), PB_CLOCK_JUMPED);
    CHECK_EQ(look(&watch, WALL + HOUR, 64), PB_CLOCK_WAITING);
    CHECK_EQ(look(&watch, WALL + HOUR, 65), PB_CLOCK_ACCEPTED);
    CHECK_EQ(look(&watch, WALL + HOUR, 66), PB_CLOCK_GOOD);
}

TEST(a_second_jump_begins_the_wait_anew) {
    struct pb_clock_watch watch = { 0 };
    CHECK_EQ(look(&watch, WALL, 0), PB_CLOCK_GOOD);
    CHECK_EQ(look(&watch, WALL + HOUR, 5), PB_CLOCK_JUMPED);
    CHECK_EQ(look(&watch, WALL + 2 * HOUR, 64), PB_CLOCK_JUMPED);
    CHECK_EQ(look(&watch, WALL + 2 * HOUR, 70), PB_CLOCK_WAITING);
    CHECK_EQ(look(&watch, WALL + 2 * HOUR, 124), PB_CLOCK_ACCEPTED);
}
