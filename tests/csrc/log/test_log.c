#include "log/checkpoint.h"
#include "log/log_bench.h"

TEST(an_empty_log_has_no_files) {
    struct bench bench;
    bench_init(&bench);
    CHECK_EQ(open_log(&bench, false, 0), 0);
    CHECK_EQ(pb__log_end_offset(bench.log), 0);
    CHECK(!pb__log_has_directory(bench.log) && sim_find(&bench.sim, "/d/t-0") == NULL);
    bench_end(&bench);
}

TEST(what_was_appended_is_read_at_every_offset_over_many_segments) {
    struct bench bench;
    bench_init(&bench);
    bench.config.segment_bytes_max = 5000;
    bench.config.index_interval_bytes = 300;
    CHECK_EQ(open_log(&bench, false, 0), 0);
    for (int i = 0; i < 100; i++) CHECK_EQ(append(&bench, 1 + i % 4), 0);
    CHECK_EQ(pb__log_end_offset(bench.log), 250);
    CHECK_EQ(read_all(&bench), 250);
    for (int64_t offset = 0; offset < 250; offset += 3) {
        struct pb_log_read read;
        CHECK_EQ(pb__log_read(bench.log, offset, 250, 1, true, &read), 0);
        CHECK(read.base_offset <= offset && read.slice.size_bytes == read.first_batch_bytes);
        pb__file_slice_deinit(&read.slice);
    }
    struct pb_log_read read;
    CHECK_EQ(pb__log_read(bench.log, 251, 250, 1, true, &read), PB_E_OFFSET_OUT_OF_RANGE);
    CHECK_EQ(pb__log_read(bench.log, -1, 250, 1, true, &read), PB_E_OFFSET_OUT_OF_RANGE);
    CHECK_EQ(pb__log_read(bench.log, 250, 250, 1, true, &read), 0);
    CHECK(read.slice.file == NULL);
    bench_end(&bench);
}

TEST(a_clean_stop_is_opened_without_reading_the_log_again) {
    struct bench bench;
    bench_init(&bench);
    bench.config.segment_bytes_max = 20000;
    CHECK_EQ(open_log(&bench, false, 0), 0);
    for (int i = 0; i < 200; i++) CHECK_EQ(append(&bench, 3), 0);
    CHECK_EQ(pb__log_flush_clean(bench.log, NOW), 0);
    CHECK_EQ(pb__log_synced_offset(bench.log), 600);
    pb__log_close(bench.log);
    CHECK_EQ(open_log(&bench, true, 600), 0);
    CHECK_EQ(pb__log_end_offset(bench.log), 600);
    CHECK_EQ(pb__log_latest_epoch(bench.log), 0);
    CHECK_EQ(read_all(&bench), 600);
    CHECK_EQ(append(&bench, 1), 0);
    CHECK_EQ(read_all(&bench), 601);
    bench_end(&bench);
}

/* F01: the last batch torn at every byte, with zeros or garbage behind; all synced batches survive. */
TEST(a_torn_tail_is_cut_at_the_last_good_batch) {
    for (int tail = 0; tail < 3; tail++) {
        for (size_t cut = 0; cut < 260; cut += 7) {
            struct bench bench;
            bench_init(&bench);
            CHECK_EQ(open_log(&bench, false, 0), 0);
            for (int i = 0; i < 5; i++) CHECK_EQ(append(&bench, 2), 0);
            CHECK_EQ(sync_log(&bench), 0);
            struct sim_file *file = sim_find(&bench.sim, "/d/t-0/00000000000000000000.log");
            size_t good = file->size;
            CHECK_EQ(append(&bench, 4), 0);
            size_t last = file->size - good;
            pb__log_close(bench.log);
            if (cut >= last) {
                bench.log = NULL;
                bench_end(&bench);
                continue;
            }
            if (tail == 0) file->size = good + cut;
            for (size_t i = good + cut; tail > 0 && i < file->size; i++) file->bytes[i] = tail == 1 ? 0 : (uint8_t)(i * 31 + 7);
            CHECK_EQ(open_log(&bench, false, 10), 0);
            CHECK_EQ(pb__log_end_offset(bench.log), 10);
            CHECK_EQ(read_all(&bench), 10);
            CHECK_EQ(append(&bench, 1), 0);
            CHECK_EQ(read_all(&bench), 11);
            bench_end(&bench);
        }
    }
}

/* preallocate=true: the length is there from the start, and gone at a roll, after a clean stop and after recovery. */
TEST(a_preallocated_segment_is_trimmed) {
    for (int clean = 0; clean < 2; clean++) {
        struct bench bench;
        bench_init(&bench);
        bench.config.preallocate = true;
        bench.config.segment_bytes_max = 2000;
        CHECK_EQ(open_log(&bench, false, 0), 0);
        CHECK_EQ(append(&bench, 2), 0);
        struct sim_file *first = sim_find(&bench.sim, "/d/t-0/00000000000000000000.log");
        CHECK_EQ(first->size, 2000);
        for (int i = 0; i < 19; i++) CHECK_EQ(append(&bench, 2), 0);
        int64_t bytes = pb__log_size_bytes(bench.log);
        CHECK(first->size < 2000);
        CHECK_EQ(sync_log(&bench), 0);
        if (clean) CHECK_EQ(pb__log_flush_clean(bench.log, NOW), 0);
        pb__log_close(bench.log);
        sim_crash(&bench.sim, 0);
        CHECK_EQ(open_log(&bench, clean, 0), 0);
        CHECK_EQ(read_all(&bench), 40);
        CHECK_EQ(pb__log_size_bytes(bench.log), bytes);
        int64_t on_disk = 0;
        for (int i = 0; i < SIM_FILES_MAX; i++)
            if (bench.sim.files[i].used && strstr(bench.sim.files[i].path, ".log") != NULL) on_disk += (int64_t)bench.sim.files[i].size;
        CHECK_EQ(on_disk, bytes);
        bench_end(&bench);
    }
}

/* F02: damage below the recovery point was on disk once: off-line, nothing changed. */
TEST(a_hole_in_the_synced_part_takes_the_log_off_line) {
    struct bench bench;
    bench_init(&bench);
    CHECK_EQ(open_log(&bench, false, 0), 0);
    for (int i = 0; i < 5; i++) CHECK_EQ(append(&bench, 2), 0);
    CHECK_EQ(sync_log(&bench), 0);
    pb__log_close(bench.log);
    struct sim_file *file = sim_find(&bench.sim, "/d/t-0/00000000000000000000.log");
    size_t size = file->size;
    file->bytes[size / 2 + 30] ^= 1;
    CHECK_EQ(open_log(&bench, false, 10), PB_E_CORRUPT_FILE);
    CHECK_EQ(file->size, size);
    CHECK_EQ(open_log(&bench, false, 0), 0);                                /* never synced: cut there */
    CHECK(pb__log_end_offset(bench.log) < 10);
    bench_end(&bench);
}

/* F03: an index that is missing, cut, or rubbish gives the same answers. */
TEST(indexes_are_made_anew) {
    for (int damage = 0; damage < 4; damage++) {
        struct bench bench;
        bench_init(&bench);
        bench.config.index_interval_bytes = 200;
        CHECK_EQ(open_log(&bench, false, 0), 0);
        for (int i = 0; i < 300; i++) CHECK_EQ(append(&bench, 2), 0);
        CHECK_EQ(pb__log_flush_clean(bench.log, NOW), 0);
        pb__log_close(bench.log);
        struct sim_file *index = sim_find(&bench.sim, "/d/t-0/00000000000000000000.index"), *times = sim_find(&bench.sim, "/d/t-0/00000000000000000000.timeindex");
        CHECK(index->size > 1000 && times->size > 1000);
        if (damage == 0) index->size = times->size = 0;
        if (damage == 1) index->size = 501, times->size = 50;
        for (size_t i = 0; damage == 2 && i < index->size; i++) index->bytes[i] = (uint8_t)(i * 37);
        for (size_t i = 0; damage == 3 && i < times->size; i++) times->bytes[i] = (uint8_t)(i * 91);
        CHECK_EQ(open_log(&bench, damage % 2 == 1, damage % 2 == 1 ? 600 : 0), 0);
        CHECK_EQ(read_all(&bench), 600);
        int64_t offset, timestamp;
        int32_t epoch;
        for (int64_t wanted = 0; wanted < 600; wanted += 41) {
            CHECK_EQ(pb__log_offset_for_timestamp(bench.log, NOW + wanted, 600, bench.codec, &offset, &timestamp, &epoch), 0);
            CHECK_EQ(offset, wanted);
            CHECK_EQ(timestamp, NOW + wanted);
        }
        CHECK_EQ(pb__log_offset_for_timestamp(bench.log, NOW + 5000, 600, bench.codec, &offset, &timestamp, &epoch), 0);
        CHECK_EQ(offset, -1);
        CHECK_EQ(pb__log_offset_of_max_timestamp(bench.log, bench.codec, &offset, &timestamp, &epoch), 0);
        CHECK_EQ(offset, 599);
        bench_end(&bench);
    }
}

static void check_sequence(struct bench *bench, int16_t epoch, int32_t sequence, int32_t count, int error, bool duplicate, int64_t base_offset) {
    struct pb_log_append one;
    append_as(bench, count, 7, epoch, sequence, &one);
    CHECK_EQ(one.error, error);
    CHECK_EQ(one.duplicate, duplicate);
    if (error == 0) CHECK_EQ(one.base_offset, base_offset);
}

/* W29, before and after each kind of restart. */
TEST(idempotent_producers_are_checked_and_remembered) {
    for (int restart = 0; restart < 3; restart++) {
        struct bench bench;
        bench_init(&bench);
        CHECK_EQ(open_log(&bench, false, 0), 0);
        for (int i = 0; i < 6; i++) check_sequence(&bench, 0, 2 * i, 2, 0, false, 2 * i);
        if (restart > 0) {
            if (restart == 1) CHECK_EQ(pb__log_flush_clean(bench.log, NOW), 0);
            pb__log_close(bench.log);
            CHECK_EQ(open_log(&bench, restart == 1, restart == 1 ? 12 : 0), 0);
        }
        check_sequence(&bench, 0, 10, 2, 0, true, 10);                      /* the last one */
        if (restart != 1) check_sequence(&bench, 0, 2, 2, 0, true, 2);      /* the fifth last; a snapshot keeps one only, as Kafka's */
        check_sequence(&bench, 0, 0, 2, PB_E_OUT_OF_ORDER_SEQUENCE, false, 0);   /* older than five */
        check_sequence(&bench, 0, 14, 2, PB_E_OUT_OF_ORDER_SEQUENCE, false, 0);  /* a gap */
        check_sequence(&bench, 0, 12, 1, 0, false, 12);
        check_sequence(&bench, 1, 5, 1, PB_E_OUT_OF_ORDER_SEQUENCE, false, 0);   /* a new epoch begins at 0 */
        check_sequence(&bench, 1, 0, 1, 0, false, 13);
        check_sequence(&bench, 0, 13, 1, PB_E_INVALID_PRODUCER_EPOCH, false, 0);
        CHECK_EQ(read_all(&bench), 14);
        bench_end(&bench);
    }
}

TEST(sequences_wrap_behind_the_largest) {
    struct bench bench;
    bench_init(&bench);
    CHECK_EQ(open_log(&bench, false, 0), 0);
    check_sequence(&bench, 0, INT32_MAX - 1, 2, 0, false, 0);
    check_sequence(&bench, 0, 0, 3, 0, false, 2);
    check_sequence(&bench, 0, INT32_MAX - 1, 2, 0, true, 0);
    check_sequence(&bench, 0, 3, 1, 0, false, 5);
    bench_end(&bench);
}

TEST(a_full_disk_refuses_and_goes_on_when_there_is_room) {
    struct bench bench;
    bench_init(&bench);
    CHECK_EQ(open_log(&bench, false, 0), 0);
    CHECK_EQ(append(&bench, 2), 0);
    size_t size = sim_find(&bench.sim, "/d/t-0/00000000000000000000.log")->size;
    sim_arm(&bench.sim, 1, ENOSPC, false);
    CHECK_EQ(append(&bench, 2), PB_E_NOSPACE);
    sim_arm(&bench.sim, 0, 0, false);
    CHECK_EQ(sim_find(&bench.sim, "/d/t-0/00000000000000000000.log")->size, size);
    CHECK(!pb__log_is_failed(bench.log));
    CHECK_EQ(append(&bench, 2), 0);
    CHECK_EQ(read_all(&bench), 4);
    bench_end(&bench);
}

TEST(after_a_failed_write_or_sync_nothing_is_appended_any_more) {
    for (int kind = 0; kind < 2; kind++) {
        struct bench bench;
        bench_init(&bench);
        CHECK_EQ(open_log(&bench, false, 0), 0);
        CHECK_EQ(append(&bench, 2), 0);
        if (kind == 0) {
            sim_arm(&bench.sim, 1, EIO, false);
            CHECK_EQ(append(&bench, 2), PB_E_IO);
        } else {
            bench.sim.sync_fails = true;
            CHECK_EQ(sync_log(&bench), PB_E_IO);
            bench.sim.sync_fails = false;
            CHECK_EQ(pb__log_synced_offset(bench.log), 0);
        }
        sim_arm(&bench.sim, 0, 0, false);
        CHECK(pb__log_is_failed(bench.log));
        CHECK_EQ(append(&bench, 2), PB_E_OFFLINE);
        CHECK_EQ(read_all(&bench), 2);
        bench_end(&bench);
    }
}

/* The k-th call of a whole life fails, once or from then on; what was said to be synced is there after a power cut, and nothing leaks. */
TEST(a_fault_at_any_call_loses_nothing_that_was_acknowledged) {
    static const int errors[] = { EIO, ENOSPC, EMFILE, EINTR };
    for (int e = 0; e < 16; e++) {
        for (int64_t k = 1; k < 400; k++) {
            struct bench bench;
            int64_t acknowledged = 0;
            bench_init(&bench);
            bench.config.segment_bytes_max = 1500;
            bench.config.index_interval_bytes = 100;
            bench.config.preallocate = k % 2 == 1;
            sim_arm(&bench.sim, k, errors[e & 3], e >= 8);
            bench.sim.count_alloc = (e & 4) != 0;
            bench.sim.write_bytes_max = (size_t)(k % 3) * 70;
            int rc = open_log(&bench, false, 0);
            for (int i = 0; rc == 0 && i < 12; i++) {
                if (append(&bench, 2) < 0) continue;
                if (i % 3 == 2 && sync_log(&bench) == 0) acknowledged = pb__log_synced_offset(bench.log);
            }
            bool hit = bench.sim.calls >= k;
            sim_arm(&bench.sim, 0, 0, false);
            bench.sim.count_alloc = false;
            bench.sim.write_bytes_max = 0;
            pb__log_close(bench.log);
            sim_crash(&bench.sim, (size_t)(k % 50));
            CHECK_EQ(open_log(&bench, false, acknowledged), 0);
            if (bench.log == NULL) fprintf(stderr, "error %d, call %lld: %s\n", e, (long long)k, bench.sim.last_line);
            if (bench.log != NULL) {
                CHECK(pb__log_end_offset(bench.log) >= acknowledged);
                CHECK_EQ(read_all(&bench), pb__log_end_offset(bench.log));
            }
            bench_end(&bench);
            if (!hit) break;
        }
    }
}

TEST(truncation_and_a_raised_start_keep_the_rest) {
    struct bench bench;
    bench_init(&bench);
    bench.config.segment_bytes_max = 2000;
    CHECK_EQ(open_log(&bench, false, 0), 0);
    for (int i = 0; i < 50; i++) CHECK_EQ(append(&bench, 2), 0);
    CHECK_EQ(pb__log_advance_start(bench.log, 31), 0);
    CHECK_EQ(pb__log_start_offset(bench.log), 31);
    CHECK_EQ(pb__log_truncate(bench.log, 71), 0);
    CHECK_EQ(pb__log_end_offset(bench.log), 70);                            /* batches are kept whole */
    CHECK(read_all(&bench) >= 39);
    CHECK_EQ(append(&bench, 2), 0);
    CHECK_EQ(pb__log_end_offset(bench.log), 72);
    bench_end(&bench);
}

TEST(deletion_removes_every_file_but_not_what_a_reader_holds) {
    struct bench bench;
    bench_init(&bench);
    CHECK_EQ(open_log(&bench, false, 0), 0);
    for (int i = 0; i < 5; i++) CHECK_EQ(append(&bench, 2), 0);
    struct pb_log_read read;
    CHECK_EQ(pb__log_read(bench.log, 0, 10, 1 << 20, true, &read), 0);
    CHECK_EQ(pb__log_delete(bench.log), 0);
    bench.log = NULL;
    CHECK(sim_find(&bench.sim, "/d/t-0") == NULL);
    static uint8_t bytes[1 << 16];
    size_t got;
    CHECK_EQ(pb__file_read(read.slice.file, bytes, (size_t)read.slice.size_bytes, read.slice.pos, &got), 0);
    CHECK_EQ(got, read.slice.size_bytes);
    pb__file_slice_deinit(&read.slice);
    bench_end(&bench);
}

TEST(many_batches_are_one_write) {
    struct bench bench;
    bench_init(&bench);
    CHECK_EQ(open_log(&bench, false, 0), 0);
    CHECK_EQ(append(&bench, 1), 0);
    static uint8_t bytes[64][512];
    static struct pb_batch batches[64];
    static struct pb_log_append appends[64];
    for (int i = 0; i < 64; i++) {
        size_t size = build_batch(bytes[i], 1, 20, NOW, -1, -1, -1);
        CHECK_EQ(pb__batch_parse(bytes[i], size, &batches[i]), 0);
        appends[i] = (struct pb_log_append){ .batch = &batches[i] };
    }
    int64_t writes = bench.sim.write_calls, allocs = bench.sim.allocs_live;
    CHECK_EQ(pb__log_append(bench.log, appends, 64, 0, NOW, true), 0);
    CHECK(bench.sim.write_calls - writes <= 1);
    CHECK(bench.sim.allocs_live - allocs <= 1);                             /* the pending index entries, once a segment */
    for (int i = 0; i < 64; i++) CHECK_EQ(appends[i].base_offset, 1 + i);
    CHECK_EQ(read_all(&bench), 65);
    bench_end(&bench);
}

static void count_entry(void *context, const char *topic, int32_t partition, int64_t offset) {
    CHECK(strcmp(topic, partition == 3 ? "a.b" : "t") == 0);
    *(int64_t *)context += offset;
}

/* F05 */
TEST(checkpoints_come_back_whole_or_not_at_all) {
    struct sim_env sim;
    sim_init(&sim);
    struct pb_checkpoint_entry entries[] = { { "a.b", 3, 5 }, { "t", 0, 7 } };
    int64_t sum = 0;
    CHECK_EQ(pb__checkpoint_write(&sim.env, "/d/c", entries, 2), 0);
    CHECK_EQ(pb__checkpoint_read(&sim.env, "/d/c", count_entry, &sum), 0);
    CHECK_EQ(sum, 12);
    static const char *const bad[] = { "", "0\n", "1\n0\n", "0\n2\nt 0 1\n", "0\n1\nt 0 -1\n", "0\n1\nt 0 NaN\n", "0\n1\nt 0 1\nt 0 1\n", "0\n99999999999\n", "0\n1\nt0 1\n",
                                       "0\n3\nt 0 1\nu 0 1\nt 0 2\n", "0\n1\nt 0 9007199254740993\n", "0\n1\nt 0 99999999999999999999\n", "99\n1\nt 0 1\n", "0\n-1\n",
                                       "0\n1\nt 4294967296 1\n", "0\n1\n 0 1\n" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK_EQ(pb__file_replace(&sim.env, "/d/c", bad[i], strlen(bad[i])), 0);
        CHECK_EQ(pb__checkpoint_read(&sim.env, "/d/c", count_entry, &sum), PB_E_CORRUPT_FILE);
    }
    CHECK_EQ(sum, 12);
    CHECK_EQ(pb__checkpoint_read(&sim.env, "/d/none", count_entry, &sum), PB_E_NOENT);
    CHECK_EQ(sim.allocs_live, 0);
    sim_deinit(&sim);
}
