/* api/mailbox.h — the one door between loops and the control plane.
 *
 * Way        loop: pb__mailbox_post copies the request, holds the connection (the control plane sees one request of a connection at a time, in order) →
 *            control thread: pb__mailbox_take → … → pb__mail_answer → the loop's inbound queue → pb__mailbox_serve fills the reply that was reserved
 * Questions  about rights (rights.h) go the same way; their answer is for the loop, not for the client, whose request is served then
 * End        a connection of which the control plane keeps something (a login, a subject) is watched: PB_NOTE_CLOSED comes behind all its mails
 * Bounds     PB_MAILBOX_REQUESTS_MAX, PB_MAILBOX_BYTES_MAX over all loops: a request beyond them closes its connection
 * Thread     post, cancel, serve: the loop; take, answer: control thread
 * Owner      a mail belongs to whoever holds it; mail->conn and mail->reply are touched by the loop alone */
#ifndef PB_API_MAILBOX_H
#define PB_API_MAILBOX_H

#include "api/api.h"

struct pb_mailbox {
    struct pb_mpsc posted;
    struct pb_mpsc notes;                                                   /* short news */
    struct pb_mpsc_node *notes_taken;
    struct pb_mpsc_node *taken;                                             /* control thread: what of the last take is left */
    _Atomic int64_t requests, bytes;
    void (*notify)(void *context);
    void *notify_context;
};

struct pb_mail {
    struct pb_mpsc_node node;                                               /* first */
    struct pb_api *api;
    struct pb_conn *conn;                                                   /* NULL: gone */
    struct pb_reply *reply;
    struct pb_request_header header;                                        /* client_id points into frame */
    const uint8_t *body;
    int32_t body_size, frame_size, listener;
    bool flexible, close, trust;
    bool last;                                                              /* the connection ends behind the answer */
    bool asks;                                                              /* body: questions about rights */
    bool gone_told;                                                         /* the loop's */
    uint32_t subject;                                                       /* of trust */
    int64_t login_until_ns;                                                 /* same */
    struct pb_fetch *fetch;                                                 /* the loop's: that is asked about, NULL: none */
    void *farewell;                                                         /* the loop's: of a connection that ended meanwhile */
    uint64_t connection_id;
    int64_t received_ns;
    uint8_t *answer;                                                        /* whole reply, length prefix to be filled in, or a byte for each question; owned */
    uint32_t answer_size;
    char local_host[PB_ADDRESS_BYTES], peer_host[PB_ADDRESS_BYTES];
    int32_t local_port, peer_port;
    uint8_t frame[];
};

void pb__mailbox_init(struct pb_mailbox *mailbox);
/* What a connection is held for; told: the answer that its next request needs. */
enum pb_held_for { PB_HELD_FOR_MAIL = 2, PB_TOLD_RIGHTS = 4 };
/* Loop: questions (copied) about a request of this connection, which is held. fetch: see rights.h. PB_E_LIMIT, PB_E_NOMEM. */
int pb__mailbox_ask(struct pb_api *api, struct pb_conn *conn, const uint8_t *questions, uint32_t size_bytes, struct pb_fetch *fetch);
void pb__mail_free(struct pb_mail *mail);
/* Oldest mail, NULL: none. */
struct pb_mail *pb__mailbox_take(struct pb_mailbox *mailbox);
/* The answer goes back to its loop; mail is given away. close: no answer, the connection ends. PB_E_NOMEM: closed as well. */
int pb__mail_answer(struct pb_mail *mail, const uint8_t *body, size_t size_bytes, bool close);
/* Loop: the peer of a connection left. Once for each mail that is out. */
void pb__mailbox_hang_up(struct pb_api *api, struct pb_conn *conn);
/* Any thread: news for the control plane. Without memory it is lost; true: it is on its way. */
enum pb_note_kind { PB_NOTE_GONE /* id: a connection whose peer left while a request of it was out */, PB_NOTE_UNUSED /* id: a hook chain nobody goes by */,
                    PB_NOTE_CLOSED /* id: a watched connection that is no more */ };
bool pb__mailbox_note(struct pb_mailbox *mailbox, const struct pb_env *env, enum pb_note_kind kind, uint64_t id);
/* 1: *kind_out and *id_out are set; 0: there is none. */
int pb__mailbox_take_note(struct pb_mailbox *mailbox, enum pb_note_kind *kind_out, uint64_t *id_out);
void pb__mailbox_drop_notes(struct pb_mailbox *mailbox);
/* Loop: answers that came back. */
void pb__mailbox_serve(struct pb_api *api);
/* Stopped: mails nobody will answer. */
void pb__mailbox_drop_all(struct pb_mailbox *mailbox);

#endif
