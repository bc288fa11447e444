/* log/key_map.h — the last offset of each key, for the cleaner: bounded, without the keys.
 *
 * Entry       24 bytes: a 128-bit hash of the key and the offset. Two keys with one hash would cost the older one its records, so the hash is SipHash-2-4 with
 *             128 bits out and a random key per map: nobody who writes records can aim at a collision, and chance needs 2^64 keys
 * Bounds      made for a number of slots, never grows; at used_max entries PB_E_FULL
 * Thread      one
 * Owner       the compaction that made it
 * Source      kafka:storage SkimpyOffsetMap (there MD5); SipHash: Aumasson and Bernstein, 2012 */
#ifndef PB_LOG_KEY_MAP_H
#define PB_LOG_KEY_MAP_H

#include "base/env.h"

enum { PB_KEY_MAP_SLOT_BYTES = 24, PB_KEY_HASH_KEY_BYTES = 16 };

struct pb_key_slot { uint64_t hash[2]; int64_t offset_after; };             /* offset + 1; 0: free */
struct pb_key_map {
    const struct pb_env *env;
    struct pb_key_slot *slots;
    uint64_t slot_count, used, used_max;
    uint8_t key[PB_KEY_HASH_KEY_BYTES];
};

/* Room for `keys_max` keys if bytes_max allows it, else for load_factor (0..1) of what does; one at least. 0 or PB_E_NOMEM. */
int pb__key_map_init(struct pb_key_map *map, const struct pb_env *env, int64_t bytes_max, double load_factor, int64_t keys_max);
void pb__key_map_deinit(struct pb_key_map *map);
/* Offsets of one key come in rising order. 0, or PB_E_FULL: a key that is new, and no room. */
int pb__key_map_put(struct pb_key_map *map, const uint8_t *key, size_t size_bytes, int64_t offset);
int64_t pb__key_map_find(const struct pb_key_map *map, const uint8_t *key, size_t size_bytes);   /* -1: not in it */

void pb__siphash_128(const uint8_t key[PB_KEY_HASH_KEY_BYTES], const uint8_t *bytes, size_t size_bytes, uint64_t hash_out[2]);

#endif
