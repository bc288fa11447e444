/* pybroker_native.h — functions in C that a plugin brings (level L1): what a PyCapsule named "pybroker.native.v1" points to.
 *
 * Thread   an event loop calls them without the GIL, several loops at a time: no Python object, no lock that is held long, no blocking call
 * Memory   everything that is handed in is borrowed for the call; state belongs to the plugin and lives as long as the capsule, which the broker keeps
 * Version  the struct may grow at its end: size_bytes says how much of it the plugin knows */
#ifndef PYBROKER_NATIVE_H
#define PYBROKER_NATIVE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PYBROKER_NATIVE_V1 "pybroker.native.v1"

struct pybroker_native_batch {
    const char *topic;                                      /* topic_size bytes */
    int32_t topic_size, partition, partition_count, record_count;
    const uint8_t *bytes;                                   /* the whole batch as it will be stored, header first (record format v2) */
    int32_t size_bytes;
    int16_t attributes;                                     /* 0-2 codec, 4 transactional */
    int64_t producer_id;                                    /* -1: none */
    int64_t base_timestamp_ms, max_timestamp_ms;
};

struct pybroker_native_record {
    int32_t index;                                          /* in its batch */
    int64_t timestamp_ms;
    const uint8_t *key, *value, *headers;                   /* key, value NULL: null */
    int32_t key_size, value_size, headers_size, header_count;   /* headers as in the batch: name length varint, name, value length varint, value */
};

/* Any of the functions may be NULL. */
struct pybroker_native_v1 {
    uint32_t size_bytes;                                    /* sizeof(struct pybroker_native_v1) */
    void *state;                                            /* first argument of each */
    /* A batch: 0 it may be stored, else a Kafka error code (87 INVALID_RECORD, 44 POLICY_VIOLATION, …), and *text_out a static text for the client or NULL. */
    int16_t (*check_batch)(void *state, const struct pybroker_native_batch *batch, const char **text_out);
    /* A record, decompressed: likewise. The first that is refused refuses its batch, and the client is told its index. */
    int16_t (*check_record)(void *state, const struct pybroker_native_batch *batch, const struct pybroker_native_record *record, const char **text_out);
    /* A record's partition, 0 … partition_count - 1: of partitioners. */
    int32_t (*partition)(void *state, const struct pybroker_native_record *record, int32_t partition_count);
};

#ifdef __cplusplus
}
#endif

#endif
