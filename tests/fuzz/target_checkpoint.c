/* A checkpoint of a log directory: all of its lines or none; what is given can be written and read again. */
#include "tests/fuzz/fuzz.h"

#include "log/checkpoint.h"

static struct pb_checkpoint_entry entries[4096];
static char names[4096][300];
static int32_t count;

static void each(void *context, const char *topic, int32_t partition, int64_t offset) {
    (void)context;
    WRONG(topic[0] == 0 || strlen(topic) > PB_TOPIC_NAME_BYTES_MAX || partition < 0 || offset < 0);
    if (count == 4096) return;
    strcpy(names[count], topic);
    entries[count] = (struct pb_checkpoint_entry){ names[count], partition, offset };
    count++;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct fuzz_log bench;
    fuzz_init(&bench);
    fuzz_put(&bench, "/d/points", bytes, size);
    count = 0;
    int rc = pb__checkpoint_read(&bench.sim.env, "/d/points", each, NULL);
    WRONG(rc < 0 && count > 0);
    if (rc == 0 && count < 4096) {
        int32_t before = count;
        WRONG(pb__checkpoint_write(&bench.sim.env, "/d/points", entries, count) < 0);
        count = 0;
        WRONG(pb__checkpoint_read(&bench.sim.env, "/d/points", each, NULL) < 0 || count != before);
    }
    fuzz_end(&bench);
    return 0;
}
