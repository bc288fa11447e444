/* base/crc32c.h — CRC-32C (Castagnoli), the checksum of record batches.
 * Chosen at run time: SSE4.2 with three interleaved streams (folded by PCLMUL where present), ARMv8 CRC instructions, or a table.
 * Thread      any */
#ifndef PB_BASE_CRC32C_H
#define PB_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* CRC-32C of size_bytes bytes; crc: 0 to begin, or the result over the bytes before. */
uint32_t pb__crc32c(uint32_t crc, const void *bytes, size_t size_bytes);
/* The slow, plain way, for tests. */
uint32_t pb__crc32c_table(uint32_t crc, const void *bytes, size_t size_bytes);

#endif
