/* api/k18_api_versions.c — ApiVersions (API key 18, versions 0-4): what this broker serves, from api_table.inc.
 *
 * A version that is not served gets a version 0 answer with UNSUPPORTED_VERSION and the list, so that the client can step down; the response header is
 * version 0 at every version, flexible or not.
 * Source      KIP-35, KIP-511, KIP-584 */
#include "api/api.h"
#include "api/api_table.h"
#include "base/err.h"

enum { ROOM_HEAD = 32, ROOM_ROW = 16, ROOM_REST = 64 };

static int answer(struct pb_api *api, struct pb_request *request, int16_t version, int error) {
    struct pb_reply *reply;
    struct pb_writer writer;
    int rc = pb__answer_begin(request, &reply, &writer);
    if (rc < 0) return rc;
    rc = pb__answer_room(api, reply, &writer, ROOM_HEAD + ROOM_REST + (size_t)pb__api_row_count * ROOM_ROW);
    if (rc == 0) {
        struct pb_api_versions_response_out out = { .error_code = pb_error_kafka_code(error), .finalized_features_epoch = -1 };
        pb__api_versions_response_put_until_api_keys(&writer, version, &out, pb__api_row_count);
        for (int32_t i = 0; i < pb__api_row_count; i++) {
            const struct pb_api_row *row = &pb__api_rows[i];
            struct pb_api_versions_response_api_version_out item = { .api_key = row->key, .min_version = row->advertised_min, .max_version = row->version_max };
            pb__api_versions_response_api_version_put(&writer, version, &item);
        }
        pb__api_versions_response_put_rest(&writer, version, &out);
    }
    pb__answer_finish(api, request->conn, reply, &writer, rc);
    return 0;
}

/* Kafka's pattern for client software name and version: [a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])? */
static bool is_software_name(const struct pb_str *text) {
    for (int32_t i = 0; i < text->size; i++) {
        uint8_t c = text->data[i];
        bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!alnum && (i == 0 || i == text->size - 1 || (c != '-' && c != '.'))) return false;
    }
    return text->size > 0;
}

int pb__api_versions_handle(struct pb_api *api, struct pb_request *request) {
    struct pb_api_versions_request message;
    int16_t version = request->header.api_version;
    int rc = pb__api_versions_request_read(&request->body, version, &message);
    if (rc < 0) return rc;
    bool valid = version < 3 || (is_software_name(&message.client_software_name) && is_software_name(&message.client_software_version));
    return answer(api, request, version, valid ? 0 : PB_E_INVALID_REQUEST);
}

int pb__api_versions_refuse(struct pb_api *api, struct pb_request *request) {
    request->header.api_key = 18;
    request->header.correlation_id = pb__get_i32(request->frame + 4);
    return answer(api, request, 0, PB_E_UNSUPPORTED_VERSION);
}
