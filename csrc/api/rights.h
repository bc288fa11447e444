/* api/rights.h — whether a request of the data plane may be served, asked before it is.
 *
 * Way         the handler names what its request needs, topic by topic; decisions come from the table (authz_table.h). Where one is missing the control plane is asked about all
 *             of them, in one mail; the connection is held and the frame stays in its buffer. The answer comes, and the same frame is served by the loop, with what was said in hand:
 *             so it goes on even if the table has no room, and no request is asked about twice
 * Fetch       its targets may lie in a session and it may wait for hours, so it is judged each time it is evaluated; it keeps its place while it is asked about
 * Question    operation uint8 | kind of resource uint8 | size uint16 | name; as many as there are. Answer: a byte each, 1 allowed
 * Thread      the loop's */
#ifndef PB_API_RIGHTS_H
#define PB_API_RIGHTS_H

#include "api/authz_table.h"
#include "api/mailbox.h"
#include "base/assert.h"

struct pb_fetch;

/* One look over what a request needs. */
struct pb_judging {
    struct pb_api *api;
    struct pb_conn *conn;
    const struct pb_mail *told;                                             /* what was asked before, NULL: nothing */
    uint32_t told_at, told_number;                                          /* where to look next in it */
    bool asks;                                                              /* second look: questions are written */
    bool missing;                                                           /* something was not known */
    uint32_t question_bytes;                                                /* in api->questions */
    int32_t count;                                                          /* verdicts, in api->verdicts */
    int rc;
};

/* Requests are judged on this broker. */
static inline bool pb__rights_on(const struct pb_api *api) { return PB_UNLIKELY(api->shared->rights != NULL); }
/* Whether this is allowed; what is not known counts as not, and is noted. */
bool pb__judge(struct pb_judging *judging, enum pb_right_operation operation, enum pb_right_resource resource, const uint8_t *name, int32_t name_size);
/* The verdict about the next topic of the request. */
void pb__judge_next(struct pb_judging *judging, bool allowed);

/* Names all that the request needs, in its order, one pb__judge_next for each topic. Called once or twice. */
typedef void (*pb_judge_fn)(struct pb_judging *judging, const struct pb_request *request, const void *message);
/* 0: api->verdicts has a verdict for each topic, good until the next request is judged; PB_E_AGAIN: the connection waits, see pb_net_upcalls; or why it must close. */
int pb__rights_judge(struct pb_api *api, struct pb_request *request, pb_judge_fn judge, const void *message);
/* Questions that were gathered with `asks` go to the control plane; the connection is held. fetch (NULL: none) goes on with pb__fetch_judged, or ends with pb__fetch_unheard. */
int pb__rights_ask(struct pb_judging *judging, struct pb_fetch *fetch);
/* What this request was told before it came again, to be freed by pb__mail_free; NULL: nothing. */
struct pb_mail *pb__rights_told(struct pb_conn *conn);
/* The group may be read, as far as the table knows. */
bool pb__rights_may_read_group(struct pb_api *api, const struct pb_conn *conn, const struct pb_str *group);

#endif
