#include "broker/broker.h"

#include <string.h>

#include "base/assert.h"
#include "hook/hook.h"
#include "part/move.h"

#define NAME(name, ...) #name,
static const char *const setting_names[] = { PB_SETTINGS(NAME) };
static const char *const topic_setting_names[] = { PB_TOPIC_SETTINGS(NAME) };
static const char *const stat_names[] = { PB_STATS(NAME) };
#undef NAME
#define DEFAULT(name, value) value,
static const int64_t setting_defaults[] = { PB_SETTINGS(DEFAULT) };
#undef DEFAULT

int pb_setting_find(const char *name) {
    for (int i = 0; i < PB_SETTING_COUNT; i++)
        if (strcmp(setting_names[i], name) == 0) return i;
    return PB_E_NOENT;
}
const char *pb_setting_name(int number) { return number >= 0 && number < PB_SETTING_COUNT ? setting_names[number] : NULL; }
const char *pb_topic_setting_name(int number) { return number >= 0 && number < PB_TOPIC_SETTING_COUNT ? topic_setting_names[number] : NULL; }
const char *pb_stat_name(int number) { return number >= 0 && number < PB_STAT_COUNT ? stat_names[number] : NULL; }

void pb_broker_set(struct pb_broker *broker, enum pb_setting setting, int64_t value) {
    switch (setting) {
        case PB_SETTING_request_bytes_max: broker->net.request_bytes_max = value; break;
        case PB_SETTING_connection_idle_ms_max: broker->net.connection_idle_ms_max = value; break;
        case PB_SETTING_receive_bytes_total_max: broker->net.receive_bytes_total_max = value; break;
        case PB_SETTING_send_buffer_bytes: broker->net.send_buffer_bytes = value; break;
        case PB_SETTING_receive_buffer_bytes: broker->net.receive_buffer_bytes = value; break;
        case PB_SETTING_connections_max: broker->connections_max = value; break;
        case PB_SETTING_connections_per_ip_max: broker->net.peers.per_address_max = value; break;
        case PB_SETTING_stranger_ms_max: broker->net.stranger_ms_max = value; break;
        case PB_SETTING_fetch_bytes_max: broker->api.fetch_bytes_max = value; break;
        case PB_SETTING_fetch_sessions_max: broker->api.fetch_sessions_max = value; break;
        case PB_SETTING_flush_policy: broker->part.sync_before_ack = value != 0; break;
        case PB_SETTING_producer_id_expiration_ms: broker->producer_id_expiration_ms = value; break;
        case PB_SETTING_disk_free_bytes_min: broker->part.disk_free_bytes_min = value; break;
        case PB_SETTING_clock_settle_ms: broker->clock_settle_ms = value; break;
        case PB_SETTING_COUNT: break;
    }
}

static int init(struct pb_broker *broker, const struct pb_broker_options *options, int32_t *failed_dir_out) {
    const struct pb_env *env = options->env;
    int rc = pb__file_cache_new(env, options->open_segments_max, &broker->files);
    if (rc < 0) return rc;
    broker->part.env = env;
    broker->part.files = broker->files;
    if ((rc = pb__partition_map_init(&broker->map, &broker->part)) < 0) return rc;
    if ((rc = pb__session_cache_new(env, &broker->api.sessions)) < 0) return rc;
    pb__mailbox_init(&broker->mailbox);
    pb__mpsc_init(&broker->news.ready);
    pb__list_init(&broker->own_batches);
    pb__peers_init(&broker->net.peers, env);
    if ((rc = pb__members_init(&broker->members, env)) < 0) return rc;
    broker->api.env = env;
    broker->api.map = &broker->map;
    broker->api.mailbox = &broker->mailbox;
    broker->api.members = &broker->members;
    broker->api.node_id = options->node_id;
    for (int i = 0; i < PB_SETTING_COUNT; i++) pb_broker_set(broker, (enum pb_setting)i, setting_defaults[i]);
    broker->loops = pb__env_zalloc(env, (size_t)options->loop_count * sizeof(struct pb_loop *));
    if (broker->loops == NULL) return PB_E_NOMEM;
    return pb__log_dirs_open(broker, options, failed_dir_out);
}

int pb_broker_new(const struct pb_broker_options *options, struct pb_broker **broker_out, int32_t *failed_dir_out) {
    int32_t failed_dir = -1;
    if (failed_dir_out == NULL) failed_dir_out = &failed_dir;
    *failed_dir_out = -1;
    if (options->loop_count < 1 || options->loop_count > PB_LOOPS_MAX || options->log_dir_count < 1) return PB_E_INVALID_ARGUMENT;
    struct pb_broker *broker = pb__env_zalloc(options->env, sizeof *broker);
    if (broker == NULL) return PB_E_NOMEM;
    broker->env = options->env;
    broker->loop_count = options->loop_count;
    broker->node_id = options->node_id;
    pthread_mutex_init(&broker->checkpoint_lock, NULL);
    pthread_mutex_init(&broker->keep_lock, NULL);
    int rc = init(broker, options, failed_dir_out);
    if (rc < 0) {
        pb_broker_free(broker);
        return rc;
    }
    *broker_out = broker;
    return 0;
}

void pb_broker_free(struct pb_broker *broker) {
    if (broker == NULL) return;
    if (broker->own_batches.next != NULL) pb__own_records_close(broker);
    if (broker->api.sessions != NULL) pb__session_cache_free(broker->api.sessions);
    pb__cleaners_close(broker);
    if (broker->map.by_name != NULL) pb__partition_map_deinit(&broker->map);
    if (broker->part.log_dirs != NULL) pb__log_dirs_close(broker);
    if (broker->files != NULL) pb__file_cache_free(broker->files);
    if (broker->net.peers.env != NULL) pb__peers_deinit(&broker->net.peers);
    if (broker->members.slots != NULL) pb__members_deinit(&broker->members);
    if (broker->api.rights != NULL) pb__authz_table_free(broker->api.rights, broker->env);
    pthread_mutex_destroy(&broker->checkpoint_lock);
    pthread_mutex_destroy(&broker->keep_lock);
    pb__mailbox_drop_notes(&broker->mailbox);                               /* the last hook chains went with the map */
    pb__env_free(broker->env, broker->loops);
    pb__env_free(broker->env, broker);
}

/* ---- topics */

static void rules_of(const int64_t s[PB_TOPIC_SETTING_COUNT], struct pb_topic_rules *rules, struct pb_log_config *config) {
    *rules = (struct pb_topic_rules){
        .batch = { .batch_bytes_max = (int32_t)pb__min_i64(s[PB_TOPIC_batch_bytes_max], INT32_MAX),
                   .decompressed_bytes_max = s[PB_TOPIC_decompressed_bytes_max],
                   .keys_required = s[PB_TOPIC_keys_required] != 0,
                   .log_append_time = s[PB_TOPIC_log_append_time] != 0,
                   .timestamp_before_max_ms = s[PB_TOPIC_timestamp_before_max_ms],
                   .timestamp_after_max_ms = s[PB_TOPIC_timestamp_after_max_ms],
                   .codec_wanted = (int8_t)s[PB_TOPIC_codec_wanted],
                   .codec_level = (int32_t)s[PB_TOPIC_codec_level] },
        .flush_messages = s[PB_TOPIC_flush_messages],
        .internal = s[PB_TOPIC_internal] != 0,
    };
    *config = (struct pb_log_config){
        .segment_bytes_max = s[PB_TOPIC_segment_bytes],
        .segment_ms_max = s[PB_TOPIC_segment_ms],
        .segment_jitter_ms_max = s[PB_TOPIC_segment_jitter_ms],
        .segment_index_bytes_max = s[PB_TOPIC_segment_index_bytes],
        .index_interval_bytes = (int32_t)s[PB_TOPIC_index_interval_bytes],
        .producer_id_expiration_ms = s[PB_TOPIC_producer_id_expiration_ms],
        .preallocate = s[PB_TOPIC_preallocate] != 0,
        .compacted = s[PB_TOPIC_keys_required] != 0,
        .retention_ms = s[PB_TOPIC_retention_ms],
        .retention_bytes = s[PB_TOPIC_retention_bytes],
        .file_delete_delay_ms = s[PB_TOPIC_file_delete_delay_ms],
        .deletes = s[PB_TOPIC_cleanup_delete] != 0,
        .cleanable_ratio_min = (double)s[PB_TOPIC_cleanable_ratio_ppm] / 1000000,
        .compaction_lag_min_ms = s[PB_TOPIC_compaction_lag_min_ms],
        .compaction_lag_max_ms = s[PB_TOPIC_compaction_lag_max_ms],
        .delete_retention_ms = s[PB_TOPIC_delete_retention_ms],
    };
}

/* The recovery point of a topic that was removed must not be found by a new one of its name, after a crash: its log would seem to end too early. */
static int renew_checkpoints(struct pb_broker *broker) {
    if (!broker->recovered) return 0;                                       /* not all topics are known yet */
    int rc = broker->checkpoints_stale ? pb__log_dirs_checkpoint(broker, NULL) : 0;
    if (rc == 0) broker->checkpoints_stale = false;
    return rc;
}

static int put_topic(struct pb_broker *broker, const struct pb_topic_spec *spec) {
    struct pb_topic_rules rules;
    struct pb_log_config config;
    size_t name_size = strlen(spec->name);
    if (name_size == 0 || name_size > PB_TOPIC_NAME_BYTES_MAX || strchr(spec->name, '/') != NULL || spec->name[0] == 0) return PB_E_INVALID_ARGUMENT;
    struct pb_partition_place *places = pb__env_alloc(broker->env, (size_t)(spec->partition_count + 1) * sizeof *places);
    if (places == NULL) return PB_E_NOMEM;
    int rc = renew_checkpoints(broker);
    if (rc < 0) {
        pb__env_free(broker->env, places);
        return rc;
    }
    for (int32_t i = 0; i < spec->partition_count; i++) {
        const struct pb_partition_spec *from = &spec->partitions[i];
        if (from->index < 0 || from->log_dir < 0 || from->log_dir >= broker->part.log_dir_count) {
            pb__env_free(broker->env, places);
            return PB_E_INVALID_ARGUMENT;
        }
        places[i] = (struct pb_partition_place){ .index = from->index, .log_dir = from->log_dir, .leader_epoch = from->leader_epoch };
        if (!broker->recovered) pb__log_dirs_checkpointed(broker, spec->name, from->index, from->log_dir, &places[i].recovery_point, &places[i].checkpoint_start, &places[i].cleaned_to);
    }
    rules_of(spec->settings, &rules, &config);
    if (spec->hooks != NULL) {
        rules.hooks = &spec->hooks->base;
        atomic_fetch_add_explicit(&rules.hooks->refs, 1, memory_order_relaxed);
    }
    rc = pb__partition_map_put(&broker->map, spec->id, spec->name, places, spec->partition_count, &rules, &config);
    pb__env_free(broker->env, places);
    return rc;
}

int pb_broker_put_topic(struct pb_broker *broker, const struct pb_topic_spec *spec) {
    int rc = put_topic(broker, spec);
    pb_hook_chain_free(spec->hooks);                                        /* the topic has its own reference */
    return rc;
}

int pb_broker_remove_topic(struct pb_broker *broker, const uint8_t id[16]) {
    broker->checkpoints_stale = true;
    return pb__partition_map_remove(&broker->map, id);
}

static void tell_move(const struct pb_partition *partition, struct pb_partition_info *out) {
    const struct pb_move *move = partition->move;
    out->log_dir = partition->log_dir;
    out->future_dir = move != NULL ? move->log_dir : -1;
    if (move == NULL || partition->log == NULL) return;
    out->future_size_bytes = move->size_bytes;
    out->future_lag = pb__log_end_offset(partition->log) - pb__max_i64(move->end_offset, pb__log_start_offset(partition->log));
}

int pb_broker_partition(struct pb_broker *broker, const uint8_t topic_id[16], int32_t index, struct pb_partition_info *out) {
    struct pb_partition *partition;
    int rc = pb__partition_map_find_id(&broker->map, topic_id, index, &partition, NULL);
    if (rc < 0) return rc;
    *out = (struct pb_partition_info){ .index = index, .leader_epoch = partition->leader_epoch, .log_dir = partition->log_dir };
    pthread_mutex_lock(&partition->lock);
    rc = pb__partition_open(partition);
    tell_move(partition, out);
    if (rc == 0) {
        out->start_offset = pb__log_start_offset(partition->log);
        out->end_offset = pb__log_end_offset(partition->log);
        out->high_watermark = partition->high_watermark;
        out->last_stable_offset = pb__min_i64(partition->high_watermark, pb__log_first_unstable_offset(partition->log));
        out->synced_offset = pb__log_synced_offset(partition->log);
        out->size_bytes = pb__log_size_bytes(partition->log);
        out->offline = pb__partition_is_offline(partition);
    } else {
        out->offline = 1;
    }
    pthread_mutex_unlock(&partition->lock);
    pb__partition_put(partition);
    return rc == PB_E_OFFLINE ? 0 : rc;
}

/* ---- recovery, clean stop */

struct recovery { struct pb_broker *broker; int32_t part, parts, at; };

static int recover_one(void *context, struct pb_partition *partition) {
    struct recovery *recovery = context;
    if (recovery->at++ % recovery->parts != recovery->part || recovery->broker->part.log_dir_clean[partition->log_dir]) return 0;
    pthread_mutex_lock(&partition->lock);
    int rc = pb__partition_open(partition);
    pthread_mutex_unlock(&partition->lock);
    return rc == PB_E_NOMEM || rc == PB_E_AGAIN ? rc : 0;                   /* one that cannot be opened is off-line, the others serve */
}

void pb_broker_stop_recovery(struct pb_broker *broker) { broker->part.stop_recovery = true; }

struct offline { struct pb_partition_name *names; int64_t count, count_max; };

static int note_offline(void *context, struct pb_partition *partition) {
    struct offline *offline = context;
    pthread_mutex_lock(&partition->lock);
    if (pb__partition_is_offline(partition) && !partition->deleted && offline->count++ < offline->count_max) {
        struct pb_partition_name *name = &offline->names[offline->count - 1];
        memcpy(name->topic_id, partition->topic->id, sizeof name->topic_id);
        name->partition = partition->index;
    }
    pthread_mutex_unlock(&partition->lock);
    return 0;
}

int64_t pb_broker_offline_changes(const struct pb_broker *broker) { return broker->part.offline_changes; }

int64_t pb_broker_offline(struct pb_broker *broker, struct pb_partition_name *names, int64_t count_max) {
    struct offline offline = { names, 0, count_max };
    int rc = pb__partition_map_each(&broker->map, note_offline, &offline);
    return rc < 0 ? rc : offline.count;
}

int pb_broker_recover(struct pb_broker *broker, int32_t part, int32_t parts) {
    if (parts < 1 || part < 0 || part >= parts) return PB_E_INVALID_ARGUMENT;
    struct recovery recovery = { broker, part, parts, 0 };
    broker->recovered = true;
    for (int32_t i = 0; part == 0 && i < broker->part.log_dir_count; i++) {
        int rc = pb__log_remove_deleted(broker->env, broker->part.log_dirs[i]);
        if (rc < 0) pb__env_log(broker->env, PB_LOG_WARNING, "event=left-over-directories-stay path=%s error=%s", broker->part.log_dirs[i], pb_error_name(rc));
    }
    return pb__partition_map_each(&broker->map, recover_one, &recovery);
}

struct closing { bool *clean; int first_error; };

static int close_one(void *context, struct pb_partition *partition) {
    struct closing *closing = context;
    int64_t now_ms = pb__env_wall_ms(partition->topic->shared->env);
    pthread_mutex_lock(&partition->lock);
    bool failed = partition->topic->shared->stop_recovery || pb__partition_is_offline(partition);
    int rc = failed ? PB_E_OFFLINE : partition->log != NULL ? pb__log_flush_clean(partition->log, now_ms) : 0;
    if (rc < 0) closing->clean[partition->log_dir] = false;
    if (rc < 0 && closing->first_error == 0) closing->first_error = rc;
    pthread_mutex_unlock(&partition->lock);
    return 0;                                                               /* the others are closed whatever becomes of one */
}

int pb_broker_close_logs(struct pb_broker *broker) {
    size_t count = (size_t)broker->part.log_dir_count;
    struct closing closing = { .clean = pb__env_alloc(broker->env, count * sizeof *closing.clean) };
    if (closing.clean == NULL) return PB_E_NOMEM;
    pb__cleaners_close(broker);
    for (size_t i = 0; i < count; i++) closing.clean[i] = true;
    int rc = pb__partition_map_each(&broker->map, close_one, &closing);
    for (size_t i = 0; rc < 0 && i < count; i++) closing.clean[i] = false;
    int rc_checkpoint = pb__log_dirs_checkpoint(broker, closing.clean);
    pb__env_free(broker->env, closing.clean);
    if (rc == 0) rc = closing.first_error;
    return rc < 0 ? rc : rc_checkpoint;
}

int pb_broker_checkpoint(struct pb_broker *broker) { return pb__log_dirs_checkpoint(broker, NULL); }

/* ---- mailbox */

void pb_broker_set_mail_notify(struct pb_broker *broker, void (*notify)(void *context), void *context) {
    broker->mailbox.notify = notify;
    broker->mailbox.notify_context = context;
    broker->news.notify = notify;
    broker->news.context = context;
}

struct pb_mail *pb_broker_take_mail(struct pb_broker *broker) { return pb__mailbox_take(&broker->mailbox); }

void pb_mail_view(const struct pb_mail *mail, struct pb_mail_view *out) {
    *out = (struct pb_mail_view){
        .api_key = mail->asks ? PB_KEY_RIGHTS : mail->header.api_key, .api_version = mail->header.api_version, .correlation_id = mail->header.correlation_id,
        .client_id = mail->header.client_id.data, .client_id_size = mail->header.client_id.size, .body = mail->body, .body_size = mail->body_size,
        .listener = mail->listener, .connection_id = mail->connection_id, .received_ns = mail->received_ns, .local_port = mail->local_port, .peer_port = mail->peer_port
    };
    _Static_assert(sizeof out->local_host == PB_ADDRESS_BYTES, "both name the same size");
    memcpy(out->local_host, mail->local_host, sizeof out->local_host);
    memcpy(out->peer_host, mail->peer_host, sizeof out->peer_host);
}

int pb_mail_reply(struct pb_mail *mail, const uint8_t *body, size_t size_bytes) { return pb__mail_answer(mail, body, size_bytes, false); }

void pb_mail_end(struct pb_mail *mail) { mail->last = true; }

void pb_mail_trust(struct pb_mail *mail, uint32_t subject, int64_t login_until_ns) {
    mail->trust = true;
    mail->subject = subject;
    mail->login_until_ns = login_until_ns;
}

void pb_mail_close(struct pb_mail *mail) { (void)pb__mail_answer(mail, NULL, 0, true); }

/* ---- steady members of groups */

static struct pb_str text_of(const uint8_t *data, int32_t size) { return (struct pb_str){ data, size }; }

int pb_member_put(struct pb_broker *broker, const struct pb_member_view *view) {
    struct pb_member member = { .name = { text_of(view->group, view->group_size), text_of(view->member, view->member_size) }, .instance = text_of(view->instance, view->instance_size),
                                .kind = view->consumer ? PB_MEMBER_CONSUMER : PB_MEMBER_CLASSIC, .generation = view->generation, .interval_ms = view->interval_ms };
    return pb__members_put(&broker->members, &member, pb__env_now_ns(broker->env));
}

void pb_member_remove(struct pb_broker *broker, const struct pb_member_view *view) {
    struct pb_member_name name = { text_of(view->group, view->group_size), text_of(view->member, view->member_size) };
    pb__members_remove(&broker->members, &name);
}

int64_t pb_member_heard_ns(struct pb_broker *broker, const struct pb_member_view *view) {
    struct pb_member_name name = { text_of(view->group, view->group_size), text_of(view->member, view->member_size) };
    return pb__members_heard_ns(&broker->members, &name);
}

/* ---- counters */

static void add_loop(const struct pb_loop *loop, int64_t out[PB_STAT_COUNT]) {
    const struct pb_api *api = &loop->api;
    const struct pb_net *net = &api->net;
    out[PB_STAT_connections_accepted] += net->stat_accepted;
    out[PB_STAT_connections_failed] += net->stat_failed;
    out[PB_STAT_requests] += api->stat_requests;
    out[PB_STAT_requests_control] += api->stat_requests_control;
    out[PB_STAT_bytes_in] += net->stat_bytes_in;
    out[PB_STAT_bytes_out] += net->stat_bytes_out;
    out[PB_STAT_batches_appended] += api->stat_batches;
    out[PB_STAT_bytes_appended] += api->stat_batch_bytes;
    out[PB_STAT_appends] += api->stat_appends;
    out[PB_STAT_append_errors] += api->stat_append_errors;
    out[PB_STAT_fetches] += api->stat_fetches;
    out[PB_STAT_fetches_parked] += api->stat_fetches_parked;
    out[PB_STAT_fetch_bytes] += api->stat_fetch_bytes;
    out[PB_STAT_slices_sent_file] += net->stat_file_slices;
    out[PB_STAT_slices_sent_copy] += net->stat_copied_slices;
    out[PB_STAT_pool_growths] += net->stat_pool_growths;
    out[PB_STAT_replies_waiting] += net->stat_replies;
    out[PB_STAT_fetches_waiting] += api->stat_fetches_waiting;
    out[PB_STAT_produces_waiting] += api->stat_produces_waiting;
}

/* Counters of running loops are read as they are: each is a word of its own and only its loop writes it. */
int pb_broker_stats(struct pb_broker *broker, int64_t out[PB_STAT_COUNT]) {
    int32_t open, pinned;
    memset(out, 0, PB_STAT_COUNT * sizeof *out);
    for (int32_t i = 0; i < broker->loop_count; i++)
        if (broker->loops[i] != NULL) add_loop(broker->loops[i], out);
    pb__file_cache_stats(broker->files, &open, &pinned);
    out[PB_STAT_connections_open] = broker->net.connections_open;
    out[PB_STAT_connections_refused] = broker->stat_refused;
    out[PB_STAT_syncs] = broker->part.stat_syncs;
    out[PB_STAT_fetch_sessions] = pb__session_cache_count(broker->api.sessions);
    out[PB_STAT_receive_bytes_held] = broker->net.receive_bytes_held;
    out[PB_STAT_mails_waiting] = broker->mailbox.requests;
    out[PB_STAT_files_open] = open;
    out[PB_STAT_files_pinned] = pinned;
    out[PB_STAT_segments_deleted] = broker->stat_segments_deleted;
    out[PB_STAT_segment_bytes_deleted] = broker->stat_bytes_deleted;
    out[PB_STAT_cleaner_runs] = broker->stat_cleaner_runs;
    out[PB_STAT_cleaned_bytes] = broker->stat_cleaned_bytes;
    out[PB_STAT_dirty_ratio_max_ppm] = broker->stat_dirty_ratio_ppm;
    return 0;
}
