#include "base/crc32c.h"
#include "base/err.h"
#include "base/heap.h"
#include "base/list.h"
#include "base/mpsc.h"
#include "harness.h"
#include "sim_env.h"

TEST(crc_of_known_text) { CHECK_EQ(pb__crc32c(0, "123456789", 9), 0xE3069283u); }

TEST(crc_agrees_with_the_plain_way_at_every_length_and_place) {
    static uint8_t bytes[5000];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(i * 7919 >> 3);
    for (size_t size = 0; size <= 4200; size += size < 100 ? 1 : 37) {
        const uint8_t *at = harness_guarded(bytes + size % 13, size);
        CHECK_EQ(pb__crc32c(0, at, size), pb__crc32c_table(0, at, size));
        CHECK_EQ(pb__crc32c(pb__crc32c(0, at, size / 3), at + size / 3, size - size / 3), pb__crc32c_table(0, at, size));
    }
}

TEST(heap_gives_the_least_whatever_is_moved_or_taken_out) {
    struct sim_env sim;
    struct pb_heap heap;
    struct pb_heap_item items[200];
    sim_init(&sim);
    pb__heap_init(&heap, &sim.env);
    uint64_t random = 1;
    for (int i = 0; i < 200; i++) pb__heap_item_init(&items[i]);
    for (int round = 0; round < 5000; round++) {
        random = random * 6364136223846793005u + 1;
        struct pb_heap_item *item = &items[random >> 40 & 127];
        if (random >> 60 & 1) {
            CHECK_EQ(pb__heap_push(&heap, item, (int64_t)(random >> 45 & 0xfff)), 0);
        } else {
            pb__heap_remove(&heap, item);
        }
        int64_t least = INT64_MAX;
        for (int i = 0; i < 200; i++)
            if (items[i].index != PB_HEAP_OUTSIDE && items[i].key < least) least = items[i].key;
        const struct pb_heap_item *first = pb__heap_first(&heap);
        CHECK_EQ(first == NULL ? INT64_MAX : first->key, least);
    }
    pb__heap_deinit(&heap);
    CHECK_EQ(sim.allocs_live, 0);
    sim_deinit(&sim);
}

TEST(list_keeps_order_through_moves) {
    struct pb_list a, b, nodes[4];
    pb__list_init(&a);
    pb__list_init(&b);
    for (int i = 0; i < 4; i++) pb__list_push_back(i < 2 ? &a : &b, &nodes[i]);
    pb__list_move_all(&a, &b);
    CHECK(pb__list_is_empty(&b));
    for (int i = 0; i < 4; i++) CHECK(pb__list_pop_front(&a) == &nodes[i]);
    CHECK(pb__list_pop_front(&a) == NULL && !pb__list_is_linked(&nodes[3]));
}

TEST(queue_says_who_must_wake_and_gives_oldest_first) {
    struct pb_mpsc queue;
    struct pb_mpsc_node nodes[3];
    pb__mpsc_init(&queue);
    CHECK(pb__mpsc_push(&queue, &nodes[0]));
    CHECK(!pb__mpsc_push(&queue, &nodes[1]));
    CHECK(!pb__mpsc_push(&queue, &nodes[2]));
    struct pb_mpsc_node *node = pb__mpsc_take_all(&queue);
    for (int i = 0; i < 3; i++, node = node->next) CHECK(node == &nodes[i]);
    CHECK(node == NULL && pb__mpsc_is_empty(&queue));
}

TEST(every_error_has_a_name_a_text_and_a_code) {
    CHECK_EQ(pb_error_kafka_code(PB_E_OFFSET_OUT_OF_RANGE), 1);
    CHECK_EQ(pb_error_kafka_code(0), 0);
    CHECK_EQ(pb_error_kafka_code(-9999), -1);
    CHECK(strcmp(pb_error_name(PB_E_CORRUPT_BATCH), "PB_E_CORRUPT_BATCH") == 0);
    CHECK(strcmp(pb_error_name(-9999), "PB_E_?") == 0);
}

TEST(bytes_from_outside_are_escaped_and_cut) {
    char out[16];
    CHECK(strcmp(pb__env_quote(out, sizeof out, "a\nb", 3), "a\\x0ab") == 0);
    pb__env_quote(out, sizeof out, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 34);
    CHECK(strlen(out) < sizeof out && strstr(out, "...") != NULL);
}
