/* base/endian.h — big-endian integers at any address, as the Kafka protocol and its files have them.
 * Thread      any */
#ifndef PB_BASE_ENDIAN_H
#define PB_BASE_ENDIAN_H

#include <stdint.h>
#include <string.h>

static inline uint16_t pb__get_u16(const uint8_t *at) { uint16_t v; memcpy(&v, at, 2); return __builtin_bswap16(v); }
static inline uint32_t pb__get_u32(const uint8_t *at) { uint32_t v; memcpy(&v, at, 4); return __builtin_bswap32(v); }
static inline uint64_t pb__get_u64(const uint8_t *at) { uint64_t v; memcpy(&v, at, 8); return __builtin_bswap64(v); }
static inline int16_t pb__get_i16(const uint8_t *at) { return (int16_t)pb__get_u16(at); }
static inline int32_t pb__get_i32(const uint8_t *at) { return (int32_t)pb__get_u32(at); }
static inline int64_t pb__get_i64(const uint8_t *at) { return (int64_t)pb__get_u64(at); }
static inline void pb__put_u16(uint8_t *at, uint16_t v) { v = __builtin_bswap16(v); memcpy(at, &v, 2); }
static inline void pb__put_u32(uint8_t *at, uint32_t v) { v = __builtin_bswap32(v); memcpy(at, &v, 4); }
static inline void pb__put_u64(uint8_t *at, uint64_t v) { v = __builtin_bswap64(v); memcpy(at, &v, 8); }
static inline void pb__put_i16(uint8_t *at, int16_t v) { pb__put_u16(at, (uint16_t)v); }
static inline void pb__put_i32(uint8_t *at, int32_t v) { pb__put_u32(at, (uint32_t)v); }
static inline void pb__put_i64(uint8_t *at, int64_t v) { pb__put_u64(at, (uint64_t)v); }

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the byte swaps above are for little-endian machines"
#endif

#endif
