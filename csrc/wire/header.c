#include "wire/header.h"

#include "base/err.h"

int pb__request_header_read(struct pb_reader *reader, bool flexible, struct pb_request_header *out) {
    out->api_key = pb__read_i16(reader);
    out->api_version = pb__read_i16(reader);
    out->correlation_id = pb__read_i32(reader);
    pb__read_str(reader, false, true, &out->client_id);
    if (flexible) pb__read_tags_skip(reader);
    return reader->failed ? PB_E_PROTOCOL : 0;
}
