#include "api/rights.h"

#include <string.h>

#include "base/assert.h"
#include "base/endian.h"
#include "base/err.h"

enum { QUESTION_HEAD_BYTES = 4, ROOM_MIN = 256 };

/* ---- looking */

/* What was answered to the questions in [at, end), of which the first has that number: 1, 0, or PB_E_NOENT. */
static int told_between(struct pb_judging *judging, const struct pb_right *right, uint32_t at, uint32_t number, uint32_t end) {
    const struct pb_mail *mail = judging->told;
    while (at < end) {
        const uint8_t *question = mail->body + at;
        int32_t name_size = pb__get_u16(question + 2);
        at += QUESTION_HEAD_BYTES + (uint32_t)name_size;
        if (question[0] == right->operation && question[1] == right->resource && name_size == right->name_size && memcmp(question + QUESTION_HEAD_BYTES, right->name, (size_t)name_size) == 0) {
            judging->told_at = at;
            judging->told_number = number + 1;
            return number < mail->answer_size && mail->answer[number] == 1;
        }
        number++;
    }
    return PB_E_NOENT;
}

/* Questions come in the order in which they were asked, as a rule: the next one is looked at first. */
static int told_of(struct pb_judging *judging, const struct pb_right *right) {
    if (judging->told == NULL) return PB_E_NOENT;
    uint32_t at = judging->told_at;
    int rc = told_between(judging, right, at, judging->told_number, (uint32_t)judging->told->body_size);
    return rc < 0 && at > 0 ? told_between(judging, right, 0, 0, at) : rc;
}

static int reserve(struct pb_api *api, uint8_t **bytes, uint32_t *capacity, uint32_t wanted) {
    if (wanted <= *capacity) return 0;
    uint32_t room = *capacity > ROOM_MIN ? *capacity : ROOM_MIN;
    while (room < wanted) room *= 2;
    uint8_t *more = pb__env_resize(api->env, *bytes, room);
    if (more == NULL) return PB_E_NOMEM;
    *bytes = more;
    *capacity = room;
    return 0;
}

static void write_question(struct pb_judging *judging, const struct pb_right *right) {
    struct pb_api *api = judging->api;
    uint32_t at = judging->question_bytes, size = QUESTION_HEAD_BYTES + (uint32_t)right->name_size;
    if (judging->rc == 0) judging->rc = at + size > PB_RIGHTS_QUESTION_BYTES_MAX ? PB_E_LIMIT : reserve(api, &api->questions, &api->question_capacity, at + size);
    if (judging->rc < 0) return;
    api->questions[at] = right->operation;
    api->questions[at + 1] = right->resource;
    pb__put_u16(api->questions + at + 2, (uint16_t)right->name_size);
    memcpy(api->questions + at + QUESTION_HEAD_BYTES, right->name, (size_t)right->name_size);
    judging->question_bytes += size;
}

bool pb__judge(struct pb_judging *judging, enum pb_right_operation operation, enum pb_right_resource resource, const uint8_t *name, int32_t name_size) {
    struct pb_right right = { judging->conn->subject, (uint8_t)operation, (uint8_t)resource, name, name_size };
    if (name_size <= 0 || name_size > INT16_MAX) return true;               /* nothing has such a name: what comes of it is told by whoever looks for it */
    if (judging->asks) {
        write_question(judging, &right);
        return false;
    }
    int rc = told_of(judging, &right);
    if (rc < 0) rc = pb__authz_table_find(judging->api->shared->rights, &right, judging->api->net.now_ns);
    judging->missing |= rc < 0;
    return rc == 1;
}

void pb__judge_next(struct pb_judging *judging, bool allowed) {
    struct pb_api *api = judging->api;
    if (judging->asks || judging->rc < 0) return;
    judging->rc = reserve(api, &api->verdicts, &api->verdict_capacity, (uint32_t)judging->count + 1);
    if (judging->rc == 0) api->verdicts[judging->count++] = allowed;
}

/* ---- asking */

struct pb_mail *pb__rights_told(struct pb_conn *conn) {
    if (PB_LIKELY(conn->request_kind != PB_TOLD_RIGHTS)) return NULL;
    struct pb_mail *mail = conn->request_state;
    conn->request_state = NULL;
    conn->request_kind = 0;
    return mail;
}

int pb__rights_ask(struct pb_judging *judging, struct pb_fetch *fetch) {
    return judging->rc < 0 ? judging->rc : pb__mailbox_ask(judging->api, judging->conn, judging->api->questions, judging->question_bytes, fetch);
}

int pb__rights_judge(struct pb_api *api, struct pb_request *request, pb_judge_fn judge, const void *message) {
    struct pb_mail *told = pb__rights_told(request->conn);
    struct pb_judging judging = { .api = api, .conn = request->conn, .told = told };
    judge(&judging, request, message);
    if (judging.rc == 0 && judging.missing && told == NULL) {
        judging = (struct pb_judging){ .api = api, .conn = request->conn, .asks = true };
        judge(&judging, request, message);
        judging.rc = pb__rights_ask(&judging, NULL);
        return judging.rc < 0 ? judging.rc : PB_E_AGAIN;
    }
    if (told != NULL) pb__mail_free(told);                                  /* what it does not tell has changed meanwhile: refused */
    return judging.rc;
}

bool pb__rights_may_read_group(struct pb_api *api, const struct pb_conn *conn, const struct pb_str *group) {
    struct pb_right right = { conn->subject, PB_RIGHT_READ, PB_RIGHT_GROUP, group->data, group->size };
    return group->size > 0 && pb__authz_table_find(api->shared->rights, &right, api->net.now_ns) == 1;
}
