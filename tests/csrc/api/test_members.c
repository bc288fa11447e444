/* Steady members: what the table says, against a plain list, through growth, removal and lack of memory. */
#include "../harness.h"
#include "../sim_env.h"
#include "api/members.h"
#include "base/err.h"

enum { MODEL_MAX = 300, STEPS = 20000 };

static struct pb_str text(const char *at) { return (struct pb_str){ (const uint8_t *)at, at == NULL ? -1 : (int32_t)strlen(at) }; }

static struct pb_member member_of(const char *group, const char *name, const char *instance, int32_t generation) {
    return (struct pb_member){ .name = { text(group), text(name) }, .instance = text(instance), .generation = generation, .interval_ms = 3000 };
}

static bool heartbeat(struct pb_members *members, struct pb_member sender, int64_t now_ns) {
    int32_t interval_ms = 0;
    bool steady = pb__members_heartbeat(members, &sender, now_ns, &interval_ms);
    CHECK_EQ(interval_ms, steady ? 3000 : 0);
    return steady;
}

TEST(a_heartbeat_is_steady_when_it_says_just_what_was_put_in) {
    struct sim_env sim;
    struct pb_members members;
    sim_init(&sim);
    CHECK_EQ(pb__members_init(&members, &sim.env), 0);
    struct pb_member plain = member_of("group", "member", NULL, 5), fixed = member_of("group", "fixed", "host-1", 5), other = member_of("group", "new", NULL, 5);
    other.kind = PB_MEMBER_CONSUMER;
    CHECK_EQ(pb__members_put(&members, &plain, 10), 0);
    CHECK_EQ(pb__members_put(&members, &fixed, 10), 0);
    CHECK_EQ(pb__members_put(&members, &other, 10), 0);
    CHECK(heartbeat(&members, plain, 20));
    CHECK_EQ(pb__members_heard_ns(&members, &plain.name), 20);
    CHECK(!heartbeat(&members, member_of("group", "member", NULL, 4), 30));
    CHECK(!heartbeat(&members, member_of("group", "member", NULL, 6), 30));
    CHECK(!heartbeat(&members, member_of("group", "member", "host-1", 5), 30));
    CHECK(!heartbeat(&members, member_of("group", "membe", NULL, 5), 30));
    CHECK(!heartbeat(&members, member_of("groupm", "ember", NULL, 5), 30));   /* the same letters in all */
    CHECK(!heartbeat(&members, member_of("", "", NULL, 5), 30));
    CHECK(!heartbeat(&members, member_of("group", "new", NULL, 5), 30));      /* of the other protocol */
    CHECK_EQ(pb__members_heard_ns(&members, &plain.name), 20);                /* none of these counted as heard */
    CHECK(heartbeat(&members, fixed, 30));
    CHECK(!heartbeat(&members, member_of("group", "fixed", NULL, 5), 40));
    CHECK(!heartbeat(&members, member_of("group", "fixed", "host-2", 5), 40));
    other.instance = text(NULL);
    CHECK(heartbeat(&members, other, 50));
    pb__members_deinit(&members);
    CHECK_EQ(sim.allocs_live, 0);
    sim_deinit(&sim);
}

TEST(a_consumer_with_an_instance_may_leave_it_out) {
    struct sim_env sim;
    struct pb_members members;
    sim_init(&sim);
    CHECK_EQ(pb__members_init(&members, &sim.env), 0);
    struct pb_member fixed = member_of("g", "m", "host", 1);
    fixed.kind = PB_MEMBER_CONSUMER;
    CHECK_EQ(pb__members_put(&members, &fixed, 1), 0);
    CHECK(heartbeat(&members, fixed, 2));
    fixed.instance = text(NULL);
    CHECK(heartbeat(&members, fixed, 3));
    fixed.instance = text("other");
    CHECK(!heartbeat(&members, fixed, 4));
    pb__members_deinit(&members);
    sim_deinit(&sim);
}

TEST(the_table_agrees_with_a_list) {
    struct sim_env sim;
    struct pb_members members;
    sim_init(&sim);
    CHECK_EQ(pb__members_init(&members, &sim.env), 0);
    static int32_t model[MODEL_MAX];                                        /* generation, 0: not in */
    memset(model, 0, sizeof model);
    uint64_t random = 42;
    for (int step = 0; step < STEPS; step++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        int which = (int)((random >> 33) % MODEL_MAX);
        char group[16], name[16];
        snprintf(group, sizeof group, "g%d", which % 7);
        snprintf(name, sizeof name, "m%d", which);
        struct pb_member member = member_of(group, name, NULL, (int32_t)(step + 1));
        if ((random >> 20) % 3 == 0) {
            pb__members_remove(&members, &member.name);
            model[which] = 0;
        } else {
            CHECK_EQ(pb__members_put(&members, &member, step), 0);
            model[which] = member.generation;
        }
        int look = (int)((random >> 12) % MODEL_MAX);
        snprintf(group, sizeof group, "g%d", look % 7);
        snprintf(name, sizeof name, "m%d", look);
        CHECK_EQ(heartbeat(&members, member_of(group, name, NULL, model[look]), step), model[look] != 0);
    }
    int32_t count = 0;
    for (int i = 0; i < MODEL_MAX; i++) count += model[i] != 0;
    CHECK_EQ(members.count, count);
    pb__members_deinit(&members);
    CHECK_EQ(sim.allocs_live, 0);
    sim_deinit(&sim);
}

TEST(without_memory_what_was_in_stays) {
    struct sim_env sim;
    struct pb_members members;
    sim_init(&sim);
    CHECK_EQ(pb__members_init(&members, &sim.env), 0);
    sim.count_alloc = true;
    int in = 0;
    for (int i = 0; i < 100; i++) {
        char name[16];
        snprintf(name, sizeof name, "m%d", i);
        struct pb_member member = member_of("g", name, NULL, 1);
        sim_arm(&sim, 1 + i % 3, 12 /* ENOMEM */, false);
        int rc = pb__members_put(&members, &member, 1);
        CHECK(rc == 0 || rc == PB_E_NOMEM);
        CHECK_EQ(heartbeat(&members, member, 2), rc == 0);
        in += rc == 0;
    }
    CHECK(in > 0 && in < 100);
    CHECK_EQ(members.count, in);
    sim.count_alloc = false;
    pb__members_deinit(&members);
    CHECK_EQ(sim.allocs_live, 0);
    sim_deinit(&sim);
}
