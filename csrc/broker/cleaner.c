/* broker/cleaner.c — which log is compacted next, and the steps of it, for the workers of the owner.
 *
 * Choice      of all partitions whose topic is compacted the one with the largest dirty part, once that is more than min.cleanable.dirty.ratio, or a record waits
 *             for longer than max.compaction.lag.ms. One worker at a time has a partition (partition.cleaning)
 * Errors      no space, no memory, a log that changed: tried again. Any other: the partition is uncleanable until the next start, and one line says so
 * Checkpoint  cleaner-offset-checkpoint of each directory, after every finished log: up to where it is clean
 * Thread      each worker's own; takes partitions' locks, never while it reads or writes records
 * Source      kafka:storage LogCleaner, LogCleanerManager */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "broker/broker.h"
#include "log/log_compact.h"

struct pb_cleaner { struct pb_partition *partition; struct pb_compact *compact; int64_t begun_ns; bool swapping; };

struct choice { struct pb_broker *broker; struct pb_partition *best; double ratio, ratio_max; int64_t now_ms; };

static bool may_be_cleaned(const struct pb_partition *partition) {
    return !partition->cleaning && !partition->uncleanable && !partition->deleted && partition->topic->log_config->compacted && !pb__partition_is_offline(partition) &&
           !pb__log_dir_is_full(partition->topic->shared, partition->log_dir);
}

/* The lock is held, the log open. */
static int look_locked(struct pb_partition *partition, int64_t now_ms, struct pb_compact_facts *facts_out) {
    int64_t stable = pb__min_i64(partition->high_watermark, pb__log_first_unstable_offset(partition->log));
    return pb__log_compact_look(partition->log, partition->cleaned_to > 0 ? partition->cleaned_to : -1, stable, now_ms, facts_out);
}

static int look_at(void *context, struct pb_partition *partition) {
    struct choice *choice = context;
    struct pb_compact_facts facts;
    pthread_mutex_lock(&partition->lock);
    int rc = may_be_cleaned(partition) && pb__partition_has_files(partition) ? pb__partition_open(partition) : PB_E_NOENT;
    if (rc == 0) rc = look_locked(partition, choice->now_ms, &facts);
    bool due = rc == 0 && pb__compact_is_due(&facts, partition->topic->log_config);
    pthread_mutex_unlock(&partition->lock);
    if (rc < 0) return 0;                                                   /* that partition's alone, and told by whoever serves it */
    double ratio = pb__compact_ratio(&facts);
    choice->ratio_max = ratio > choice->ratio_max ? ratio : choice->ratio_max;
    if (!due || (choice->best != NULL && ratio <= choice->ratio)) return 0;
    if (choice->best != NULL) pb__partition_put(choice->best);
    choice->best = pb__partition_get(partition);
    choice->ratio = ratio;
    return 0;
}

static int begin_locked(struct pb_broker *broker, struct pb_cleaner *cleaner, struct pb_partition *partition, const struct pb_clean_rules *rules) {
    struct pb_compact_rules compact = { .now_ms = pb__env_wall_ms(broker->env), .map_bytes_max = rules->map_bytes_max, .load_factor = rules->load_factor, .stop = &broker->stop_cleaning };
    struct pb_compact_facts facts;
    if (!may_be_cleaned(partition) || partition->log == NULL) return PB_E_AGAIN;
    int rc = look_locked(partition, compact.now_ms, &facts);
    if (rc == 0 && facts.dirty_bytes == 0) rc = PB_E_AGAIN;
    if (rc == 0) rc = pb__compact_new(partition->log, &facts, &compact, &cleaner->compact);
    if (rc < 0) return rc;
    partition->cleaning = true;
    cleaner->partition = partition;
    cleaner->begun_ns = pb__env_now_ns(broker->env);
    cleaner->swapping = false;
    return 1;
}

/* 1: a log was chosen; 0: none is worth it. */
static int choose(struct pb_broker *broker, struct pb_cleaner *cleaner, const struct pb_clean_rules *rules) {
    struct choice choice = { .broker = broker, .now_ms = pb__env_wall_ms(broker->env) };
    int rc = pb__partition_map_each(&broker->map, look_at, &choice);
    broker->stat_dirty_ratio_ppm = (int64_t)(choice.ratio_max * 1000000);
    if (choice.best == NULL) return rc;
    pthread_mutex_lock(&choice.best->lock);
    if (rc == 0) rc = begin_locked(broker, cleaner, choice.best, rules);
    if (rc < 0 && rc != PB_E_AGAIN && rc != PB_E_NOMEM) choice.best->uncleanable = true;
    pthread_mutex_unlock(&choice.best->lock);
    if (rc <= 0) pb__partition_put(choice.best);
    return rc == PB_E_AGAIN ? 0 : rc;
}

static void tell(struct pb_broker *broker, const struct pb_cleaner *cleaner, int rc) {
    const struct pb_partition *partition = cleaner->partition;
    const struct pb_compact_done *done = pb__compact_done(cleaner->compact);
    if (rc < 0) {
        pb__env_log(broker->env, rc == PB_E_AGAIN ? PB_LOG_INFO : PB_LOG_ERROR, "event=compaction-ended topic=%s partition=%d error=%s uncleanable=%d", partition->topic->name,
                    partition->index, pb_error_name(rc), partition->uncleanable);
        return;
    }
    pb__env_log(broker->env, PB_LOG_INFO,
                "event=compacted topic=%s partition=%d cleaned_to=%lld segments=%d->%d bytes=%lld->%lld records=%lld dropped=%lld read=%lld written=%lld ms=%lld", partition->topic->name,
                partition->index, (long long)done->cleaned_to, done->segments_before, done->segments_after, (long long)done->bytes_before, (long long)done->bytes_after,
                (long long)done->records_read, (long long)done->records_dropped, (long long)done->bytes_read, (long long)done->bytes_written,
                (long long)((pb__env_now_ns(broker->env) - cleaner->begun_ns) / 1000000));
}

static bool may_pass(int error) { return error == PB_E_AGAIN || error == PB_E_NOSPACE || error == PB_E_NOMEM; }

/* The log is done, or given up for now or for good. */
static int end(struct pb_broker *broker, struct pb_cleaner *cleaner, int rc) {
    struct pb_partition *partition = cleaner->partition;
    const struct pb_compact_done *done = pb__compact_done(cleaner->compact);
    pthread_mutex_lock(&partition->lock);
    if (rc == 0) partition->cleaned_to = done->cleaned_to;
    if (rc < 0 && !may_pass(rc)) partition->uncleanable = true;
    partition->cleaning = false;
    pb__partition_note_error(partition, rc == PB_E_NOSPACE ? rc : 0);
    pthread_mutex_unlock(&partition->lock);
    tell(broker, cleaner, rc);
    atomic_fetch_add(&broker->stat_cleaned_bytes, done->bytes_read);
    atomic_fetch_add(&broker->stat_cleaner_runs, rc == 0);
    pb__compact_free(cleaner->compact);
    pb__partition_put(partition);
    cleaner->compact = NULL;
    cleaner->partition = NULL;
    if (rc == 0) rc = pb__log_dirs_checkpoint_cleaned(broker);
    return rc < 0 ? rc : 1;
}

static int swap(struct pb_cleaner *cleaner) {
    struct pb_partition *partition = cleaner->partition;
    pthread_mutex_lock(&partition->lock);
    int rc = partition->deleted || partition->log == NULL || pb__partition_is_offline(partition) ? PB_E_AGAIN : pb__compact_swap(cleaner->compact, partition->log);
    if (rc == PB_E_IO) pb__partition_note_error(partition, rc);
    pthread_mutex_unlock(&partition->lock);
    cleaner->swapping = rc == PB_E_FULL;
    return rc == PB_E_FULL ? 1 : rc;
}

int pb_broker_clean(struct pb_broker *broker, int32_t worker, const struct pb_clean_rules *rules, int64_t *bytes_out) {
    *bytes_out = 0;
    if (worker < 0 || worker >= PB_CLEANERS_MAX || rules->bytes_max <= 0) return PB_E_INVALID_ARGUMENT;
    if (broker->cleaners[worker] == NULL && (broker->cleaners[worker] = pb__env_zalloc(broker->env, sizeof *broker->cleaners[worker])) == NULL) return PB_E_NOMEM;
    struct pb_cleaner *cleaner = broker->cleaners[worker];
    if (cleaner->compact == NULL) return choose(broker, cleaner, rules);
    const struct pb_compact_done *done = pb__compact_done(cleaner->compact);
    int64_t before = done->bytes_read + done->bytes_written;
    int rc = cleaner->swapping ? PB_COMPACT_SWAP : pb__compact_step(cleaner->compact, rules->bytes_max);
    if (rc == PB_COMPACT_SWAP) rc = swap(cleaner);
    *bytes_out = done->bytes_read + done->bytes_written - before;
    return rc > 0 ? 1 : end(broker, cleaner, rc);
}

void pb_broker_stop_cleaning(struct pb_broker *broker) { broker->stop_cleaning = true; }

void pb__cleaners_close(struct pb_broker *broker) {
    for (int32_t i = 0; i < PB_CLEANERS_MAX; i++) {
        struct pb_cleaner *cleaner = broker->cleaners[i];
        if (cleaner == NULL) continue;
        pb__compact_free(cleaner->compact);
        if (cleaner->partition != NULL) pb__partition_put(cleaner->partition);
        pb__env_free(broker->env, cleaner);
        broker->cleaners[i] = NULL;
    }
}
