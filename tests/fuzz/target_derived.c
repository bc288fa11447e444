/* One derived file of a log (-DFUZZ_SUFFIX, of the first segment or the last) holds any bytes: the log opens, after a clean stop and after a crash, and every answer is as if it
 * had held the right ones. */
#include "tests/fuzz/fuzz.h"

static void find(struct fuzz_log *bench, bool last, char path[SIM_PATH_MAX]) {
    path[0] = 0;
    for (int i = 0; i < SIM_FILES_MAX; i++) {
        const struct sim_file *file = &bench->sim.files[i];
        size_t size = strlen(file->path), suffix = strlen(FUZZ_SUFFIX);
        if (!file->used || !file->linked || size < suffix || strcmp(file->path + size - suffix, FUZZ_SUFFIX) != 0) continue;
        if (path[0] == 0 || (strcmp(file->path, path) > 0) == last) strcpy(path, file->path);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct fuzz_log bench;
    char path[SIM_PATH_MAX];
    if (size < 1) return 0;
    fuzz_init(&bench);
    fuzz_fill(&bench);
    find(&bench, bytes[0] & 1, path);
    WRONG(path[0] == 0);
    fuzz_put(&bench, path, bytes + 1, size - 1);
    WRONG(fuzz_open(&bench, bytes[0] & 2, bytes[0] & 4 ? FUZZ_BATCHES * FUZZ_RECORDS : 0) < 0);
    WRONG(pb__log_end_offset(bench.log) != FUZZ_BATCHES * FUZZ_RECORDS);
    fuzz_check_reads(&bench);
    fuzz_check_times(&bench);
    fuzz_end(&bench);
    return 0;
}
