# The border of the C core (csrc/pb.h): declarations only.
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint32_t, uint64_t

cdef extern from "base/env.h" nogil:
    cdef struct pb_env:
        void* context

cdef extern from "base/err.h" nogil:
    const char* pb_error_name(int error)
    const char* pb_error_text(int error)
    int16_t pb_error_kafka_code(int error)
    cdef enum:
        PB_E_NOMEM
        PB_E_INVALID_ARGUMENT
        PB_E_IO
        PB_E_NOENT
        PB_E_INTERNAL

cdef extern from "env_posix.h" nogil:
    ctypedef void (*pb_env_log_fn)(void* context, int level, const char* line) noexcept nogil
    cdef struct pb_env_posix:
        pb_env env
    int pb_env_posix_init(pb_env_posix* posix, int worker_count, pb_env_log_fn log, void* log_context)
    void pb_env_posix_deinit(pb_env_posix* posix)

cdef extern from "pb.h" nogil:
    cdef struct pb_broker
    cdef struct pb_loop
    cdef struct pb_mail

    cdef enum:
        PB_READABLE
        PB_WRITABLE
        PB_HANGUP
        PB_SETTING_COUNT
        PB_TOPIC_SETTING_COUNT
        PB_STAT_COUNT

    cdef struct pb_loop_ops:
        void* context
        int (*watch_open)(void*, int, void*, int, void**) noexcept nogil
        void (*watch_set)(void*, int) noexcept nogil
        void (*watch_close)(void*) noexcept nogil
        void (*wake)(void*) noexcept nogil
        void (*timer_set)(void*, int64_t) noexcept nogil

    cdef struct pb_broker_options:
        const pb_env* env
        int32_t node_id
        int32_t loop_count
        int32_t open_segments_max
        int32_t log_dir_count
        const char* const* log_dirs

    cdef struct pb_partition_spec:
        int32_t index
        int32_t log_dir
        int32_t leader_epoch

    cdef struct pb_hook_chain
    cdef struct pb_topic_spec:
        uint8_t id[16]
        const char* name
        int32_t partition_count
        const pb_partition_spec* partitions
        int64_t settings[64]
        pb_hook_chain* hooks

    cdef struct pb_partition_name:
        uint8_t topic_id[16]
        int32_t partition

    cdef struct pb_partition_info:
        int64_t start_offset
        int64_t end_offset
        int64_t high_watermark
        int64_t last_stable_offset
        int64_t synced_offset
        int64_t size_bytes
        int32_t index
        int32_t leader_epoch
        int32_t log_dir
        int32_t offline
        int32_t future_dir
        int64_t future_size_bytes
        int64_t future_lag

    cdef struct pb_mail_view:
        int16_t api_key
        int16_t api_version
        int32_t correlation_id
        const uint8_t* client_id
        int32_t client_id_size
        const uint8_t* body
        int32_t body_size
        int32_t listener
        uint64_t connection_id
        int64_t received_ns
        char local_host[64]
        char peer_host[64]
        int32_t local_port
        int32_t peer_port

    int pb_setting_find(const char* name)
    const char* pb_setting_name(int number)
    const char* pb_topic_setting_name(int number)
    const char* pb_stat_name(int number)

    int pb_broker_new(const pb_broker_options* options, pb_broker** broker_out, int32_t* failed_dir_out)
    void pb_broker_free(pb_broker* broker)
    void pb_broker_set(pb_broker* broker, int setting, int64_t value)
    int pb_broker_put_topic(pb_broker* broker, const pb_topic_spec* spec)
    int pb_broker_remove_topic(pb_broker* broker, const uint8_t* id)
    int pb_broker_recover(pb_broker* broker, int32_t part, int32_t parts)
    void pb_broker_stop_recovery(pb_broker* broker)
    int64_t pb_broker_offline_changes(const pb_broker* broker)
    int64_t pb_broker_offline(pb_broker* broker, pb_partition_name* names, int64_t count_max)
    int pb_broker_partition(pb_broker* broker, const uint8_t* topic_id, int32_t partition, pb_partition_info* out)
    int pb_broker_stats(pb_broker* broker, int64_t* out)
    int pb_broker_close_logs(pb_broker* broker)
    int pb_broker_checkpoint(pb_broker* broker)

    cdef enum:
        PB_DELETE_RECORDS_MAX
    cdef struct pb_delete_records:
        uint8_t topic_id[16]
        int32_t partition
        int64_t offset
        int error
        int64_t start_offset
    cdef struct pb_segment_info:
        int64_t base_offset
        int64_t end_offset
        int64_t size_bytes
        int64_t timestamp_ms
        bint active
    int pb_broker_move_begin(pb_broker* broker, const uint8_t* topic_id, int32_t partition, int32_t log_dir)
    int pb_broker_move_step(pb_broker* broker, const uint8_t* topic_id, int32_t partition, int64_t bytes_max, int64_t* copied_out)
    int pb_broker_move_cancel(pb_broker* broker, const uint8_t* topic_id, int32_t partition)
    cdef struct pb_clean_rules:
        int64_t map_bytes_max
        double load_factor
        int64_t bytes_max
    int pb_broker_clean(pb_broker* broker, int32_t worker, const pb_clean_rules* rules, int64_t* bytes_out)
    void pb_broker_stop_cleaning(pb_broker* broker)
    int pb_broker_keep(pb_broker* broker, int work)
    int pb_broker_log_dir(pb_broker* broker, int32_t dir, int* state_out, int64_t* free_bytes_out)
    int pb_broker_delete_records(pb_broker* broker, pb_delete_records* items, int32_t count)
    int pb_broker_segments(pb_broker* broker, const uint8_t* topic_id, int32_t partition, int64_t from_offset, pb_segment_info* out, int32_t capacity)
    int pb_broker_delete_segments(pb_broker* broker, const uint8_t* topic_id, int32_t partition, const int64_t* bases, int32_t count)

    int pb_loop_new(pb_broker* broker, int32_t index, const pb_loop_ops* ops, pb_loop** loop_out)
    int pb_loop_listen(pb_loop* loop, int fd, int32_t listener, bint asks_login)
    void pb_watch_ready(pb_loop* loop, void* owner, int events)
    void pb_loop_on_turn_end(pb_loop* loop)
    void pb_loop_on_wake(pb_loop* loop)
    void pb_loop_on_timer(pb_loop* loop)
    void pb_loop_drain(pb_loop* loop)
    bint pb_loop_is_drained(pb_loop* loop)
    void pb_loop_close(pb_loop* loop)
    void pb_loop_free(pb_loop* loop)

    void pb_broker_set_mail_notify(pb_broker* broker, void (*notify)(void*) noexcept nogil, void* context)
    pb_mail* pb_broker_take_mail(pb_broker* broker)
    void pb_mail_view_ "pb_mail_view"(const pb_mail* mail, pb_mail_view* out)
    int pb_mail_reply(pb_mail* mail, const uint8_t* body, size_t size_bytes)
    void pb_mail_trust(pb_mail* mail, uint32_t subject, int64_t login_until_ns)
    void pb_mail_end(pb_mail* mail)
    cdef struct pb_right_view:
        const uint8_t* name
        int32_t name_size
        uint32_t subject
        uint8_t operation
        uint8_t resource
        bint allowed
        int64_t until_ns
    int pb_broker_judge(pb_broker* broker)
    int pb_broker_put_right(pb_broker* broker, const pb_right_view* view)
    void pb_broker_forget_rights(pb_broker* broker, uint32_t subject)

    cdef struct pb_own_batch
    cdef struct pb_own_read
    cdef enum pb_news_kind:
        PB_NEWS_APPENDED
        PB_NEWS_GONE
        PB_NEWS_UNUSED
        PB_NEWS_CLOSED
    cdef struct pb_news:
        pb_news_kind kind
        int error
        uint64_t id
    cdef struct pb_record_view:
        int64_t offset
        int64_t timestamp_ms
        int64_t producer_id
        const uint8_t* key
        const uint8_t* value
        int32_t key_size
        int32_t value_size
        int16_t producer_epoch
        int16_t attributes
        const uint8_t* headers
        int32_t headers_size
        int32_t header_count
    cdef struct pb_header_view:
        const uint8_t* name
        const uint8_t* value
        int32_t name_size
        int32_t value_size
    bint pb_header_next(const uint8_t** at, const uint8_t* end, pb_header_view* out)

    cdef struct pb_member_view:
        const uint8_t* group
        const uint8_t* member
        const uint8_t* instance
        int32_t group_size
        int32_t member_size
        int32_t instance_size
        int32_t generation
        int32_t interval_ms
        bint consumer

    int pb_member_put(pb_broker* broker, const pb_member_view* view)
    void pb_member_remove(pb_broker* broker, const pb_member_view* view)
    int64_t pb_member_heard_ns(pb_broker* broker, const pb_member_view* view)

    int pb_own_batch_new(pb_broker* broker, pb_own_batch** batch_out)
    void pb_own_batch_free(pb_own_batch* batch)
    int pb_own_batch_add(pb_own_batch* batch, const uint8_t* key, int32_t key_size, const uint8_t* value, int32_t value_size)
    int pb_own_batch_append(pb_own_batch* batch, const uint8_t* topic_id, int32_t partition, uint64_t ticket, int64_t* base_offset_out)
    int pb_broker_take_news(pb_broker* broker, pb_news* out)
    int pb_own_read_new(pb_broker* broker, const uint8_t* topic_id, int32_t partition, int64_t offset, int64_t bytes_max, pb_own_read** read_out)
    int pb_own_read_next(pb_own_read* read, pb_record_view* out)
    int64_t pb_own_read_next_offset(const pb_own_read* read)
    void pb_own_read_free(pb_own_read* read)
    int pb_batch_read_new(pb_broker* broker, const uint8_t* data, int32_t size_bytes, int64_t output_bytes_max, pb_own_read** read_out)

    cdef enum pb_hook_on_error:
        PB_HOOK_CLOSED
    cdef enum pb_lane_verdict_kind:
        PB_VERDICT_REFUSE
        PB_VERDICT_REPLACE
        PB_VERDICT_ROUTE
        PB_VERDICT_DEAD_LETTER
        PB_VERDICT_DROP
        PB_VERDICT_SPLIT
        PB_VERDICT_FAILED
    cdef struct pb_record_rules:
        bint key_required
        bint key_utf8
        bint value_required
        bint value_utf8
        int32_t key_bytes_max
        int32_t value_bytes_min
        int32_t value_bytes_max
    cdef struct pb_lane
    cdef struct pb_lane_job
    cdef struct pb_lane_item
    cdef struct pb_lane_records
    cdef struct pb_lane_view:
        pb_lane_job* job
        pb_lane_item* item
        int64_t token
        int64_t output_bytes_max
        const char* topic
        const uint8_t* client_id
        const uint8_t* bytes
        int32_t topic_size
        int32_t client_id_size
        int32_t partition
        int32_t partition_count
        int32_t size_bytes
        int32_t item_at
        uint32_t subject
    int pb_hook_chain_new(pb_broker* broker, int64_t id, pb_hook_chain** chain_out)
    void pb_hook_chain_keep(pb_hook_chain* chain)
    void pb_hook_chain_free(pb_hook_chain* chain)
    int pb_hook_chain_add_native(pb_hook_chain* chain, const void* native)
    int pb_hook_chain_add_rules(pb_hook_chain* chain, const pb_record_rules* rules)
    int pb_hook_chain_set_prefix(pb_hook_chain* chain, const uint8_t* prefix, int32_t size_bytes)
    int pb_hook_chain_set_schema_ids(pb_hook_chain* chain, const uint32_t* ids, int32_t count)
    int pb_hook_chain_add_header(pb_hook_chain* chain, const uint8_t* name, int32_t size_bytes)
    int pb_hook_chain_add_header_value(pb_hook_chain* chain, const uint8_t* value, int32_t size_bytes)
    int pb_hook_chain_add_lane(pb_hook_chain* chain, pb_lane* lane, int64_t token, pb_hook_on_error on_error)
    void pb_hook_chain_partition_by_key(pb_hook_chain* chain)
    int pb_hook_chain_partition_by_native(pb_hook_chain* chain, const void* native)
    void pb_hook_chain_partition_by_lane(pb_hook_chain* chain)
    int pb_hook_chain_set_dead_letter(pb_hook_chain* chain, const char* topic)
    void pb_hook_chain_set_refusal(pb_hook_chain* chain, const char* text)
    int32_t pb_hook_chain_counts(const pb_hook_chain* chain, int64_t* out, int32_t pairs_max)

    int pb_lane_new(pb_broker* broker, int32_t deadline_ms, void (*notify)(void* context) noexcept nogil, void* context, pb_lane** lane_out)
    void pb_lane_close(pb_lane* lane)
    void pb_lane_stats(const pb_lane* lane, int64_t* batches_out, int64_t* failed_out)
    void pb_lane_call_begins(pb_lane* lane)
    void pb_lane_call_ended(pb_lane* lane)
    bint pb_lane_take(pb_lane* lane, pb_lane_view* view)
    bint pb_lane_next(pb_lane* lane, pb_lane_view* view)
    void pb_lane_done(pb_lane_job* job)
    void pb_lane_job_keep(pb_lane_job* job)
    void pb_lane_job_let_go(pb_lane_job* job)
    void pb_lane_accept(pb_lane_item* item)
    int pb_lane_say(pb_lane_item* item, pb_lane_verdict_kind kind, int16_t code, const char* text, int32_t text_size)
    int pb_lane_say_record(pb_lane_item* item, int32_t index, const char* text, int32_t text_size)
    void pb_lane_say_place(pb_lane_item* item, const char* topic, int32_t topic_size, int32_t partition)
    int pb_lane_say_targets(pb_lane_item* item, const int32_t* targets, int32_t count)
    int pb_lane_records_new(pb_lane_item* item, pb_lane_records** records_out)
    int pb_lane_records_header(pb_lane_records* records, const pb_header_view* header)
    int pb_lane_records_add(pb_lane_records* records, const pb_record_view* record)
    int pb_lane_records_end(pb_lane_records* records, bint abandon)

    void pb_mail_close(pb_mail* mail)
