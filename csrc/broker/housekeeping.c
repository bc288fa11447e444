#include "broker/housekeeping.h"

#include "base/assert.h"
#include "base/failpoint.h"

/* ---- segments that leave */

static int cut_one(struct pb_keep_cut *cut, struct pb_retain_done *done) {
    struct pb_partition *partition = cut->partition;
    int rc = 1;
    while (rc > 0) {                                                        /* in steps: who waits for the lock gets it in between */
        pthread_mutex_lock(&partition->lock);
        rc = pb__partition_open(partition);
        if (rc == 0) rc = pb__log_remove_below(partition->log, &cut->rules, cut->start, done);
        if (rc <= 0) partition->start_noted = 0;
        pthread_mutex_unlock(&partition->lock);
    }
    if (rc < 0 && rc != PB_E_UNKNOWN_PARTITION)
        pb__env_log(partition->topic->shared->env, PB_LOG_WARNING, "event=segments-not-removed topic=%s partition=%d error=%s", partition->topic->name, partition->index,
                    pb_error_name(rc));
    return rc;
}

static void forget_start(struct pb_partition *partition) {
    pthread_mutex_lock(&partition->lock);
    partition->start_noted = 0;
    pthread_mutex_unlock(&partition->lock);
}

void pb__keep_cut_all(struct pb_broker *broker, struct pb_keep_cut *cuts, int32_t count, bool need_note, int *error_out, struct pb_retain_done *done) {
    if (count == 0) return;
    pthread_mutex_lock(&broker->keep_lock);
    for (int32_t i = 0; i < count; i++) {
        pthread_mutex_lock(&cuts[i].partition->lock);
        cuts[i].partition->start_noted = cuts[i].start;                     /* from here on every checkpoint says so */
        pthread_mutex_unlock(&cuts[i].partition->lock);
    }
    int noted = pb__log_dirs_checkpoint_starts(broker);
    PB_FAILPOINT(broker->env, RETAIN_NOTED);
    bool go_on = noted == 0 || (!need_note && noted == PB_E_NOSPACE);
    for (int32_t i = 0; i < count; i++) {
        int rc = go_on ? cut_one(&cuts[i], done) : noted;
        if (!go_on) forget_start(cuts[i].partition);
        if (error_out != NULL) error_out[i] = rc;
        pb__partition_put(cuts[i].partition);
    }
    pthread_mutex_unlock(&broker->keep_lock);
}

/* ---- retention */

struct retain_round {
    struct pb_broker *broker;
    int64_t now_ms;
    struct pb_keep_cut cuts[PB_KEEP_CUTS_MAX];
    int32_t count;
    struct pb_retain_done done;
};

static void cut_gathered(struct retain_round *round) {
    pb__keep_cut_all(round->broker, round->cuts, round->count, false, NULL, &round->done);
    round->count = 0;
}

/* Find out how far the log may begin later. */
static int look_at(struct pb_partition *partition, int64_t now_ms, struct pb_keep_cut *cut) {
    struct pb_retain_rules rules;
    int64_t from_offset = 0, start_now = 0;
    bool begun = false;
    int rc = 1;
    while (rc > 0) {
        pthread_mutex_lock(&partition->lock);
        rc = pb__partition_has_files(partition) ? pb__partition_open(partition) : PB_E_NOENT;
        if (rc == 0 && !begun) {
            rules = cut->rules = pb__log_retain_rules(partition->log, partition->high_watermark, now_ms);
            cut->start = start_now = pb__log_start_offset(partition->log);
            begun = true;
        }
        if (rc == 0) rc = pb__log_retain_look(partition->log, &rules, &from_offset, &cut->start);
        pthread_mutex_unlock(&partition->lock);
    }
    if (rc < 0 || from_offset == 0) return rc;                              /* nothing is to go */
    return 1;
}

static int retain_one(void *context, struct pb_partition *partition) {
    struct retain_round *round = context;
    struct pb_keep_cut *cut = &round->cuts[round->count];
    if (look_at(partition, round->now_ms, cut) <= 0) return 0;              /* an error is that partition's alone, and was told */
    cut->partition = pb__partition_get(partition);
    if (++round->count == PB_KEEP_CUTS_MAX) cut_gathered(round);
    return 0;
}

static int retain_round(struct pb_broker *broker, int64_t now_ms) {
    struct retain_round *round = pb__env_zalloc(broker->env, sizeof *round);
    if (round == NULL) return PB_E_NOMEM;
    round->broker = broker;
    round->now_ms = now_ms;
    round->done.lines_left = PB_KEEP_LOG_LINES_MAX;
    int rc = pb__partition_map_each(&broker->map, retain_one, round);
    cut_gathered(round);
    broker->stat_segments_deleted += round->done.segments;
    broker->stat_bytes_deleted += round->done.bytes;
    if (round->done.segments > 0)
        pb__env_log(broker->env, PB_LOG_INFO, "event=retention-round segments=%lld bytes=%lld", (long long)round->done.segments, (long long)round->done.bytes);
    pb__env_free(broker->env, round);
    return rc;
}

/* ---- what a tick does for one partition */

static int tick_one(void *context, struct pb_partition *partition) {
    struct pb_broker *broker = context;
    const struct pb_env *env = broker->env;
    struct pb_doomed *doomed = NULL;
    pthread_mutex_lock(&partition->lock);
    struct pb_log *log = partition->deleted || pb__log_dir_is_offline(&broker->part, partition->log_dir) ? NULL : partition->log;
    if (log != NULL) {
        doomed = pb__log_take_doomed(log, pb__env_now_ns(env));
        int rc = pb__log_dir_is_full(&broker->part, partition->log_dir) ? 0 : pb__log_roll_if_due(log, pb__env_wall_ms(env));
        pb__partition_note_error(partition, rc);
        if (!partition->sync_held) pb__partition_hold_syncs(partition, false);   /* who waits for a sync that found no worker */
    }
    pthread_mutex_unlock(&partition->lock);
    pb__doomed_unlink(env, doomed);                                         /* unlinking a large file takes its time */
    return 0;
}

/* ---- the round */

static bool clock_is_good(struct pb_broker *broker, int64_t wall_ms) {
    static const char *const words[] = { [PB_CLOCK_JUMPED] = "jumped", [PB_CLOCK_BACK] = "back", [PB_CLOCK_ACCEPTED] = "accepted" };
    int64_t skew_before_ms = broker->clock.skew_ms, now_ns = pb__env_now_ns(broker->env);
    enum pb_clock_state state = pb__clock_watch_look(&broker->clock, wall_ms, now_ns, broker->clock_settle_ms);
    if (state != PB_CLOCK_GOOD && state != PB_CLOCK_WAITING)
        pb__env_log(broker->env, PB_LOG_WARNING, "event=wall-clock state=%s by_ms=%lld retention=%s", words[state], (long long)(wall_ms - now_ns / 1000000 - skew_before_ms),
                    state == PB_CLOCK_JUMPED ? "postponed" : "on");
    return pb__clock_is_good(state);
}

int pb_broker_keep(struct pb_broker *broker, int work) {
    int64_t wall_ms = pb__env_wall_ms(broker->env);
    bool may_delete = clock_is_good(broker, wall_ms);
    int rc = 0;
    if (work & PB_KEEP_DISKS)
        for (int32_t i = 0; i < broker->part.log_dir_count; i++) pb__log_dir_look(&broker->part, i);
    if (work & PB_KEEP_PARTITIONS) rc = pb__partition_map_each(&broker->map, tick_one, broker);
    if (rc < 0 || !(work & PB_KEEP_RETENTION)) return rc;
    if (!may_delete) return PB_KEEP_RETENTION;
    return retain_round(broker, wall_ms);
}

int pb_broker_log_dir(struct pb_broker *broker, int32_t dir, int *state_out, int64_t *free_bytes_out) {
    if (dir < 0 || dir >= broker->part.log_dir_count) return PB_E_INVALID_ARGUMENT;
    *state_out = broker->part.dirs[dir].state;
    *free_bytes_out = broker->part.dirs[dir].free_bytes;
    return 0;
}
