/* api/authz_table.h — who may do what, as the control plane has decided: kept until a decision expires or is taken back.
 *
 * Key         (subject, operation, kind of resource, name). A subject is a number of the control plane's for one principal at one address; 0 is nobody, and never in the table.
 *             Names are kept as 64 bits of a keyed hash (SipHash, a secret of this process): nobody can aim at the decision of another name
 * Form        PB_RIGHTS_SETS sets of PB_RIGHTS_WAYS entries; the entry that expires first makes room. A decision that is gone is asked for again
 * Invariant   R1 a reader sees an entry whole or not at all: each set has a sequence number, odd while it is written
 * Thread      find: any loop, without a lock; put and forget: control thread
 * Owner       struct pb_broker */
#ifndef PB_API_AUTHZ_TABLE_H
#define PB_API_AUTHZ_TABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/env.h"
#include "base/limits.h"

/* Kafka's numbers: they come from and go to the control plane. */
enum pb_right_operation { PB_RIGHT_READ = 3, PB_RIGHT_WRITE = 4, PB_RIGHT_DESCRIBE = 8, PB_RIGHT_CLUSTER_ACTION = 9 };
enum pb_right_resource { PB_RIGHT_TOPIC = 2, PB_RIGHT_GROUP = 3, PB_RIGHT_CLUSTER = 4 };
#define PB_RIGHT_CLUSTER_NAME "kafka-cluster"

struct pb_right {
    uint32_t subject;
    uint8_t operation, resource;
    const uint8_t *name;                                                    /* borrowed */
    int32_t name_size;
};

struct pb_authz_table;

int pb__authz_table_new(const struct pb_env *env, struct pb_authz_table **table_out);
void pb__authz_table_free(struct pb_authz_table *table, const struct pb_env *env);
/* 1 allowed, 0 refused, PB_E_NOENT: the table does not know. */
int pb__authz_table_find(struct pb_authz_table *table, const struct pb_right *right, int64_t now_ns);
/* Holds until until_ns on the monotonic clock. */
void pb__authz_table_put(struct pb_authz_table *table, const struct pb_right *right, bool allowed, int64_t until_ns, int64_t now_ns);
/* What was decided about a subject, 0: about everybody, is asked for again. */
void pb__authz_table_forget(struct pb_authz_table *table, uint32_t subject);

#endif
