#include <string.h>

#include "api/lane.h"
#include "base/assert.h"

enum { SLOTS = 2 * PB_LOOP_STAGED_BATCHES_MAX };

/* Group of a partition, made when it has none yet. */
static struct pb_stage_group *group_of(struct pb_stage *stage, struct pb_partition *partition) {
    uint64_t h = ((uint64_t)(uintptr_t)partition >> 6) * 0x9E3779B97F4A7C15u;
    for (uint32_t i = (uint32_t)(h >> 40);; i++) {
        uint16_t *slot = &stage->slots[i % SLOTS];
        if (*slot == 0) {
            struct pb_stage_group *group = &stage->groups[stage->group_count++];
            *slot = (uint16_t)stage->group_count;
            *group = (struct pb_stage_group){ partition, -1, -1, 0 };
            return group;
        }
        if (stage->groups[*slot - 1].partition == partition) return &stage->groups[*slot - 1];
    }
}

struct pb_staged *pb__stage_add(struct pb_api *api, struct pb_partition *partition) {
    struct pb_stage *stage = api->stage;
    if (stage->count == PB_LOOP_STAGED_BATCHES_MAX || stage->bytes >= PB_LOOP_STAGED_BYTES_MAX) pb__stage_flush(api);
    int32_t index = stage->count++;
    struct pb_stage_group *group = group_of(stage, partition);
    if (group->last >= 0) {
        stage->items[group->last].next = index;
    } else {
        group->first = index;
    }
    group->last = index;
    group->count++;
    struct pb_staged *staged = &stage->items[index];
    staged->partition = partition;
    staged->rewritten = NULL;
    staged->away = false;
    staged->next = -1;
    return staged;
}

static void flush_group(struct pb_api *api, const struct pb_stage_group *group) {
    struct pb_stage *stage = api->stage;
    int32_t count = 0;
    int64_t flush_messages = INT64_MAX;
    for (int32_t i = group->first; i >= 0; i = stage->items[i].next) {
        stage->appends[count++] = (struct pb_log_append){ .batch = &stage->items[i].batch };
        flush_messages = stage->items[i].flush_messages;
    }
    struct pb_partition_append result = {
        .appends = stage->appends, .count = count, .from_client = true, .now_ms = api->wall_ms, .here = &api->wakes, .flush_messages = flush_messages
    };
    int rc = pb__partition_append(group->partition, &result);
    api->stat_appends++;
    if (rc < 0) api->stat_append_errors++;
    count = 0;
    for (int32_t i = group->first; i >= 0; i = stage->items[i].next) pb__produce_staged_done(api, &stage->items[i], &stage->appends[count++], &result);
}

void pb__stage_flush(struct pb_api *api) {
    struct pb_stage *stage = api->stage;
    if (stage->count > 0) {
        for (int32_t i = 0; i < stage->group_count; i++) flush_group(api, &stage->groups[i]);
        for (int32_t i = 0; i < stage->count; i++) {
            pb__partition_put(stage->items[i].partition);
            pb__env_free(api->env, stage->items[i].rewritten);
        }
        stage->count = stage->group_count = 0;
        stage->bytes = 0;
        memset(stage->slots, 0, sizeof stage->slots);
    }
    if (!pb__list_is_empty(&api->lane_staged)) pb__lane_staged_done(api);
    api->net.input_lent = false;
}
