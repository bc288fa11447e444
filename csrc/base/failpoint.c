#include "base/failpoint.h"

#ifdef PB_DEBUG
#include "base/assert.h"

#define PB_FAILPOINT_NAME(name, text) text,
static const char *const names[] = { PB_FAILPOINTS(PB_FAILPOINT_NAME) };
#undef PB_FAILPOINT_NAME

const char *pb_failpoint_name(enum pb_failpoint point) {
    PB_ASSERT((unsigned)point < PB_FAILPOINT_COUNT);
    return names[point];
}

void pb__failpoint(const struct pb_env *env, enum pb_failpoint point) {
    if (env->failpoint != NULL) env->failpoint(env->context, pb_failpoint_name(point));
}
#endif
