/* A .log of any bytes, after a crash: it opens or is refused, and a second opening finds what the first one left. */
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct fuzz_log bench;
    if (size < 1) return 0;
    fuzz_init(&bench);
    const struct pb_env *env = &bench.sim.env;
    WRONG(env->dir_create(env->context, "/d/t-0") < 0);
    fuzz_put(&bench, "/d/t-0/00000000000000000000.log", bytes + 1, size - 1);
    if (fuzz_open(&bench, bytes[0] & 1, bytes[0] & 2 ? 3 : 0) == 0) {
        int64_t end = pb__log_end_offset(bench.log), start = pb__log_start_offset(bench.log);
        WRONG(end < start);
        if (!(bytes[0] & 1)) fuzz_check_reads(&bench);
        pb__log_close(bench.log);
        WRONG(fuzz_open(&bench, bytes[0] & 1, 0) < 0);
        WRONG(pb__log_end_offset(bench.log) != end || pb__log_start_offset(bench.log) != start);
    }
    fuzz_end(&bench);
    return 0;
}
