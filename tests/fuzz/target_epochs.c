/* leader-epoch-checkpoint of any bytes: the log opens, its epochs rise and lie inside of it. */
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct fuzz_log bench;
    if (size < 1) return 0;
    fuzz_init(&bench);
    fuzz_fill(&bench);
    fuzz_put(&bench, "/d/t-0/leader-epoch-checkpoint", bytes + 1, size - 1);
    WRONG(fuzz_open(&bench, bytes[0] & 1, bytes[0] & 2 ? FUZZ_BATCHES * FUZZ_RECORDS : 0) < 0);
    int64_t end = pb__log_end_offset(bench.log);
    WRONG(end != FUZZ_BATCHES * FUZZ_RECORDS);
    int32_t latest = pb__log_latest_epoch(bench.log), before = -1;
    for (int64_t offset = 0; offset < end; offset++) {
        int32_t epoch = pb__log_epoch_for_offset(bench.log, offset);
        WRONG(epoch < before || epoch > latest);
        before = epoch;
    }
    int32_t epoch;
    int64_t epoch_end;
    pb__log_end_of_epoch(bench.log, latest, &epoch, &epoch_end);
    WRONG(latest >= 0 && (epoch != latest || epoch_end != end));
    fuzz_check_reads(&bench);
    fuzz_end(&bench);
    return 0;
}
