/* tests/csrc/harness.h — one page of a test harness: TEST(name) { … CHECK(fact); }, listed with --list, run by name.
 *
 * Inputs of parsers are placed right before a page that cannot be read (harness_guarded), so that reading one byte too far ends the process. */
#ifndef PB_TEST_HARNESS_H
#define PB_TEST_HARNESS_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct harness_test { const char *name; void (*run)(void); struct harness_test *next; };
static struct harness_test *harness_tests;
static int harness_failures;

#define TEST(test_name)                                                                                                                    \
    static void test_name(void);                                                                                                           \
    static struct harness_test harness_##test_name = { #test_name, test_name, NULL };                                                      \
    __attribute__((constructor)) static void harness_add_##test_name(void) {                                                               \
        harness_##test_name.next = harness_tests;                                                                                          \
        harness_tests = &harness_##test_name;                                                                                              \
    }                                                                                                                                      \
    static void test_name(void)

#define CHECK(fact)                                                                                                                        \
    do {                                                                                                                                   \
        if (!(fact)) {                                                                                                                     \
            harness_failures++;                                                                                                            \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #fact);                                                           \
        }                                                                                                                                  \
    } while (0)
#define CHECK_EQ(left, right)                                                                                                              \
    do {                                                                                                                                   \
        long long harness_left = (long long)(left), harness_right = (long long)(right);                                                    \
        if (harness_left != harness_right) {                                                                                               \
            harness_failures++;                                                                                                            \
            fprintf(stderr, "%s:%d: %s is %lld, %s is %lld\n", __FILE__, __LINE__, #left, harness_left, #right, harness_right);            \
        }                                                                                                                                  \
    } while (0)

/* A copy of the bytes that ends where readable memory ends. Never freed: a test is short. */
__attribute__((unused)) static uint8_t *harness_guarded(const void *bytes, size_t size) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), pages = (size + page - 1) / page + 1;
    uint8_t *memory = mmap(NULL, (pages + 1) * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED || mprotect(memory + pages * page, page, PROT_NONE) != 0) abort();
    uint8_t *at = memory + pages * page - size;
    if (size > 0) memcpy(at, bytes, size);
    return at;
}

int main(int argc, char **argv) {
    int ran = 0;
    for (struct harness_test *test = harness_tests; test != NULL; test = test->next) {
        if (argc > 1 && strcmp(argv[1], "--list") == 0) {
            puts(test->name);
            ran++;
        } else if (argc < 2 || strcmp(argv[1], test->name) == 0) {
            test->run();
            ran++;
        }
    }
    return harness_failures > 0 || ran == 0;
}

#endif
