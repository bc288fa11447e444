/* The cleaner's map of keys: a hash nobody can aim at, a bound that holds. */
#include <string.h>

#include "base/err.h"
#include "harness.h"
#include "log/key_map.h"
#include "sim_env.h"

TEST(the_hash_is_siphash_with_128_bits) {
    /* First vectors of its authors: key 00..0f, input 00..(n-1). */
    static const uint8_t wanted[2][16] = { { 0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25, 0xa8, 0xe6, 0x6d, 0xf6, 0x72, 0x14, 0xc7, 0x55, 0x02, 0x93 },
                                           { 0xda, 0x87, 0xc1, 0xd8, 0x6b, 0x99, 0xaf, 0x44, 0x34, 0x76, 0x59, 0x11, 0x9b, 0x22, 0xfc, 0x45 } };
    uint8_t key[16], input[1] = { 0 };
    uint64_t hash[2];
    for (uint8_t i = 0; i < 16; i++) key[i] = i;
    for (size_t size = 0; size < 2; size++) {
        pb__siphash_128(key, input, size, hash);
        CHECK_EQ(memcmp(hash, wanted[size], sizeof hash), 0);
    }
}

TEST(the_last_offset_of_each_key_is_found_until_it_is_full) {
    struct sim_env sim;
    struct pb_key_map map;
    sim_init(&sim);
    CHECK_EQ(pb__key_map_init(&map, &sim.env, 100 * PB_KEY_MAP_SLOT_BYTES, 0.9, INT64_MAX), 0);
    CHECK_EQ(map.used_max, 90);
    for (int round = 0; round < 2; round++)
        for (uint32_t i = 0; i < 90; i++) CHECK_EQ(pb__key_map_put(&map, (const uint8_t *)&i, sizeof i, round * 1000 + i), 0);
    uint32_t more = 90;
    CHECK_EQ(pb__key_map_put(&map, (const uint8_t *)&more, sizeof more, 5), PB_E_FULL);
    CHECK_EQ(pb__key_map_find(&map, (const uint8_t *)&more, sizeof more), -1);
    for (uint32_t i = 0; i < 90; i++) CHECK_EQ(pb__key_map_find(&map, (const uint8_t *)&i, sizeof i), 1000 + i);
    pb__key_map_deinit(&map);
    CHECK_EQ(sim.allocs_live, 0);
    sim_deinit(&sim);
}

TEST(it_takes_no_more_memory_than_its_keys_need) {
    struct sim_env sim;
    struct pb_key_map map;
    sim_init(&sim);
    CHECK_EQ(pb__key_map_init(&map, &sim.env, 128 << 20, 0.9, 9), 0);
    CHECK(map.slot_count <= 12 && map.used_max >= 9);
    pb__key_map_deinit(&map);
    sim_deinit(&sim);
}
