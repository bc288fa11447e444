/* wire/writer.h — a place in a buffer to be filled: what does not fit sets `failed` and writes nothing more.
 * Thread      any; a writer belongs to one
 * Owner       the buffer is the caller's */
#ifndef PB_WIRE_WRITER_H
#define PB_WIRE_WRITER_H

#include "wire/reader.h"

struct pb_writer { uint8_t *start, *pos, *end; int failed; };

static inline uint8_t *pb__put_take(struct pb_writer *writer, size_t size) {
    uint8_t *at = writer->pos;
    if ((size_t)(writer->end - at) < size) {
        writer->failed = 1;
        return NULL;
    }
    writer->pos = at + size;
    return at;
}
static inline void pb__put_i8_to(struct pb_writer *writer, int8_t value) { uint8_t *at = pb__put_take(writer, 1); if (at) *at = (uint8_t)value; }
static inline void pb__put_bool_to(struct pb_writer *writer, bool value) { pb__put_i8_to(writer, value ? 1 : 0); }
static inline void pb__put_i16_to(struct pb_writer *writer, int16_t value) { uint8_t *at = pb__put_take(writer, 2); if (at) pb__put_i16(at, value); }
static inline void pb__put_u16_to(struct pb_writer *writer, uint16_t value) { pb__put_i16_to(writer, (int16_t)value); }
static inline void pb__put_i32_to(struct pb_writer *writer, int32_t value) { uint8_t *at = pb__put_take(writer, 4); if (at) pb__put_i32(at, value); }
static inline void pb__put_u32_to(struct pb_writer *writer, uint32_t value) { pb__put_i32_to(writer, (int32_t)value); }
static inline void pb__put_i64_to(struct pb_writer *writer, int64_t value) { uint8_t *at = pb__put_take(writer, 8); if (at) pb__put_i64(at, value); }
static inline void pb__put_raw(struct pb_writer *writer, const void *bytes, size_t size) {
    uint8_t *at = pb__put_take(writer, size);
    if (at != NULL && size > 0) memcpy(at, bytes, size);
}
static inline void pb__put_uuid_to(struct pb_writer *writer, struct pb_uuid value) { pb__put_raw(writer, value.b, 16); }
static inline void pb__put_uvarint(struct pb_writer *writer, uint32_t value) {
    for (; value > 0x7f; value >>= 7) pb__put_i8_to(writer, (int8_t)(value | 0x80));
    pb__put_i8_to(writer, (int8_t)value);
}
/* Count of an array, size of bytes: -1 is null. */
static inline void pb__put_count(struct pb_writer *writer, bool compact, int32_t count) {
    if (compact) {
        pb__put_uvarint(writer, (uint32_t)(count + 1));
    } else {
        pb__put_i32_to(writer, count);
    }
}
static inline void pb__put_size(struct pb_writer *writer, bool compact, int32_t size_bytes) { pb__put_count(writer, compact, size_bytes); }
static inline void pb__put_str(struct pb_writer *writer, bool compact, const struct pb_str *value) {
    int32_t size = value->data == NULL ? value->size < 0 ? -1 : 0 : value->size;
    if (compact) {
        pb__put_uvarint(writer, (uint32_t)(size + 1));
    } else {
        pb__put_i16_to(writer, (int16_t)size);
    }
    if (size > 0) pb__put_raw(writer, value->data, (size_t)size);
}
static inline void pb__put_bytes(struct pb_writer *writer, bool compact, const struct pb_bytes *value) {
    pb__put_count(writer, compact, value->size);
    if (value->size > 0) pb__put_raw(writer, value->data, (size_t)value->size);
}
/* A tagged field of less than 128 bytes: its size is filled in by end. */
static inline uint8_t *pb__put_tag_begin(struct pb_writer *writer) { return pb__put_take(writer, 1); }
static inline void pb__put_tag_end(struct pb_writer *writer, uint8_t *size_at) {
    if (size_at == NULL || writer->failed) return;
    if (writer->pos - size_at > 128) {
        writer->failed = 1;
    } else {
        *size_at = (uint8_t)(writer->pos - size_at - 1);
    }
}

#endif
