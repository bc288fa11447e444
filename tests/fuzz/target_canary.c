/* Must be found: a fuzzer that does not find this one finds nothing. */
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct pb_batch batch;
    uint8_t *copy = malloc(size + 1);
    memcpy(copy, bytes, size);
    if (pb__batch_parse(copy, size, &batch) == 0 && batch.producer_epoch == 77) abort();
    free(copy);
    return 0;
}
