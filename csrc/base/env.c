#include "base/env.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"

void *pb__env_zalloc(const struct pb_env *env, size_t size_bytes) {
    void *memory = pb__env_alloc(env, size_bytes);
    if (memory != NULL) memset(memory, 0, size_bytes);
    return memory;
}

char *pb__env_strdup(const struct pb_env *env, const char *text) {
    size_t size_bytes = strlen(text) + 1;
    char *copy = pb__env_alloc(env, size_bytes);
    if (copy != NULL) memcpy(copy, text, size_bytes);
    return copy;
}

void pb__env_log(const struct pb_env *env, enum pb_log_level level, const char *format, ...) {
    char line[PB_LOG_LINE_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    int size_bytes = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (size_bytes > 0) env->log(env->context, level, line);
}

char *pb__env_quote(char *out, size_t size_max, const void *bytes, size_t size_bytes) {
    PB_ASSERT(size_max >= 8);
    const unsigned char *from = bytes;
    size_t at = 0;
    for (size_t i = 0; i < size_bytes; i++) {
        if (at + 8 > size_max) {
            memcpy(out + at, "...", 3);
            at += 3;
            break;
        }
        if (from[i] >= 0x21 && from[i] < 0x7f && from[i] != '\\' && from[i] != '"' && from[i] != '=') {
            out[at++] = (char)from[i];
        } else {
            at += (size_t)snprintf(out + at, size_max - at, "\\x%02x", from[i]);
        }
    }
    out[at] = 0;
    return out;
}
