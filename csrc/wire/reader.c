#include "wire/reader.h"

#include <stddef.h>

uint32_t pb__read_uvarint(struct pb_reader *reader) {
    uint64_t value = 0;
    for (int shift = 0; shift < 35; shift += 7) {
        const uint8_t *at = pb__read_take(reader, 1);
        if (at == NULL) return 0;
        value |= (uint64_t)(*at & 0x7f) << shift;
        if (*at < 0x80) {
            if (value > UINT32_MAX) break;
            return (uint32_t)value;
        }
    }
    reader->failed = 1;
    reader->pos = reader->end;
    return 0;
}

/* Length of a string, bytes or array: -1 is null. Anything below fails. */
static int64_t read_length(struct pb_reader *reader, bool compact, bool nullable, int wide) {
    int64_t length = compact ? (int64_t)pb__read_uvarint(reader) - 1 : wide ? pb__read_i32(reader) : pb__read_i16(reader);
    if (length < -1 || (length == -1 && !nullable)) {
        reader->failed = 1;
        reader->pos = reader->end;
        return -1;
    }
    return length;
}

void pb__read_str(struct pb_reader *reader, bool compact, bool nullable, struct pb_str *out) {
    int64_t length = read_length(reader, compact, nullable, 0);
    *out = (struct pb_str){ NULL, -1 };
    if (length < 0 || reader->failed) return;
    const uint8_t *at = pb__read_take(reader, length > INT16_MAX ? -1 : length);
    if (at != NULL) *out = (struct pb_str){ at, (int32_t)length };
}

void pb__read_bytes(struct pb_reader *reader, bool compact, bool nullable, struct pb_bytes *out) {
    int64_t length = read_length(reader, compact, nullable, 1);
    *out = (struct pb_bytes){ NULL, -1 };
    if (length < 0 || reader->failed) return;
    const uint8_t *at = pb__read_take(reader, length);
    if (at != NULL) *out = (struct pb_bytes){ at, (int32_t)length };
}

void pb__read_array(struct pb_reader *reader, bool compact, bool nullable, int32_t element_bytes_min, struct pb_array *out) {
    int64_t count = read_length(reader, compact, nullable, 1);
    if (reader->failed) count = 0;
    if (count > PB_ARRAY_COUNT_MAX || count * element_bytes_min > reader->end - reader->pos) {
        reader->failed = 1;
        reader->pos = reader->end;
        count = 0;
    }
    *out = (struct pb_array){ reader->pos, reader->pos, (int32_t)count };
}

void pb__read_tags(struct pb_reader *reader, struct pb_tags *out) {
    *out = (struct pb_tags){ .left = pb__read_uvarint(reader), .last = -1 };
    if (out->left > PB_TAGS_MAX) {
        reader->failed = 1;
        reader->pos = reader->end;
    }
}

bool pb__tags_next(struct pb_reader *reader, struct pb_tags *tags, struct pb_reader *field_out) {
    if (tags->left == 0 || reader->failed) return false;
    tags->left--;
    tags->tag = pb__read_uvarint(reader);
    uint32_t size = pb__read_uvarint(reader);
    const uint8_t *at = pb__read_take(reader, size);
    if (at == NULL || (int64_t)tags->tag <= tags->last) {
        reader->failed = 1;
        reader->pos = reader->end;
        return false;
    }
    tags->last = tags->tag;
    *field_out = (struct pb_reader){ at, at + size, 0 };
    return true;
}

void pb__read_tags_skip(struct pb_reader *reader) {
    struct pb_tags tags;
    struct pb_reader field;
    pb__read_tags(reader, &tags);
    while (pb__tags_next(reader, &tags, &field)) continue;
}

int pb__array_next_i32(struct pb_array *array, int32_t *out) {
    if (array->count <= 0) return 0;
    *out = pb__get_i32(array->pos);
    array->pos += 4;
    array->count--;
    return 1;
}
