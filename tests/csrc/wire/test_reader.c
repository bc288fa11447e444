#include "base/err.h"
#include "harness.h"
#include "pb_msg.h"
#include "wire/header.h"
#include "wire/reader.h"
#include "wire/writer.h"

static struct pb_reader over(const void *bytes, size_t size) {
    const uint8_t *at = harness_guarded(bytes, size);
    return (struct pb_reader){ .pos = at, .end = at + size };
}

TEST(varints_too_long_too_large_or_cut_fail) {
    static const struct { const char *bytes; size_t size; } bad[] = { { "\x80\x80\x80\x80\x80\x00", 6 }, { "\xff\xff\xff\xff\x1f", 5 }, { "\x80", 1 }, { "", 0 } };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct pb_reader reader = over(bad[i].bytes, bad[i].size);
        CHECK_EQ(pb__read_uvarint(&reader), 0);
        CHECK(reader.failed);
    }
    struct pb_reader reader = over("\xff\xff\xff\xff\x0f", 5);
    CHECK_EQ(pb__read_uvarint(&reader), UINT32_MAX);
    CHECK(!reader.failed);
}

TEST(after_the_first_failure_nothing_is_read) {
    struct pb_reader reader = over("\0\1\2", 3);
    CHECK_EQ(pb__read_i32(&reader), 0);
    CHECK(reader.failed);
    CHECK_EQ(pb__read_i8(&reader), 0);
}

TEST(arrays_beyond_the_frame_fail_before_anything_is_done) {
    struct pb_array array;
    struct pb_reader reader = over("\x7f\xff\xff\xff", 4);
    pb__read_array(&reader, false, true, 1, &array);
    CHECK(reader.failed && array.count == 0);
    reader = over("\xff\xff\xff\xff", 4);
    pb__read_array(&reader, false, true, 1, &array);
    CHECK(!reader.failed && array.count == -1);
    reader = over("\xff\xff\xff\xff", 4);
    pb__read_array(&reader, false, false, 1, &array);
    CHECK(reader.failed);
}

TEST(tags_must_rise_and_fit) {
    static const char *const bad[] = { "\2\1\0\1\0", "\2\2\0\1\0", "\1\0\5ab" };
    for (size_t i = 0; i < 3; i++) {
        struct pb_reader reader = over(bad[i], 5);
        pb__read_tags_skip(&reader);
        CHECK(reader.failed);
    }
}

TEST(writer_stops_at_the_end_and_stays_failed) {
    uint8_t *bytes = harness_guarded("12345", 5);
    struct pb_writer writer = { .start = bytes, .pos = bytes, .end = bytes + 5 };
    pb__put_i32_to(&writer, 7);
    CHECK(!writer.failed);
    pb__put_i16_to(&writer, 7);
    CHECK(writer.failed && writer.pos == bytes + 4);
}

/* Produce version 9 with one topic and one partition; every cut of it is refused, the whole is read to its end. */
TEST(a_produce_request_is_refused_at_every_cut) {
    static const uint8_t frame[] = { 0, 0xff, 0xff, 0, 0, 0x75, 0x30, 2, 2, 't', 2, 0, 0, 0, 3, 4, 'a', 'b', 'c', 0, 0, 0 };
    struct pb_produce_request request;
    struct pb_reader reader = over(frame, sizeof frame);
    CHECK_EQ(pb__produce_request_read(&reader, 9, &request), 0);
    CHECK_EQ(request.acks, -1);
    CHECK_EQ(request.timeout_ms, 30000);
    struct pb_produce_request_topic_produce_data topic;
    struct pb_produce_request_partition_produce_data partition;
    CHECK_EQ(pb__produce_request_topic_produce_data_next(&request.topic_data, 9, &topic), 1);
    CHECK(topic.name.size == 1 && topic.name.data[0] == 't');
    CHECK_EQ(pb__produce_request_partition_produce_data_next(&topic.partition_data, 9, &partition), 1);
    CHECK_EQ(partition.index, 3);
    CHECK(partition.records.size == 3 && memcmp(partition.records.data, "abc", 3) == 0);
    CHECK_EQ(pb__produce_request_partition_produce_data_next(&topic.partition_data, 9, &partition), 0);
    CHECK_EQ(pb__produce_request_topic_produce_data_next(&request.topic_data, 9, &topic), 0);
    for (size_t cut = 0; cut < sizeof frame; cut++) {
        reader = over(frame, cut);
        CHECK_EQ(pb__produce_request_read(&reader, 9, &request), PB_E_PROTOCOL);
    }
    uint8_t longer[sizeof frame + 1] = { 0 };
    memcpy(longer, frame, sizeof frame);
    reader = over(longer, sizeof longer);
    CHECK_EQ(pb__produce_request_read(&reader, 9, &request), PB_E_PROTOCOL);
}

TEST(a_header_is_read_with_and_without_tags) {
    static const uint8_t bytes[] = { 0, 18, 0, 3, 0, 0, 0, 5, 0, 2, 'm', 'e', 0 };
    struct pb_request_header header;
    struct pb_reader reader = over(bytes, sizeof bytes);
    CHECK_EQ(pb__request_header_read(&reader, true, &header), 0);
    CHECK(header.api_key == 18 && header.api_version == 3 && header.correlation_id == 5 && header.client_id.size == 2 && reader.pos == reader.end);
    reader = over(bytes, 11);
    CHECK_EQ(pb__request_header_read(&reader, false, &header), PB_E_PROTOCOL);
}
