/* base/assert.h — assertions for our own mistakes, never for bytes from a client or a disk.
 *
 * PB_ASSERT stays in releases: one fact each. PB_DASSERT is for facts that are dear to check; debug builds only.
 * A failed assertion writes one line to stderr and aborts: memory is no longer what we think, nothing may be written after it.
 * Thread      any */
#ifndef PB_BASE_ASSERT_H
#define PB_BASE_ASSERT_H

/* Writes "file:line: assertion failed: text" to stderr and aborts. */
_Noreturn void pb__assert_failed(const char *file, int line, const char *text);

#define PB_LIKELY(x) __builtin_expect(!!(x), 1)
#define PB_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define PB_ASSERT(fact)                                                                                                                    \
    do {                                                                                                                                   \
        if (PB_UNLIKELY(!(fact))) pb__assert_failed(__FILE__, __LINE__, #fact);                                                            \
    } while (0)
#ifdef PB_DEBUG
#define PB_DASSERT(fact) PB_ASSERT(fact)
#else
#define PB_DASSERT(fact) ((void)0)
#endif

/* The struct that holds `member`, from a pointer to it. */
#define PB_CONTAINER_OF(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))
#define PB_COUNT(array) (sizeof(array) / sizeof((array)[0]))

static inline long long pb__min_i64(long long a, long long b) { return a < b ? a : b; }
static inline long long pb__max_i64(long long a, long long b) { return a > b ? a : b; }

#endif
