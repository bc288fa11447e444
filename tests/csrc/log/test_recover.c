/* What recovery does with files as a crash, a failing disk or a hand left them: cut, made anew, or off-line by name; nothing else is touched. */
#include <zlib.h>

#include "log/log_bench.h"

static struct sim_file *file_of(struct bench *bench, const char *name) {
    char path[SIM_PATH_MAX];
    snprintf(path, sizeof path, "/d/t-0/%s", name);
    return sim_find(&bench->sim, path);
}

static struct sim_file *segment_file(struct bench *bench, int64_t base_offset, const char *suffix) {
    char name[64];
    snprintf(name, sizeof name, "%020lld%s", (long long)base_offset, suffix);
    return file_of(bench, name);
}

static bool said(const struct bench *bench, const char *words) { return strstr(bench->sim.last_line, words) != NULL; }

/* Batches of two records in segments of a few; synced, closed. Returns the base offset of the middle segment. */
static int64_t fill(struct bench *bench, int32_t batches, bool clean) {
    bench->config.segment_bytes_max = 2500;
    bench->config.index_interval_bytes = 200;
    CHECK_EQ(open_log(bench, false, 0), 0);
    for (int i = 0; i < batches; i++) CHECK_EQ(append(bench, 2), 0);
    CHECK_EQ(sync_log(bench), 0);
    if (clean) CHECK_EQ(pb__log_flush_clean(bench->log, NOW), 0);
    pb__log_close(bench->log);
    bench->log = NULL;
    int64_t middle = -1;
    for (int64_t base = 0; base <= batches; base++)
        if (segment_file(bench, base, ".log") != NULL) middle = base;
    CHECK(middle > 0);
    return middle;
}

/* Sum of all that lies in the directory, but for what is derived. */
static uint64_t logs_of(const struct bench *bench) {
    uint64_t sum = 0;
    for (int i = 0; i < SIM_FILES_MAX; i++) {
        const struct sim_file *file = &bench->sim.files[i];
        if (!file->used || !file->linked || strstr(file->path, ".log") == NULL) continue;
        for (size_t k = 0; k < file->size; k++) sum = sum * 31 + file->bytes[k];
        sum = sum * 31 + file->size;
    }
    return sum;
}

/* F07: a segment is missing, overlaps, or its name is not its first offset. */
TEST(segments_that_do_not_follow_each_other_are_off_line) {
    static const char *const reasons[] = { "offsets-missing-before-next-segment", "name-is-not-its-first-offset", "overlaps-next-segment", "ends-before-recovery-point", "log-missing" };
    for (int damage = 0; damage < 5; damage++) {
        struct bench bench;
        char renamed[64];
        bench_init(&bench);
        int64_t middle = fill(&bench, 60, false);
        struct sim_file *file = segment_file(&bench, middle, ".log");
        if (damage == 0) file->linked = false;
        if (damage == 1) {
            snprintf(renamed, sizeof renamed, "/d/t-0/%020lld.log", (long long)middle + 1);
            strcpy(file->path, renamed);
        }
        if (damage == 2) {
            struct sim_file *first = segment_file(&bench, 0, ".log");
            first->bytes = realloc(first->bytes, first->size + file->size);
            memcpy(first->bytes + first->size, file->bytes, file->size);
            first->capacity = first->size += file->size;
        }
        for (int i = 0; damage >= 3 && i < SIM_FILES_MAX; i++) {
            struct sim_file *other = &bench.sim.files[i];
            if (other->used && (damage == 4 ? strncmp(other->path, "/d/t-0", 6) == 0 : strstr(other->path, ".log") != NULL && strcmp(other->path, file->path) > 0)) other->linked = false;
        }
        uint64_t before = logs_of(&bench);
        CHECK_EQ(open_log(&bench, false, 120), PB_E_CORRUPT_FILE);
        CHECK(said(&bench, damage == 1 ? reasons[0] : reasons[damage]) || said(&bench, reasons[damage]));
        CHECK(logs_of(&bench) == before);
        for (int i = 0; i < SIM_FILES_MAX; i++) bench.sim.files[i].linked |= bench.sim.files[i].used && bench.sim.files[i].opens > 0;
        bench_end(&bench);
    }
}

/* Seen without the mark and, as soon as it is read, with it. */
TEST(a_missing_segment_is_no_answer_after_a_clean_stop) {
    struct bench bench;
    bench_init(&bench);
    int64_t middle = fill(&bench, 60, true);
    segment_file(&bench, middle, ".log")->linked = false;
    CHECK_EQ(open_log(&bench, true, 0), 0);
    struct pb_log_read read;
    CHECK_EQ(pb__log_read(bench.log, middle, 120, 1000, true, &read), PB_E_CORRUPT_FILE);
    CHECK_EQ(pb__log_read(bench.log, 0, 120, 1000, true, &read), 0);
    pb__file_slice_deinit(&read.slice);
    bench_end(&bench);
}

/* F02: a bad batch with good ones behind it. */
TEST(a_bad_batch_in_the_unsynced_part_ends_the_log) {
    struct bench bench;
    bench_init(&bench);
    int64_t middle = fill(&bench, 60, false);
    segment_file(&bench, middle, ".log")->bytes[300] ^= 1;
    CHECK_EQ(open_log(&bench, false, middle), 0);
    CHECK(said(&bench, "event=log-tail-cut"));
    int64_t end = pb__log_end_offset(bench.log);
    CHECK(end >= middle && end < middle + 6);
    CHECK_EQ(read_all(&bench), end);
    for (int i = 0; i < 20; i++) CHECK_EQ(append(&bench, 2), 0);            /* over what was there */
    CHECK_EQ(read_all(&bench), end + 40);
    pb__log_close(bench.log);
    CHECK_EQ(open_log(&bench, false, middle), 0);
    CHECK_EQ(read_all(&bench), end + 40);
    bench_end(&bench);
}

/* F10: batches of a format to come, or of one that is gone, are whole: whoever wrote them wants them. */
TEST(batches_of_another_format_are_not_cut) {
    for (int magic = 0; magic < 4; magic += 3) {
        struct bench bench;
        bench_init(&bench);
        CHECK_EQ(open_log(&bench, false, 0), 0);
        CHECK_EQ(append(&bench, 2), 0);
        size_t first = file_of(&bench, "00000000000000000000.log")->size;
        CHECK_EQ(append(&bench, 2), 0);
        pb__log_close(bench.log);
        struct sim_file *file = file_of(&bench, "00000000000000000000.log");
        uint8_t *batch = file->bytes + first;
        size_t size = file->size - first;
        batch[16] = (uint8_t)magic;
        if (magic == 0) pb__put_u32(batch + 12, (uint32_t)crc32(0, batch + 16, (uInt)(size - 16)));
        CHECK_EQ(open_log(&bench, false, 0), PB_E_CORRUPT_FILE);
        CHECK(said(&bench, "other-format"));
        CHECK_EQ(file->size, first + size);
        batch[70] ^= 1;                                                     /* not whole: a torn tail like any other */
        CHECK_EQ(open_log(&bench, false, 0), 0);
        CHECK_EQ(pb__log_end_offset(bench.log), 2);
        bench_end(&bench);
    }
}

TEST(a_directory_of_another_topic_or_version_is_left_alone) {
    static const char *const texts[] = { "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAQ", "version: 1\ntopic_id: AAAAAAAAAAAAAAAAAAAAAA", "", "version: 0\ntopic_id: AAAA",
                                         "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAA\n" };
    for (int i = 0; i < 5; i++) {
        struct bench bench;
        bench_init(&bench);
        fill(&bench, 60, false);
        struct sim_file *file = file_of(&bench, "partition.metadata");
        file->size = strlen(texts[i]);
        file->bytes = realloc(file->bytes, 256);
        memcpy(file->bytes, texts[i], file->size);
        file->capacity = 256;
        CHECK_EQ(open_log(&bench, false, 120), i < 2 ? PB_E_CORRUPT_FILE : 0);
        if (i < 2) CHECK(said(&bench, "event=partition-metadata-of-another"));
        if (i >= 2) CHECK_EQ(read_all(&bench), 120);
        bench_end(&bench);
    }
}

static void damage_file(struct sim_file *file, int damage) {
    if (damage == 0) file->linked = false;
    if (damage == 1) file->size = file->size / 2 + 3;
    if (damage == 2) memset(file->bytes, 0, file->size);
    for (size_t i = 0; damage == 3 && i < file->size; i++) file->bytes[i] = (uint8_t)(i * 37 + 11);
    for (size_t i = 0; damage == 4 && i + 24 < file->size; i += 24)         /* unsorted */
        for (size_t k = 0; k < 12; k++) {
            uint8_t byte = file->bytes[i + k];
            file->bytes[i + k] = file->bytes[i + 12 + k];
            file->bytes[i + 12 + k] = byte;
        }
    if (damage == 5) {                                                      /* longer than the log */
        size_t size = file->size;
        file->bytes = realloc(file->bytes, file->capacity = size * 3 + 96);
        for (size_t i = size; i < file->capacity; i++) file->bytes[i] = (uint8_t)(i % 12 == 3 ? i / 12 : 0x7f);
        file->size = file->capacity;
    }
}

/* F03 for both indexes of every segment, after every kind of stop: each offset and each time has the answer that a scan gives. */
TEST(no_damage_to_an_index_makes_a_wrong_answer) {
    static const char *const suffixes[] = { ".index", ".timeindex" };
    for (int damage = 0; damage < 6; damage++)
        for (int kind = 0; kind < 6; kind++) {
            struct bench bench;
            bench_init(&bench);
            bool clean = kind % 2 == 1;
            fill(&bench, 60, clean);
            for (int i = 0; i < SIM_FILES_MAX; i++) {
                struct sim_file *file = &bench.sim.files[i];
                for (int s = 0; s < 2; s++)
                    if (file->used && file->linked && (kind / 2 == s || kind / 2 == 2) && strstr(file->path, suffixes[s]) != NULL && file->size > 0) damage_file(file, damage);
            }
            CHECK_EQ(open_log(&bench, clean, clean ? 0 : 120), 0);
            if (bench.log == NULL) fprintf(stderr, "damage %d kind %d: %s\n", damage, kind, bench.sim.last_line);
            CHECK_EQ(read_all(&bench), 120);
            for (int64_t offset = 0; offset < 120; offset++) {
                int64_t found, timestamp;
                int32_t epoch;
                CHECK_EQ(pb__log_offset_for_timestamp(bench.log, NOW + offset, 120, bench.codec, &found, &timestamp, &epoch), 0);
                CHECK_EQ(found, offset);
            }
            for (int64_t offset = 119; offset > 0; offset -= 7) {
                struct pb_log_read read;
                CHECK_EQ(pb__log_read(bench.log, offset, 120, 1, true, &read), 0);
                CHECK_EQ(read.base_offset, offset / 2 * 2);
                pb__file_slice_deinit(&read.slice);
            }
            CHECK_EQ(append(&bench, 2), 0);
            CHECK_EQ(read_all(&bench), 122);
            bench_end(&bench);
        }
}

/* F06. Epochs 0 from 0, 3 from 40, 7 from 90. */
static void fill_epochs(struct bench *bench) {
    static uint8_t bytes[4096];
    CHECK_EQ(open_log(bench, false, 0), 0);
    for (int i = 0; i < 60; i++) {
        struct pb_batch batch;
        CHECK_EQ(pb__batch_parse(bytes, build_batch(bytes, 2, 50, NOW, -1, -1, -1), &batch), 0);
        struct pb_log_append one = { .batch = &batch };
        CHECK_EQ(pb__log_append(bench->log, &one, 1, i < 20 ? 0 : i < 45 ? 3 : 7, NOW, true), 0);
    }
    CHECK_EQ(sync_log(bench), 0);
    pb__log_close(bench->log);
    bench->log = NULL;
}

TEST(leader_epochs_are_trimmed_or_made_anew) {
    static const char *const texts[] = { "0\n3\n0 0\n3 40\n7 90\n", "0\n4\n0 0\n3 40\n7 90\n9 300\n", "0\n3\n0 0\n3 40\n2 90\n", "0\n3\n0 0\n3 40\n7 20\n", "", "0\n1\n0 NaN\n", "99\n0\n",
                                         "0\n-1\n", "0\n9999999\n0 0\n", "0\n3\n0 0\n3 40\n" };
    static const char *const lines[] = { "", "leader-epochs-trimmed", "rebuilt", "rebuilt", "rebuilt", "rebuilt", "rebuilt", "rebuilt", "rebuilt", "" };
    for (int i = 0; i < 9; i++)
        for (int clean = 0; clean < 2; clean++) {
            struct bench bench;
            bench_init(&bench);
            fill_epochs(&bench);
            struct sim_file *file = file_of(&bench, "leader-epoch-checkpoint");
            file->size = strlen(texts[i]);
            file->bytes = realloc(file->bytes, 256);
        memcpy(file->bytes, texts[i], file->size);
            file->capacity = 256;
            CHECK_EQ(open_log(&bench, clean, 120), 0);
            CHECK(said(&bench, lines[i]));
            CHECK_EQ(pb__log_epoch_for_offset(bench.log, 39), 0);
            CHECK_EQ(pb__log_epoch_for_offset(bench.log, 40), 3);
            CHECK_EQ(pb__log_epoch_for_offset(bench.log, 119), 7);
            CHECK_EQ(pb__log_latest_epoch(bench.log), 7);
            bench_end(&bench);
        }
}

TEST(leader_epochs_outlive_a_power_cut) {
    struct bench bench;
    bench_init(&bench);
    fill_epochs(&bench);
    sim_crash(&bench.sim, 0);
    CHECK_EQ(open_log(&bench, false, 120), 0);
    CHECK_EQ(bench.sim.last_line[0], 0);
    CHECK_EQ(pb__log_epoch_for_offset(bench.log, 40), 3);
    CHECK_EQ(pb__log_latest_epoch(bench.log), 7);
    bench_end(&bench);
}

/* Whatever else lies in the directory. */
TEST(what_is_not_ours_is_not_touched) {
    static const char *const names[] = { "notes.txt", "00000000000000000050.deleted", "00000000000000000007.lo", "7.log", "000000000000000000000.log", "00000000000000000050.logs",
                                         "99999999999999999999.log", "0000000000000000005O.log", ".log", "00000000000000000050.txnindex.bak" };
    struct bench bench;
    bench_init(&bench);
    fill(&bench, 60, false);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[SIM_PATH_MAX];
        snprintf(path, sizeof path, "/d/t-0/%s", names[i]);
        int fd = bench.sim.env.file_open(&bench.sim, path, PB_OPEN_WRITE | PB_OPEN_CREATE);
        struct iovec iov = { (char[]){ "abc" }, 3 };
        CHECK_EQ(bench.sim.env.file_pwritev(&bench.sim, fd, &iov, 1, 0), 3);
        bench.sim.env.file_close(&bench.sim, fd);
    }
    CHECK_EQ(open_log(&bench, false, 0), 0);
    CHECK_EQ(read_all(&bench), 120);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) CHECK(file_of(&bench, names[i]) != NULL && file_of(&bench, names[i])->size == 3);
    bench_end(&bench);
}

/* F12: the k-th read fails. */
TEST(a_read_error_is_no_torn_tail) {
    for (int64_t k = 1; k < 200; k++) {
        struct bench bench;
        bench_init(&bench);
        fill(&bench, 60, false);
        uint64_t before = logs_of(&bench);
        sim_arm_on(&bench.sim, SIM_READ, ".log", k, EIO, false);
        int rc = open_log(&bench, false, 0);
        bool hit = bench.sim.calls >= k;
        sim_disarm(&bench.sim);
        CHECK_EQ(rc, hit ? PB_E_IO : 0);
        CHECK(logs_of(&bench) == before);
        bench_end(&bench);
        if (!hit) break;
    }
}

TEST(recovery_stops_when_it_is_asked_to) {
    struct bench bench;
    _Atomic bool stop = true;
    bench_init(&bench);
    fill(&bench, 60, false);
    uint64_t before = logs_of(&bench);
    struct pb_log_options options = { .env = &bench.sim.env, .files = bench.files, .log_dir = "/d", .topic = "t", .config = &bench.config, .codec = bench.codec, .stop = &stop };
    CHECK_EQ(pb__log_open(&options, &bench.log), PB_E_AGAIN);
    CHECK(logs_of(&bench) == before);
    stop = false;
    CHECK_EQ(pb__log_open(&options, &bench.log), 0);
    CHECK_EQ(read_all(&bench), 120);
    bench_end(&bench);
}

/* Recovery reads what lies past the recovery point: headers of the last segment for the producers, bytes for what may be torn. */
TEST(recovery_reads_only_past_the_recovery_point) {
    int64_t bytes[2];
    for (int i = 0; i < 2; i++) {
        struct bench bench;
        bench_init(&bench);
        bench.config.index_interval_bytes = 4096;
        bench.config.segment_bytes_max = 1 << 18;
        CHECK_EQ(open_log(&bench, false, 0), 0);
        for (int k = 0; k < (i == 0 ? 3000 : 15000); k++) CHECK_EQ(append(&bench, 2), 0);
        CHECK_EQ(sync_log(&bench), 0);
        int64_t point = pb__log_recovery_point(bench.log);
        for (int k = 0; k < 10; k++) CHECK_EQ(append(&bench, 2), 0);
        pb__log_close(bench.log);
        sim_arm_on(&bench.sim, SIM_READ, ".log", 0, 0, false);
        bench.sim.read_bytes = 0;
        CHECK_EQ(open_log(&bench, false, point), 0);
        bytes[i] = bench.sim.read_bytes;
        CHECK_EQ(pb__log_end_offset(bench.log), point + 20);
        bench_end(&bench);
    }
    CHECK(bytes[0] < 3 << 17 && bytes[1] < 3 << 17);                        /* headers of one segment at most, since the snapshot at its begin; the log has 3 MB */
}

/* Nothing below a raised start comes back, and a start that no log can have is ignored. */
TEST(the_log_start_is_believed_up_to_the_end) {
    static const int64_t starts[] = { 0, 31, 120, 121, 1LL << 50 };
    static const int64_t wanted[] = { 0, 31, 120, 0, 0 };
    for (int i = 0; i < 5; i++) {
        struct bench bench;
        bench_init(&bench);
        fill(&bench, 60, false);
        struct pb_log_options options = { .env = &bench.sim.env, .files = bench.files, .log_dir = "/d", .topic = "t", .config = &bench.config, .codec = bench.codec, .recovery_point = 120,
                                          .start_offset = starts[i] };
        CHECK_EQ(pb__log_open(&options, &bench.log), 0);
        CHECK_EQ(pb__log_start_offset(bench.log), wanted[i]);
        CHECK_EQ(pb__log_end_offset(bench.log), 120);
        if (i > 2) CHECK(said(&bench, "event=log-start-ignored"));
        bench_end(&bench);
    }
}
