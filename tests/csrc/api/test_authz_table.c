/* Decisions about rights: what the table says, what it forgets, and what readers see while it is written. */
#include <pthread.h>
#include <stdlib.h>

#include "../harness.h"
#include "../sim_env.h"
#include "api/authz_table.h"
#include "base/err.h"
#include "base/siphash.h"

static struct pb_right right_of(uint32_t subject, int operation, const char *name) {
    return (struct pb_right){ subject, (uint8_t)operation, PB_RIGHT_TOPIC, (const uint8_t *)name, (int32_t)strlen(name) };
}

static int find(struct pb_authz_table *table, uint32_t subject, int operation, const char *name, int64_t now_ns) {
    struct pb_right right = right_of(subject, operation, name);
    return pb__authz_table_find(table, &right, now_ns);
}

static void put(struct pb_authz_table *table, uint32_t subject, int operation, const char *name, bool allowed, int64_t until_ns) {
    struct pb_right right = right_of(subject, operation, name);
    pb__authz_table_put(table, &right, allowed, until_ns, 0);
}

TEST(a_decision_is_about_one_subject_operation_kind_and_name_and_ends) {
    struct sim_env sim;
    struct pb_authz_table *table;
    sim_init(&sim);
    CHECK_EQ(pb__authz_table_new(&sim.env, &table), 0);
    CHECK_EQ(find(table, 1, PB_RIGHT_READ, "t", 10), PB_E_NOENT);
    put(table, 1, PB_RIGHT_READ, "t", true, 100);
    put(table, 1, PB_RIGHT_WRITE, "t", false, 100);
    CHECK_EQ(find(table, 1, PB_RIGHT_READ, "t", 10), 1);
    CHECK_EQ(find(table, 1, PB_RIGHT_WRITE, "t", 10), 0);
    CHECK_EQ(find(table, 2, PB_RIGHT_READ, "t", 10), PB_E_NOENT);
    CHECK_EQ(find(table, 1, PB_RIGHT_READ, "tt", 10), PB_E_NOENT);
    CHECK_EQ(find(table, 1, PB_RIGHT_READ, "", 10), PB_E_NOENT);
    struct pb_right group = right_of(1, PB_RIGHT_READ, "t");
    group.resource = PB_RIGHT_GROUP;
    CHECK_EQ(pb__authz_table_find(table, &group, 10), PB_E_NOENT);
    CHECK_EQ(find(table, 1, PB_RIGHT_READ, "t", 101), PB_E_NOENT);
    put(table, 1, PB_RIGHT_READ, "t", false, 200);                          /* another mind */
    CHECK_EQ(find(table, 1, PB_RIGHT_READ, "t", 150), 0);
    put(table, 0, PB_RIGHT_READ, "t", true, 200);                           /* nobody */
    CHECK_EQ(find(table, 0, PB_RIGHT_READ, "t", 10), PB_E_NOENT);
    pb__authz_table_free(table, &sim.env);
    CHECK_EQ(sim.allocs_live, 0);
    sim_deinit(&sim);
}

TEST(one_subject_or_all_are_forgotten) {
    struct sim_env sim;
    struct pb_authz_table *table;
    sim_init(&sim);
    CHECK_EQ(pb__authz_table_new(&sim.env, &table), 0);
    for (uint32_t subject = 1; subject <= 3; subject++) put(table, subject, PB_RIGHT_READ, "t", true, 100);
    pb__authz_table_forget(table, 2);
    CHECK_EQ(find(table, 1, PB_RIGHT_READ, "t", 10), 1);
    CHECK_EQ(find(table, 2, PB_RIGHT_READ, "t", 10), PB_E_NOENT);
    pb__authz_table_forget(table, 0);
    CHECK_EQ(find(table, 1, PB_RIGHT_READ, "t", 10), PB_E_NOENT);
    CHECK_EQ(find(table, 3, PB_RIGHT_READ, "t", 10), PB_E_NOENT);
    pb__authz_table_free(table, &sim.env);
    sim_deinit(&sim);
}

TEST(a_full_table_forgets_and_never_says_what_was_not_put_in) {
    struct sim_env sim;
    struct pb_authz_table *table;
    sim_init(&sim);
    CHECK_EQ(pb__authz_table_new(&sim.env, &table), 0);
    enum { NAMES = 4 * PB_RIGHTS_SETS * PB_RIGHTS_WAYS };
    char name[32];
    for (int i = 0; i < NAMES; i++) {
        (void)snprintf(name, sizeof name, "topic-%d", i);
        put(table, 1 + (uint32_t)i % 7, PB_RIGHT_WRITE, name, i % 3 == 0, 1000 + i);
    }
    int known = 0;
    for (int i = 0; i < NAMES; i++) {
        (void)snprintf(name, sizeof name, "topic-%d", i);
        int rc = find(table, 1 + (uint32_t)i % 7, PB_RIGHT_WRITE, name, 10);
        known += rc >= 0;
        if (rc >= 0) CHECK_EQ(rc, i % 3 == 0);
    }
    CHECK(known > NAMES / 5 && known <= PB_RIGHTS_SETS * PB_RIGHTS_WAYS);
    pb__authz_table_free(table, &sim.env);
    sim_deinit(&sim);
}

TEST(without_memory_there_is_no_table) {
    struct sim_env sim;
    struct pb_authz_table *table = NULL;
    sim_init(&sim);
    sim.count_alloc = true;
    sim_arm(&sim, 1, 12 /* ENOMEM */, false);
    CHECK_EQ(pb__authz_table_new(&sim.env, &table), PB_E_NOMEM);
    CHECK(table == NULL);
    sim_deinit(&sim);
}

/* Names whose decision is in their length: a reader that saw a torn entry would see the other one. */
struct reader { struct pb_authz_table *table; _Atomic bool *stop; int64_t wrong, seen; };

static void *read_on(void *context) {
    struct reader *reader = context;
    char name[16];
    for (unsigned i = 0; !*reader->stop; i++) {
        (void)snprintf(name, sizeof name, "%u", i % 20000);
        int rc = find(reader->table, 1, PB_RIGHT_READ, name, 10);
        reader->seen += rc >= 0;
        reader->wrong += rc >= 0 && rc != (int)(strlen(name) & 1);
    }
    return NULL;
}

TEST(readers_see_whole_decisions_while_they_are_written) {
    struct sim_env sim;
    struct pb_authz_table *table;
    _Atomic bool stop = false;
    sim_init(&sim);
    CHECK_EQ(pb__authz_table_new(&sim.env, &table), 0);
    struct reader readers[2] = { { table, &stop, 0, 0 }, { table, &stop, 0, 0 } };
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) CHECK_EQ(pthread_create(&threads[i], NULL, read_on, &readers[i]), 0);
    char name[16];
    for (unsigned i = 0; i < 400000; i++) {
        (void)snprintf(name, sizeof name, "%u", i % 20000);
        put(table, 1, PB_RIGHT_READ, name, strlen(name) & 1, 1000 + (int64_t)i);
        if (i % 100000 == 0) pb__authz_table_forget(table, 0);
    }
    stop = true;
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        CHECK_EQ(readers[i].wrong, 0);
        CHECK(readers[i].seen > 0);
    }
    pb__authz_table_free(table, &sim.env);
    sim_deinit(&sim);
}

/* The first and the last row of the table that its authors published, with their key. */
TEST(the_hash_is_siphash) {
    uint8_t bytes[63];
    uint64_t key[2] = { 0x0706050403020100u, 0x0f0e0d0c0b0a0908u };
    for (int i = 0; i < 63; i++) bytes[i] = (uint8_t)i;
    CHECK(pb__siphash(key, bytes, 0) == 0x726fdb47dd0e0e31u);
    CHECK(pb__siphash(key, bytes, 15) == 0xa129ca6149be45e5u);
    CHECK(pb__siphash(key, bytes, 63) == 0x958a324ceb064572u);
}
