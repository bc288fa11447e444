/* wire/reader.h — a place in received bytes, read with bounds: after the first thing that is not there every read gives 0 and `failed` stays set.
 *
 * Strings and bytes are views into the frame: lent as long as it is. Compact lengths are unsigned varints of at most 5 bytes, one more than the length,
 * 0 for null. A tagged section is a count, then tag, size, bytes each, tags ascending.
 * Thread      any; a reader belongs to one
 * Source      Kafka protocol guide, KIP-482 */
#ifndef PB_WIRE_READER_H
#define PB_WIRE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/endian.h"

struct pb_str { const uint8_t *data; int32_t size; };                       /* size -1: null; no NUL at the end */
struct pb_bytes { const uint8_t *data; int32_t size; };
struct pb_uuid { uint8_t b[16]; };
struct pb_array { const uint8_t *pos, *end; int32_t count; };               /* count -1: null */
struct pb_reader { const uint8_t *pos, *end; int failed; };
struct pb_tags { uint32_t left; uint32_t tag; int64_t last; };

enum { PB_ARRAY_COUNT_MAX = 1000000, PB_TAGS_MAX = 10000 };                 /* as a current Kafka reader has them */

static inline const uint8_t *pb__read_take(struct pb_reader *reader, int64_t size) {
    const uint8_t *at = reader->pos;
    if (size < 0 || size > reader->end - at) {
        reader->failed = 1;
        reader->pos = reader->end;
        return NULL;
    }
    reader->pos = at + size;
    return at;
}
static inline void pb__read_skip(struct pb_reader *reader, int64_t size) { (void)pb__read_take(reader, size); }
static inline int8_t pb__read_i8(struct pb_reader *reader) { const uint8_t *at = pb__read_take(reader, 1); return at ? (int8_t)*at : 0; }
static inline bool pb__read_bool(struct pb_reader *reader) { return pb__read_i8(reader) != 0; }
static inline int16_t pb__read_i16(struct pb_reader *reader) { const uint8_t *at = pb__read_take(reader, 2); return at ? pb__get_i16(at) : 0; }
static inline uint16_t pb__read_u16(struct pb_reader *reader) { return (uint16_t)pb__read_i16(reader); }
static inline int32_t pb__read_i32(struct pb_reader *reader) { const uint8_t *at = pb__read_take(reader, 4); return at ? pb__get_i32(at) : 0; }
static inline uint32_t pb__read_u32(struct pb_reader *reader) { return (uint32_t)pb__read_i32(reader); }
static inline int64_t pb__read_i64(struct pb_reader *reader) { const uint8_t *at = pb__read_take(reader, 8); return at ? pb__get_i64(at) : 0; }
static inline struct pb_uuid pb__read_uuid(struct pb_reader *reader) {
    struct pb_uuid uuid = { { 0 } };
    const uint8_t *at = pb__read_take(reader, 16);
    if (at != NULL) memcpy(uuid.b, at, 16);
    return uuid;
}

/* At most 5 bytes, 32 bits. */
uint32_t pb__read_uvarint(struct pb_reader *reader);
void pb__read_str(struct pb_reader *reader, bool compact, bool nullable, struct pb_str *out);
void pb__read_bytes(struct pb_reader *reader, bool compact, bool nullable, struct pb_bytes *out);
/* Count and place; an element takes element_bytes_min at least, so that a count beyond what is left fails before anything is done for it. */
void pb__read_array(struct pb_reader *reader, bool compact, bool nullable, int32_t element_bytes_min, struct pb_array *out);
void pb__read_tags(struct pb_reader *reader, struct pb_tags *out);
/* Next tagged field, tags->tag, with a reader of its own; false at the end. */
bool pb__tags_next(struct pb_reader *reader, struct pb_tags *tags, struct pb_reader *field_out);
void pb__read_tags_skip(struct pb_reader *reader);

/* Next element of an array of int32: 1 one, 0 end. */
int pb__array_next_i32(struct pb_array *array, int32_t *out);

#endif
