/* wire/header.h — what stands before every request: apiKey int16 | apiVersion int16 | correlationId int32 | clientId nullable string | tags (flexible).
 * The client id's length stays an int16 in flexible headers. Thread: any. Source: KIP-482, KIP-511 */
#ifndef PB_WIRE_HEADER_H
#define PB_WIRE_HEADER_H

#include "wire/reader.h"

struct pb_request_header {
    int16_t api_key, api_version;
    int32_t correlation_id;
    struct pb_str client_id;
};

/* 0 or PB_E_PROTOCOL; what was read before the fault is in *out. */
int pb__request_header_read(struct pb_reader *reader, bool flexible, struct pb_request_header *out);

#endif
