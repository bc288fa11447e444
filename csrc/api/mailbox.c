#include "api/mailbox.h"

#include <string.h>

#include "base/assert.h"
#include "base/err.h"

enum { KEY_SASL_HANDSHAKE = 17, KEY_SASL_AUTHENTICATE = 36 };

void pb__mailbox_init(struct pb_mailbox *mailbox) {
    *mailbox = (struct pb_mailbox){ 0 };
    pb__mpsc_init(&mailbox->posted);
    pb__mpsc_init(&mailbox->notes);
}

void pb__mail_free(struct pb_mail *mail) {
    struct pb_mailbox *mailbox = mail->api->shared->mailbox;
    atomic_fetch_sub_explicit(&mailbox->requests, 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&mailbox->bytes, mail->frame_size, memory_order_relaxed);
    pb__env_free(mail->api->env, mail->answer);
    pb__env_free(mail->api->env, mail);
}

static bool has_room(const struct pb_mailbox *mailbox, int32_t frame_size) {
    return mailbox->requests < PB_MAILBOX_REQUESTS_MAX && mailbox->bytes + frame_size <= PB_MAILBOX_BYTES_MAX;
}

static void fill_connection(struct pb_mail *mail, const struct pb_conn *conn) {
    mail->listener = conn->listener;
    mail->connection_id = conn->id;
    mail->received_ns = mail->api->net.now_ns;
    pb__conn_local_address(conn, mail->local_host, &mail->local_port);
    pb__conn_peer_address(conn, mail->peer_host, &mail->peer_port);
}

static void post(struct pb_mailbox *mailbox, struct pb_mail *mail) {
    struct pb_conn *conn = mail->conn;
    atomic_fetch_add_explicit(&mailbox->requests, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&mailbox->bytes, mail->frame_size, memory_order_relaxed);
    conn->request_state = mail;
    conn->request_kind = PB_HELD_FOR_MAIL;
    pb__conn_hold(conn);
    if (pb__mpsc_push(&mailbox->posted, &mail->node)) mailbox->notify(mailbox->notify_context);
}

static struct pb_mail *mail_new(struct pb_api *api, const struct pb_request *request) {
    struct pb_mail *mail = pb__env_alloc(api->env, sizeof *mail + (size_t)request->frame_size);
    if (mail == NULL) return NULL;
    *mail = (struct pb_mail){ .api = api, .conn = request->conn, .header = request->header, .flexible = request->flexible };
    memcpy(mail->frame, request->frame, (size_t)request->frame_size);
    mail->frame_size = request->frame_size;
    mail->body = mail->frame + (request->body.pos - request->frame);
    mail->body_size = (int32_t)(request->body.end - request->body.pos);
    if (mail->header.client_id.data != NULL) mail->header.client_id.data = mail->frame + (request->header.client_id.data - request->frame);
    fill_connection(mail, request->conn);
    return mail;
}

int pb__mailbox_post(struct pb_api *api, struct pb_request *request) {
    struct pb_mailbox *mailbox = api->shared->mailbox;
    if (!has_room(mailbox, request->frame_size)) return PB_E_LIMIT;
    bool logs_in = request->header.api_key == KEY_SASL_HANDSHAKE || request->header.api_key == KEY_SASL_AUTHENTICATE;
    if (logs_in && pb__mailbox_watch(api, request->conn) < 0) return PB_E_NOMEM;
    struct pb_mail *mail = mail_new(api, request);
    if (mail == NULL) return PB_E_NOMEM;
    mail->reply = pb__reply_new(request->conn);
    if (mail->reply == NULL) {
        pb__env_free(api->env, mail);
        return PB_E_NOMEM;
    }
    post(mailbox, mail);
    return 0;
}

int pb__mailbox_ask(struct pb_api *api, struct pb_conn *conn, const uint8_t *questions, uint32_t size_bytes, struct pb_fetch *fetch) {
    struct pb_mailbox *mailbox = api->shared->mailbox;
    if (!has_room(mailbox, (int32_t)size_bytes)) return PB_E_LIMIT;
    struct pb_mail *mail = pb__mailbox_watch(api, conn) < 0 ? NULL : pb__env_alloc(api->env, sizeof *mail + size_bytes);
    if (mail == NULL) return PB_E_NOMEM;
    *mail = (struct pb_mail){ .api = api, .conn = conn, .asks = true, .fetch = fetch, .frame_size = (int32_t)size_bytes, .body_size = (int32_t)size_bytes };
    mail->header.client_id.size = -1;
    memcpy(mail->frame, questions, size_bytes);
    mail->body = mail->frame;
    fill_connection(mail, conn);
    post(mailbox, mail);
    return 0;
}

/* A node of its own: what it tells of may be freed before somebody reads of it. */
struct note { struct pb_mpsc_node node; const struct pb_env *env; enum pb_note_kind kind; uint64_t id; };

static struct note *note_new(const struct pb_env *env, enum pb_note_kind kind, uint64_t id) {
    struct note *note = pb__env_alloc(env, sizeof *note);
    if (note != NULL) *note = (struct note){ .env = env, .kind = kind, .id = id };
    return note;
}

static void note_push(struct pb_mailbox *mailbox, struct note *note) {
    if (pb__mpsc_push(&mailbox->notes, &note->node) && mailbox->notify != NULL) mailbox->notify(mailbox->notify_context);
}

bool pb__mailbox_note(struct pb_mailbox *mailbox, const struct pb_env *env, enum pb_note_kind kind, uint64_t id) {
    struct note *note = note_new(env, kind, id);
    if (note != NULL) note_push(mailbox, note);
    return note != NULL;
}

int pb__mailbox_watch(struct pb_api *api, struct pb_conn *conn) {
    if (conn->farewell == NULL) conn->farewell = note_new(api->env, PB_NOTE_CLOSED, conn->id);   /* made now, so that it cannot fail then */
    return conn->farewell == NULL ? PB_E_NOMEM : 0;
}

void pb__mailbox_hang_up(struct pb_api *api, struct pb_conn *conn) {
    if (conn->request_kind != PB_HELD_FOR_MAIL) return;
    struct pb_mail *mail = conn->request_state;
    if (!mail->gone_told) mail->gone_told = pb__mailbox_note(api->shared->mailbox, api->env, PB_NOTE_GONE, conn->id);   /* untold: the answer is late, no more */
}

int pb__mailbox_take_note(struct pb_mailbox *mailbox, enum pb_note_kind *kind_out, uint64_t *id_out) {
    if (mailbox->notes_taken == NULL) mailbox->notes_taken = pb__mpsc_take_all(&mailbox->notes);
    struct note *note = (struct note *)(void *)mailbox->notes_taken;
    if (note == NULL) return 0;
    mailbox->notes_taken = note->node.next;
    *kind_out = note->kind;
    *id_out = note->id;
    pb__env_free(note->env, note);
    return 1;
}

void pb__mailbox_drop_notes(struct pb_mailbox *mailbox) {
    enum pb_note_kind kind;
    for (uint64_t id; pb__mailbox_take_note(mailbox, &kind, &id) > 0;) continue;
}

void pb__mailbox_cancel(struct pb_api *api, struct pb_conn *conn) {
    struct pb_mail *mail = conn->request_state;
    if (conn->request_kind == PB_HELD_FOR_MAIL) {
        pb__mailbox_hang_up(api, conn);
        mail->conn = NULL;                                                  /* the reply stays the mail's: net/ leaves waiting ones alone */
        mail->farewell = conn->farewell;                                    /* behind the last mail */
        if (mail->fetch != NULL) pb__fetch_unheard(api, mail->fetch);
        mail->fetch = NULL;
    } else {
        if (conn->request_kind == PB_TOLD_RIGHTS) pb__mail_free(mail);
        if (conn->farewell != NULL) note_push(api->shared->mailbox, conn->farewell);
    }
    conn->farewell = NULL;
}

struct pb_mail *pb__mailbox_take(struct pb_mailbox *mailbox) {
    if (mailbox->taken == NULL) mailbox->taken = pb__mpsc_take_all(&mailbox->posted);
    struct pb_mpsc_node *node = mailbox->taken;
    if (node != NULL) mailbox->taken = node->next;
    return (struct pb_mail *)(void *)node;
}

int pb__mail_answer(struct pb_mail *mail, const uint8_t *body, size_t size_bytes, bool close) {
    struct pb_api *api = mail->api;
    size_t head = mail->asks ? 0 : mail->flexible ? 9 : 8;
    int rc = 0;
    mail->close = close || size_bytes > INT32_MAX - head;
    if (!mail->close) {
        mail->answer = pb__env_alloc(api->env, head + size_bytes + 1);      /* one more: never a block of nothing */
        if (mail->answer == NULL) {
            mail->close = true;
            rc = PB_E_NOMEM;
        } else {
            if (!mail->asks) pb__put_i32(mail->answer + 4, mail->header.correlation_id);
            if (head == 9) mail->answer[8] = 0;                             /* response header v1: no tagged field */
            if (size_bytes > 0) memcpy(mail->answer + head, body, size_bytes);
            mail->answer_size = (uint32_t)(head + size_bytes);
        }
    }
    if (pb__mpsc_push(&api->inbound, &mail->node)) api->wakes.notify(api->wakes.context);
    return rc;
}

/* The connection is no longer held; what the control plane knows of it holds. */
static void let_go(struct pb_api *api, struct pb_mail *mail) {
    struct pb_conn *conn = mail->conn;
    if (conn == NULL) {
        if (mail->farewell != NULL) note_push(api->shared->mailbox, mail->farewell);
        return;
    }
    if (mail->trust) {
        conn->subject = mail->subject;
        conn->login_until_ns = mail->login_until_ns;
        pb__conn_trust(conn);
    }
    conn->request_state = NULL;
    conn->request_kind = 0;
    pb__conn_release(conn);
}

/* What may be done is known: the request that asked comes again, or its fetch goes on. */
static void serve_told(struct pb_api *api, struct pb_mail *mail) {
    struct pb_conn *conn = mail->conn;
    struct pb_fetch *fetch = mail->fetch;
    let_go(api, mail);
    if (conn == NULL) {
        pb__mail_free(mail);
        return;
    }
    if (mail->answer == NULL) conn->dead = true;
    if (fetch != NULL) {
        pb__fetch_judged(api, fetch, mail);
    } else {
        conn->request_state = mail;
        conn->request_kind = PB_TOLD_RIGHTS;
    }
}

static void serve(struct pb_api *api, struct pb_mail *mail) {
    struct pb_reply *reply = mail->reply;
    struct pb_conn *conn = mail->conn;
    if (mail->asks) {
        serve_told(api, mail);
        return;
    }
    if (mail->answer != NULL) {
        reply->bytes = mail->answer;                                        /* taken as it is: no copy */
        reply->size_bytes = reply->capacity_bytes = mail->answer_size;
        mail->answer = NULL;
    } else {
        reply->size_bytes = 8;
        if (conn != NULL) conn->dead = true;
    }
    pb__reply_ready(&api->net, reply);
    let_go(api, mail);
    if (conn != NULL && mail->last) pb__conn_fail(conn, PB_E_CLOSED);
    pb__mail_free(mail);
}

void pb__mailbox_serve(struct pb_api *api) {
    if (pb__mpsc_is_empty(&api->inbound)) return;
    for (struct pb_mpsc_node *node = pb__mpsc_take_all(&api->inbound), *next; node != NULL; node = next) {
        next = node->next;
        serve(api, (struct pb_mail *)(void *)node);
    }
}

void pb__mailbox_drop_all(struct pb_mailbox *mailbox) {
    for (struct pb_mail *mail; (mail = pb__mailbox_take(mailbox)) != NULL;) (void)pb__mail_answer(mail, NULL, 0, true);
}
