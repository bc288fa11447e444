/* api/members.h — members of groups for which a heartbeat changes nothing: it is answered on the loop.
 *
 * The control plane says who is steady, and takes a member out before anything happens that it must hear of. A heartbeat that differs in anything from what
 * was put in (generation or epoch, instance, a subscription) goes to the control plane as every request of its key. Session time-outs stay the control
 * plane's: it asks when a member was last heard.
 * Why         three threads woken and a call into Python cost 100 to 200 us for a request that changes nothing and that every consumer sends every three
 *             seconds; and a control plane that is busy for longer than a session time-out expels nobody for it.
 * Invariants  M1 an entry says: this heartbeat would be answered without an error, and with nothing new
 * Locks       its own mutex, held for a look-up
 * Thread      pb__members_heartbeat: loops; the rest: control thread
 * Source      API keys 12 (classic groups) and 68 (KIP-848) */
#ifndef PB_API_MEMBERS_H
#define PB_API_MEMBERS_H

#include <pthread.h>

#include "base/env.h"
#include "wire/reader.h"

enum pb_member_kind { PB_MEMBER_CLASSIC, PB_MEMBER_CONSUMER };

/* What a heartbeat says of its sender; strings are borrowed. */
struct pb_member_name { struct pb_str group, member; };
struct pb_member {
    struct pb_member_name name;
    struct pb_str instance;                                                 /* size -1: none */
    enum pb_member_kind kind;
    int32_t generation;                                                     /* or member epoch */
    int32_t interval_ms;                                                    /* until the next heartbeat, as the answer of key 68 says */
};

struct pb_member_entry;
struct pb_members {
    pthread_mutex_t lock;
    const struct pb_env *env;
    uint64_t seed;
    struct pb_member_entry **slots;                                         /* open addressing, capacity a power of two */
    int32_t capacity, count;
};

int pb__members_init(struct pb_members *members, const struct pb_env *env);
void pb__members_deinit(struct pb_members *members);
/* Put in or change; it counts as heard at now_ns. PB_E_NOMEM, PB_E_LIMIT (PB_MEMBERS_MAX): it is not in then, and its heartbeats go the long way. */
int pb__members_put(struct pb_members *members, const struct pb_member *member, int64_t now_ns);
void pb__members_remove(struct pb_members *members, const struct pb_member_name *name);   /* fine when it is not in */
/* When it was last heard, on the monotonic clock; -1: it is not in. */
int64_t pb__members_heard_ns(struct pb_members *members, const struct pb_member_name *name);
/* A heartbeat that changes nothing: true, heard at now_ns, and the interval to answer. An instance of size -1 stands for any where the protocol lets it be left out. */
bool pb__members_heartbeat(struct pb_members *members, const struct pb_member *sender, int64_t now_ns, int32_t *interval_ms_out);

struct pb_api;
struct pb_request;
/* 1: answered. 0: for the control plane, the request is untouched. Or the error for which the connection is closed. */
int pb__heartbeat_short_cut(struct pb_api *api, struct pb_request *request);
int pb__consumer_group_heartbeat_short_cut(struct pb_api *api, struct pb_request *request);

#endif
