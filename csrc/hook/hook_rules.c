#include <string.h>

#include "base/endian.h"
#include "hook/hook.h"
#include "record/varint.h"

/* Well-formed UTF-8: no surrogates, nothing above U+10FFFF, shortest forms only. */
static bool is_utf8(const uint8_t *at, int32_t size) {
    const uint8_t *end = at + size;
    while (at < end) {
        uint8_t first = *at++;
        if (first < 0x80) continue;
        int more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
        if (first < 0xc2 || first > 0xf4 || end - at < more) return false;
        uint8_t low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80, high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
        if (*at < low || *at > high) return false;
        for (int i = 1; i < more; i++)
            if ((at[i] & 0xc0) != 0x80) return false;
        at += more;
    }
    return true;
}

static bool has_id(const struct pb_hook_rules *rules, uint32_t id) {
    int32_t low = 0, high = rules->schema_id_count;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (rules->schema_ids[middle] < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < rules->schema_id_count && rules->schema_ids[low] == id;
}

static const char *check_value(const struct pb_hook_rules *rules, const uint8_t *value, int32_t size) {
    if (size < rules->value_bytes_min) return "the value is too short";
    if (rules->value_bytes_max >= 0 && size > rules->value_bytes_max) return "the value is too long";
    if (rules->prefix_size > size || (rules->prefix_size > 0 && memcmp(value, rules->prefix, (size_t)rules->prefix_size) != 0)) return "the value does not begin as it must";
    if (rules->schema_id_count > 0) {
        if (size < 5 || value[0] != 0) return "the value has no schema id";
        if (!has_id(rules, (uint32_t)pb__get_i32(value + 1))) return "the value's schema id is not allowed";
    }
    return rules->value_utf8 && !is_utf8(value, size) ? "the value is not UTF-8" : NULL;
}

static bool is_among(const struct pb_hook_header *header, const uint8_t *value, int64_t size) {
    if (header->value_count == 0) return true;
    for (int32_t i = 0; i < header->value_count; i++)
        if (header->value_sizes[i] == size && (size == 0 || memcmp(header->values[i], value, (size_t)size) == 0)) return true;
    return false;
}

/* Some header of that name has one of the values. */
static bool has_header(const struct pb_record *record, const struct pb_hook_header *wanted) {
    const uint8_t *at = record->headers, *end = at + record->headers_size;
    for (int32_t i = 0; i < record->header_count; i++) {
        int64_t name_size, value_size;
        if (pb__varlong_read(&at, end, PB_VARINT_BYTES_MAX, &name_size) < 0 || name_size < 0 || name_size > end - at) return false;
        const uint8_t *name = at;
        at += name_size;
        if (pb__varlong_read(&at, end, PB_VARINT_BYTES_MAX, &value_size) < 0 || value_size < -1 || value_size > end - at) return false;
        const uint8_t *value = at;
        if (value_size > 0) at += value_size;
        if (name_size == wanted->name_size && memcmp(name, wanted->name, (size_t)name_size) == 0 && is_among(wanted, value, value_size)) return true;
    }
    return false;
}

const char *pb__hook_rules_check(const struct pb_hook_rules *rules, const struct pb_record *record) {
    if (rules->key_required && record->key_size < 0) return "the record has no key";
    if (rules->key_bytes_max >= 0 && record->key_size > rules->key_bytes_max) return "the key is too long";
    if (rules->key_utf8 && record->key_size > 0 && !is_utf8(record->key, record->key_size)) return "the key is not UTF-8";
    if (rules->value_required && record->value_size < 0) return "the record has no value";
    const char *text = record->value_size >= 0 ? check_value(rules, record->value, record->value_size) : NULL;
    for (int32_t i = 0; text == NULL && i < rules->header_count; i++)
        if (!has_header(record, &rules->headers[i])) text = "a header is missing, or has a value that is not allowed";
    return text;
}

void pb__hook_rules_deinit(struct pb_hook_rules *rules, const struct pb_env *env) {
    for (int32_t i = 0; i < rules->header_count; i++) {
        struct pb_hook_header *header = &rules->headers[i];
        for (int32_t k = 0; k < header->value_count; k++) pb__env_free(env, header->values[k]);
        pb__env_free(env, header->values);
        pb__env_free(env, header->value_sizes);
        pb__env_free(env, header->name);
    }
    pb__env_free(env, rules->headers);
    pb__env_free(env, rules->schema_ids);
}
