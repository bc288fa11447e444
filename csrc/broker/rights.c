/* broker/rights.c — decisions of the control plane about who may do what, on their way to the loops. */
#include "broker/broker.h"

int pb_broker_judge(struct pb_broker *broker) {
    return broker->api.rights != NULL ? 0 : pb__authz_table_new(broker->env, &broker->api.rights);
}

int pb_broker_put_right(struct pb_broker *broker, const struct pb_right_view *view) {
    struct pb_right right = { view->subject, view->operation, view->resource, view->name, view->name_size };
    if (broker->api.rights == NULL) return PB_E_INVALID_ARGUMENT;
    pb__authz_table_put(broker->api.rights, &right, view->allowed, view->until_ns, pb__env_now_ns(broker->env));
    return 0;
}

void pb_broker_forget_rights(struct pb_broker *broker, uint32_t subject) {
    if (broker->api.rights != NULL) pb__authz_table_forget(broker->api.rights, subject);
}
