#include "base/crc32c.h"

#include <stdbool.h>
#include <string.h>

enum { POLYNOMIAL_BITS = 8 };
#define POLYNOMIAL 0x82F63B78u                                              /* Castagnoli, reflected */

#define STEP(c) ((c) & 1 ? ((c) >> 1) ^ POLYNOMIAL : (c) >> 1)

uint32_t pb__crc32c_table(uint32_t crc, const void *bytes, size_t size_bytes) {
    const uint8_t *at = bytes;
    crc = ~crc;
    for (; size_bytes > 0; at++, size_bytes--) {
        crc ^= *at;
        for (int i = 0; i < POLYNOMIAL_BITS; i++) crc = STEP(crc);
    }
    return ~crc;
}

#if defined(__x86_64__)
#include <immintrin.h>
#define HARDWARE __attribute__((target("sse4.2,pclmul")))

/* Three streams hide the latency of the instruction (3 cycles); a stream's sum is moved behind the next ones by one carry-less multiplication with
 * x^(8 n - 33) mod P, whose 64-bit product crc32q reduces (it multiplies by x^32, the product of reflected values by x). */
enum { STREAM_BYTES = 1024, SHORT_BYTES = 256 };
static const uint32_t by_stream[2] = { 0x170076fa, 0xa51b6135 }, by_short[2] = { 0xb9e02b86, 0xdd7e3b0c };

HARDWARE static inline uint64_t word(const uint8_t *at) {
    uint64_t w;
    memcpy(&w, at, 8);
    return w;
}

HARDWARE static inline uint64_t moved(uint64_t crc, uint32_t factor) {
    __m128i product = _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)crc), _mm_cvtsi32_si128((int)factor), 0);
    return _mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(product));
}

HARDWARE static inline uint64_t three_streams(uint64_t crc, const uint8_t *at, size_t stream_bytes, const uint32_t factor[2]) {
    uint64_t second = 0, third = 0;
    for (size_t i = 0; i < stream_bytes; i += 8) {
        crc = _mm_crc32_u64(crc, word(at + i));
        second = _mm_crc32_u64(second, word(at + stream_bytes + i));
        third = _mm_crc32_u64(third, word(at + 2 * stream_bytes + i));
    }
    return moved(crc, factor[1]) ^ moved(second, factor[0]) ^ third;
}

HARDWARE static uint32_t crc32c_hardware(uint32_t start, const void *bytes, size_t size_bytes) {
    const uint8_t *at = bytes;
    uint64_t crc = ~start;
    for (; size_bytes >= 3 * STREAM_BYTES; at += 3 * STREAM_BYTES, size_bytes -= 3 * STREAM_BYTES) crc = three_streams(crc, at, STREAM_BYTES, by_stream);
    for (; size_bytes >= 3 * SHORT_BYTES; at += 3 * SHORT_BYTES, size_bytes -= 3 * SHORT_BYTES) crc = three_streams(crc, at, SHORT_BYTES, by_short);
    for (; size_bytes >= 8; at += 8, size_bytes -= 8) crc = _mm_crc32_u64(crc, word(at));
    for (; size_bytes > 0; at++, size_bytes--) crc = _mm_crc32_u8((uint32_t)crc, *at);
    return ~(uint32_t)crc;
}

static inline bool has_hardware(void) { return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul"); }

#elif defined(__aarch64__)
#include <arm_acle.h>
#include <sys/auxv.h>
#define HARDWARE __attribute__((target("+crc")))

HARDWARE static uint32_t crc32c_hardware(uint32_t start, const void *bytes, size_t size_bytes) {
    const uint8_t *at = bytes;
    uint32_t crc = ~start;
    for (uint64_t w; size_bytes >= 8; at += 8, size_bytes -= 8) {
        memcpy(&w, at, 8);
        crc = __crc32cd(crc, w);
    }
    for (; size_bytes > 0; at++, size_bytes--) crc = __crc32cb(crc, *at);
    return ~crc;
}

enum { HWCAP_CRC32_BIT = 1 << 7 };
static inline bool has_hardware(void) { return (getauxval(AT_HWCAP) & HWCAP_CRC32_BIT) != 0; }

#else
static inline bool has_hardware(void) { return false; }
static uint32_t crc32c_hardware(uint32_t start, const void *bytes, size_t size_bytes) { return pb__crc32c_table(start, bytes, size_bytes); }
#endif

uint32_t pb__crc32c(uint32_t crc, const void *bytes, size_t size_bytes) {
    return has_hardware() ? crc32c_hardware(crc, bytes, size_bytes) : pb__crc32c_table(crc, bytes, size_bytes);
}
