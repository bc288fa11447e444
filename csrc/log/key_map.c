#include "log/key_map.h"

#include <string.h>

#include "base/assert.h"
#include "base/err.h"

_Static_assert(sizeof(struct pb_key_slot) == PB_KEY_MAP_SLOT_BYTES, "an entry is what the buffer is counted in");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "words are read as they lie");

/* ---- SipHash-2-4, 128 bits */

static inline uint64_t rotate(uint64_t x, int bits) { return x << bits | x >> (64 - bits); }

static inline void sip_round(uint64_t v[4]) {
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

static inline void sip_word(uint64_t v[4], uint64_t word) {
    v[3] ^= word;
    sip_round(v);
    sip_round(v);
    v[0] ^= word;
}

static inline uint64_t sip_end(uint64_t v[4]) {
    for (int i = 0; i < 4; i++) sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void pb__siphash_128(const uint8_t key[PB_KEY_HASH_KEY_BYTES], const uint8_t *bytes, size_t size_bytes, uint64_t hash_out[2]) {
    uint64_t k[2], word, last = (uint64_t)size_bytes << 56;
    memcpy(k, key, sizeof k);
    uint64_t v[4] = { k[0] ^ 0x736f6d6570736575u, k[1] ^ 0x646f72616e646f6du ^ 0xee, k[0] ^ 0x6c7967656e657261u, k[1] ^ 0x7465646279746573u };
    for (; size_bytes >= sizeof word; bytes += sizeof word, size_bytes -= sizeof word) {
        memcpy(&word, bytes, sizeof word);
        sip_word(v, word);
    }
    for (size_t i = 0; i < size_bytes; i++) last |= (uint64_t)bytes[i] << (8 * i);
    sip_word(v, last);
    v[2] ^= 0xee;
    hash_out[0] = sip_end(v);
    v[1] ^= 0xdd;
    hash_out[1] = sip_end(v);
}

/* ---- the table */

int pb__key_map_init(struct pb_key_map *map, const struct pb_env *env, int64_t bytes_max, double load_factor, int64_t keys_max) {
    double load = load_factor > 0 && load_factor < 1 ? load_factor : 0.9;
    double wanted = (double)pb__max_i64(keys_max, 1) / load + 2, allowed = (double)pb__max_i64(bytes_max / PB_KEY_MAP_SLOT_BYTES, 2);
    *map = (struct pb_key_map){ .env = env, .slot_count = (uint64_t)(wanted < allowed ? wanted : allowed) };
    map->used_max = (uint64_t)((double)map->slot_count * load);
    if (map->used_max == 0) map->used_max = 1;
    PB_ASSERT(map->used_max < map->slot_count);                             /* a search ends at a free slot */
    env->random(env->context, map->key, sizeof map->key);
    map->slots = pb__env_zalloc(env, map->slot_count * sizeof *map->slots);
    return map->slots == NULL ? PB_E_NOMEM : 0;
}

void pb__key_map_deinit(struct pb_key_map *map) {
    if (map->env != NULL) pb__env_free(map->env, map->slots);
    map->slots = NULL;
}

/* The slot of the key, or the free one where it would be. */
static struct pb_key_slot *slot_of(const struct pb_key_map *map, const uint8_t *key, size_t size_bytes, uint64_t hash[2]) {
    pb__siphash_128(map->key, key, size_bytes, hash);
    uint64_t at = (uint64_t)(((unsigned __int128)hash[0] * map->slot_count) >> 64);
    while (map->slots[at].offset_after != 0 && (map->slots[at].hash[0] != hash[0] || map->slots[at].hash[1] != hash[1])) at = at + 1 < map->slot_count ? at + 1 : 0;
    return &map->slots[at];
}

int pb__key_map_put(struct pb_key_map *map, const uint8_t *key, size_t size_bytes, int64_t offset) {
    uint64_t hash[2];
    struct pb_key_slot *slot = slot_of(map, key, size_bytes, hash);
    if (slot->offset_after == 0) {
        if (map->used == map->used_max) return PB_E_FULL;
        map->used++;
        memcpy(slot->hash, hash, sizeof slot->hash);
    }
    slot->offset_after = offset + 1;
    return 0;
}

int64_t pb__key_map_find(const struct pb_key_map *map, const uint8_t *key, size_t size_bytes) {
    uint64_t hash[2];
    return slot_of(map, key, size_bytes, hash)->offset_after - 1;
}
