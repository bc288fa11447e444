/* base/err.h — every error the core can return, once: name, text, Kafka code.
 *
 * Functions return 0 or a negative PB_E_*; a positive value is a result where the function says so. The Kafka code is what a
 * client is told when the error reaches an API handler (kafka: org.apache.kafka.common.protocol.Errors).
 * Thread      any
 * Owner       nobody: constants */
#ifndef PB_BASE_ERR_H
#define PB_BASE_ERR_H

#include <stdint.h>

/*        name                    value  Kafka  text */
#define PB_ERRORS(X)                                                                                                                       \
    X(PB_E_NOMEM,                   -1,   -1, "out of memory")                                                                           \
    X(PB_E_IO,                      -2,   56, "input/output error")                                                                      \
    X(PB_E_FULL,                    -3,   -1, "full")                                                                                    \
    X(PB_E_AGAIN,                   -4,   -1, "not now")                                                                                 \
    X(PB_E_CLOSED,                  -5,   -1, "closed by the peer")                                                                      \
    X(PB_E_PROTOCOL,                -6,   42, "bytes that are no valid request")                                                         \
    X(PB_E_FRAME_INVALID,           -7,   42, "frame length is not possible")                                                            \
    X(PB_E_FRAME_TOO_LARGE,         -8,   42, "frame is longer than socket.request.max.bytes")                                           \
    X(PB_E_VERSION,                 -9,   35, "API key or version is not served")                                                        \
    X(PB_E_NOENT,                  -10,   -1, "does not exist")                                                                          \
    X(PB_E_EXISTS,                 -11,   -1, "exists already")                                                                          \
    X(PB_E_NOSPACE,                -12,   56, "no space left on the log directory")                                                      \
    X(PB_E_LIMIT,                  -13,   56, "a named limit is reached")                                                                \
    X(PB_E_INTERNAL,               -14,   -1, "internal error")                                                                          \
    X(PB_E_CORRUPT_FILE,           -15,   56, "a file of the log is damaged")                                                            \
    X(PB_E_OFFLINE,                -16,   56, "partition or log directory is off-line")                                                  \
    X(PB_E_INVALID_ARGUMENT,       -17,   42, "argument out of range")                                                                   \
    X(PB_E_CORRUPT_BATCH,          -20,    2, "record batch fails its checks")                                                           \
    X(PB_E_INVALID_RECORD,         -21,   87, "record batch or record is not valid")                                                     \
    X(PB_E_BATCH_TOO_LARGE,        -22,   10, "record batch is larger than max.message.bytes")                                           \
    X(PB_E_MAGIC,                  -23,   43, "record format version is not supported")                                                  \
    X(PB_E_CODEC,                  -24,   76, "compression type is not supported")                                                       \
    X(PB_E_INVALID_TIMESTAMP,      -25,   32, "timestamp of a record is out of the allowed range")                                       \
    X(PB_E_INVALID_PRODUCER_EPOCH, -26,   47, "producer epoch is older than the newest one seen")                                        \
    X(PB_E_OUT_OF_ORDER_SEQUENCE,  -27,   45, "sequence number does not follow the last one")                                            \
    X(PB_E_DUPLICATE_SEQUENCE,     -28,   46, "batch is older than the last five and was a duplicate")                                   \
    X(PB_E_UNKNOWN_PRODUCER_ID,    -29,   59, "producer id is unknown on this partition")                                                \
    X(PB_E_INVALID_TXN_STATE,      -30,   48, "transactional batch outside of a transaction")                                            \
    X(PB_E_OFFSET_OUT_OF_RANGE,    -31,    1, "offset is outside of the log")                                                            \
    X(PB_E_UNKNOWN_PARTITION,      -32,    3, "topic or partition is unknown")                                                           \
    X(PB_E_UNKNOWN_TOPIC_ID,       -33,  100, "topic id is unknown")                                                                     \
    X(PB_E_NOT_LEADER,             -34,    6, "this broker does not lead the partition")                                                 \
    X(PB_E_FENCED_LEADER_EPOCH,    -35,   74, "leader epoch is older than the current one")                                              \
    X(PB_E_UNKNOWN_LEADER_EPOCH,   -36,   75, "leader epoch is newer than the current one")                                              \
    X(PB_E_INVALID_ACKS,           -37,   21, "acks is none of -1, 0, 1")                                                                \
    X(PB_E_INVALID_TOPIC,          -38,   17, "topic may not be written by clients")                                                     \
    X(PB_E_TIMED_OUT,              -39,    7, "time-out before the request could be answered")                                           \
    X(PB_E_INCONSISTENT_TOPIC_ID,  -40,  103, "topic id does not belong to the topic")                                                   \
    X(PB_E_SESSION_NOT_FOUND,      -41,   70, "fetch session id is unknown")                                                             \
    X(PB_E_SESSION_EPOCH,          -42,   71, "fetch session epoch is not the next one")                                                 \
    X(PB_E_BATCH_LARGER_THAN_SEGMENT, -46, 18, "record batch is larger than a segment")                                                        \
    X(PB_E_SESSION_TOPIC_ID,       -45,  106, "fetch session names topics by name, the request by id, or the reverse")                            \
    X(PB_E_COORDINATOR_FENCED,     -48,   52, "transaction coordinator is older than the newest one seen")                               \
    X(PB_E_POLICY,                 -60,   44, "the topic's policy does not allow it")                                                       \
    X(PB_E_NOT_AUTHENTICATED,      -47,   34, "request before authentication")                                                           \
    X(PB_E_LOGIN_OVER,             -49,   34, "request after the login has expired")                                                     \
    X(PB_E_TOPIC_FORBIDDEN,        -50,   29, "no right to do this with the topic")                                                      \
    X(PB_E_UNSUPPORTED_VERSION,    -43,   35, "version of the request does not support this")                                            \
    X(PB_E_INVALID_REQUEST,        -44,   42, "request is not valid")

#define PB_ERROR_ENUM(name, value, kafka, text) name = value,
enum pb_error { PB_ERRORS(PB_ERROR_ENUM) };
#undef PB_ERROR_ENUM

enum { PB_KAFKA_NONE = 0, PB_KAFKA_UNKNOWN_SERVER_ERROR = -1 };

/* Name of an error ("PB_E_IO"), "PB_E_?" for a value that is none. Static text. */
const char *pb_error_name(int error);
/* One English line for people, no full stop. Static text. */
const char *pb_error_text(int error);
/* Kafka's code for an error: 0 for 0 and above, -1 (UNKNOWN_SERVER_ERROR) where the error has no code of its own. */
int16_t pb_error_kafka_code(int error);

#endif
