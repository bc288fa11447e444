#include "base/err.h"

const char *pb_error_name(int error) {
    switch (error) {
#define PB_ERROR_NAME(name, value, kafka, text)                                                                                            \
    case value:                                                                                                                            \
        return #name;
        PB_ERRORS(PB_ERROR_NAME)
#undef PB_ERROR_NAME
        default:
            return "PB_E_?";
    }
}

const char *pb_error_text(int error) {
    switch (error) {
#define PB_ERROR_TEXT(name, value, kafka, text)                                                                                            \
    case value:                                                                                                                            \
        return text;
        PB_ERRORS(PB_ERROR_TEXT)
#undef PB_ERROR_TEXT
        default:
            return "unknown error";
    }
}

int16_t pb_error_kafka_code(int error) {
    if (error >= 0) return PB_KAFKA_NONE;
    switch (error) {
#define PB_ERROR_KAFKA(name, value, kafka, text)                                                                                           \
    case value:                                                                                                                            \
        return kafka;
        PB_ERRORS(PB_ERROR_KAFKA)
#undef PB_ERROR_KAFKA
        default:
            return PB_KAFKA_UNKNOWN_SERVER_ERROR;
    }
}
