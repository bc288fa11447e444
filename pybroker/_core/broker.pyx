# Core: ownership of the broker in C, its loops, workers and logs, and the calls of the control thread.

def version():
    """Version of libuv the core runs on."""
    return uv.uv_version_string().decode()


class PartitionInfo:
    """Offsets and sizes of one partition at one moment."""

    __slots__ = ("start_offset", "end_offset", "high_watermark", "last_stable_offset", "synced_offset", "size_bytes", "index", "leader_epoch", "log_dir", "offline",
                 "future_dir", "future_size_bytes", "future_lag")

    def __init__(self, *values):
        for name, value in zip(self.__slots__, values, strict=True):
            setattr(self, name, value)

    def __repr__(self):
        return f"PartitionInfo({', '.join(f'{name}={getattr(self, name)}' for name in self.__slots__)})"


cdef dict numbers_of(const char* (*name_of)(int) noexcept nogil):
    cdef dict numbers = {}
    cdef int i = 0
    while name_of(i) != NULL:
        numbers[name_of(i).decode()] = i
        i += 1
    return numbers


TOPIC_SETTINGS = numbers_of(pb.pb_topic_setting_name)
SETTINGS = numbers_of(pb.pb_setting_name)
STATS = numbers_of(pb.pb_stat_name)


@cython.final
@cython.no_gc_clear                     # loops keep pointers into it until they are joined
cdef class Core:
    """Owns the broker in C, its loops, workers and logs; see core.pyi."""

    cdef pb.pb_env_posix env
    cdef bint env_ready, started, stopped, joined
    cdef pb.pb_broker* broker
    cdef LoopState** loops
    cdef int loop_count, listener_count
    cdef Door door
    cdef object on_log, log_dirs
    cdef readonly dict subjects         # number -> principal, as text; for views of batches
    cdef int lanes_open, views_open     # lanes that are not closed, batches that a plugin has kept: each holds parts of the broker

    def __cinit__(self):
        door_open(&self.door)

    def __init__(self, *, int node_id, int loops, log_dirs, int workers, int open_segments_max, on_log):
        cdef pb.pb_broker_options options
        cdef int32_t failed_dir = -1
        cdef int rc, i
        cdef list paths = [path.encode() for path in log_dirs]
        if self.broker != NULL:
            raise RuntimeError("a Core is made once")
        if self.door.fd < 0:
            raise OSError("no descriptor for the mailbox")
        self.on_log = on_log
        self.subjects = {}
        self.log_dirs = list(log_dirs)
        check(pb.pb_env_posix_init(&self.env, workers, door_log, &self.door), "workers")
        self.env_ready = True
        cdef const char** dirs = <const char**>calloc(max(len(paths), 1), sizeof(char*))
        if dirs == NULL:
            raise MemoryError
        try:
            for i, path in enumerate(paths):
                dirs[i] = path
            options.env = &self.env.env
            options.node_id = node_id
            options.loop_count = loops
            options.open_segments_max = open_segments_max
            options.log_dir_count = len(paths)
            options.log_dirs = dirs
            rc = pb.pb_broker_new(&options, &self.broker, &failed_dir)
        finally:
            free(dirs)
        check(rc, log_dirs[failed_dir] if failed_dir >= 0 else "broker")
        pb.pb_broker_set_mail_notify(self.broker, door_ring, &self.door)
        self.loops = <LoopState**>calloc(<size_t>loops, sizeof(LoopState*))
        if self.loops == NULL:
            raise MemoryError
        self.loop_count = loops

    def __dealloc__(self):
        self.free_all()

    cdef void free_all(self) noexcept:
        """Loops are stopped; without a clean stop the logs are left as a crash would leave them."""
        cdef int i
        if self.loops != NULL:
            self.join_loops(STOPS_AT_ONCE)
        if self.lanes_open > 0 or self.views_open > 0:
            return                                          # a plugin is stuck with a batch of ours, or keeps one: the memory is left to the end of the process
        if self.env_ready:
            with nogil:
                pb.pb_env_posix_deinit(&self.env)       # workers end first: they hold partitions and wake loops
            self.env_ready = False
        if self.loops != NULL:
            for i in range(self.loop_count):
                if self.loops[i] != NULL:
                    loop_free(self.loops[i])
            free(self.loops)
            self.loops = NULL
        pb.pb_broker_free(self.broker)
        self.broker = NULL
        door_close(&self.door)
        self.door.fd = -1

    cdef void join_loops(self, Stopping how) noexcept:
        cdef int i
        if self.joined:
            return
        self.joined = True
        with nogil:
            for i in range(self.loop_count):
                if self.loops[i] != NULL:
                    loop_stop(self.loops[i], how)
            for i in range(self.loop_count):
                if self.loops[i] != NULL:
                    loop_join(self.loops[i])

    cdef int need_broker(self) except -1:
        if self.broker == NULL:
            raise RuntimeError("the core is closed")
        return 0

    @property
    def mailbox_fd(self):
        return self.door.fd

    def configure(self, **settings):
        self.need_broker()
        for name, value in settings.items():
            if name not in SETTINGS:
                raise TypeError(f"unknown setting {name}")
            pb.pb_broker_set(self.broker, SETTINGS[name], value)

    def lane(self, int deadline_ms):
        """A queue for one plugin; see core.pyi."""
        self.need_broker()
        return lane_of(self, deadline_ms)

    def hook_chain(self, int64_t chain_id, *, natives=(), rules=(), lanes=(), partitioner=None, str dead_letter="", str refusal=""):
        """What plugins have to say of one topic's batches; see core.pyi."""
        self.need_broker()
        return chain_of(self, chain_id, tuple(natives), tuple(rules), tuple(lanes), partitioner, dead_letter, refusal)

    def put_topic(self, bytes topic_id, str name, partitions, dict settings, HookChain hooks=None):
        cdef pb.pb_topic_spec spec
        cdef pb.pb_partition_spec* specs
        cdef bytes name_bytes = name.encode()
        cdef int i, rc
        cdef const uint8_t* id_bytes = topic_id
        self.need_broker()
        if len(topic_id) != 16:
            raise ValueError("a topic id has 16 bytes")
        if settings.keys() != TOPIC_SETTINGS.keys():
            raise TypeError(f"topic settings missing or unknown: {sorted(settings.keys() ^ TOPIC_SETTINGS.keys())}")
        for key, number in TOPIC_SETTINGS.items():
            spec.settings[<int>number] = settings[key]
        for i in range(16):
            spec.id[i] = id_bytes[i]
        spec.name = name_bytes
        spec.partition_count = len(partitions)
        specs = <pb.pb_partition_spec*>malloc(max(len(partitions), 1) * sizeof(pb.pb_partition_spec))
        if specs == NULL:
            raise MemoryError
        try:
            for i, (index, log_dir, leader_epoch) in enumerate(partitions):
                specs[i].index = index
                specs[i].log_dir = log_dir
                specs[i].leader_epoch = leader_epoch
            spec.partitions = specs
            spec.hooks = NULL
            if hooks is not None:
                pb.pb_hook_chain_keep(hooks.chain)
                spec.hooks = hooks.chain
            with nogil:
                rc = pb.pb_broker_put_topic(self.broker, &spec)
        finally:
            free(specs)
        check(rc, f"topic {name}")

    def remove_topic(self, bytes topic_id):
        cdef const uint8_t* id_bytes = topic_id
        cdef int rc
        self.need_broker()
        with nogil:
            rc = pb.pb_broker_remove_topic(self.broker, id_bytes)
        check(rc, "topic")

    def recover(self, int part=0, int parts=1):
        """Open what was not closed cleanly: share ``part`` of ``parts``, so that several threads may work at it."""
        cdef int rc
        self.need_broker()
        with nogil:
            rc = pb.pb_broker_recover(self.broker, part, parts)
        check(rc, "recovery")

    def stop_recovery(self):
        """Have ``recover`` give up, from any thread."""
        self.need_broker()
        pb.pb_broker_stop_recovery(self.broker)

    def offline_changes(self):
        """A number that grows whenever a partition goes off-line."""
        self.need_broker()
        return pb.pb_broker_offline_changes(self.broker)

    def offline_partitions(self):
        """Partitions that cannot be served now."""
        cdef pb.pb_partition_name* names = NULL
        cdef int64_t count = 0, room = 64, i
        self.need_broker()
        while True:
            names = <pb.pb_partition_name*>malloc(room * sizeof(pb.pb_partition_name))
            if names == NULL:
                raise MemoryError
            try:
                with nogil:
                    count = pb.pb_broker_offline(self.broker, names, room)
                if count <= room:
                    check(<int>min(count, 0), "off-line partitions")
                    return frozenset([((<bytes>names[i].topic_id[:16]), names[i].partition) for i in range(count)])
            finally:
                free(names)
            room = count

    def partition(self, bytes topic_id, int partition):
        cdef pb.pb_partition_info info
        cdef const uint8_t* id_bytes = topic_id
        cdef int rc
        self.need_broker()
        with nogil:
            rc = pb.pb_broker_partition(self.broker, id_bytes, partition, &info)
        check(rc, f"partition {partition}")
        return PartitionInfo(info.start_offset, info.end_offset, info.high_watermark, info.last_stable_offset, info.synced_offset, info.size_bytes, info.index,
                             info.leader_epoch, info.log_dir, bool(info.offline), info.future_dir, info.future_size_bytes, info.future_lag)

    def keep(self, int work):
        """One round of housekeeping; see core.pyi."""
        cdef int rc
        self.need_broker()
        with nogil:
            rc = pb.pb_broker_keep(self.broker, work)
        check(rc if rc < 0 else 0, "housekeeping")
        return rc

    def clean(self, int worker, int64_t map_bytes_max, double load_factor, int64_t bytes_max):
        """A piece of compaction; see core.pyi."""
        cdef pb.pb_clean_rules rules
        cdef int64_t done = 0
        cdef int rc
        self.need_broker()
        rules.map_bytes_max = map_bytes_max
        rules.load_factor = load_factor
        rules.bytes_max = bytes_max
        with nogil:
            rc = pb.pb_broker_clean(self.broker, worker, &rules, &done)
        check(rc if rc < 0 else 0, "compaction")
        return rc > 0, done

    def stop_cleaning(self):
        self.need_broker()
        pb.pb_broker_stop_cleaning(self.broker)

    def delete_records(self, items):
        self.need_broker()
        return delete_records_of(self.broker, items)

    def segments(self, bytes topic_id, int partition):
        self.need_broker()
        return segments_of(self.broker, topic_id, partition)

    def delete_segments(self, bytes topic_id, int partition, base_offsets):
        self.need_broker()
        delete_segments_of(self.broker, topic_id, partition, base_offsets)

    def move_begin(self, bytes topic_id, int partition, int place):
        cdef const uint8_t* id_bytes = topic_id
        cdef int rc
        self.need_broker()
        with nogil:
            rc = pb.pb_broker_move_begin(self.broker, id_bytes, partition, place)
        check(rc, f"partition {partition}")

    def move_step(self, bytes topic_id, int partition, int64_t bytes_max):
        cdef const uint8_t* id_bytes = topic_id
        cdef int64_t copied
        cdef int rc
        self.need_broker()
        with nogil:
            rc = pb.pb_broker_move_step(self.broker, id_bytes, partition, bytes_max, &copied)
        check(rc, f"partition {partition}")
        return rc > 0, copied

    def move_cancel(self, bytes topic_id, int partition):
        cdef const uint8_t* id_bytes = topic_id
        cdef int rc
        self.need_broker()
        with nogil:
            rc = pb.pb_broker_move_cancel(self.broker, id_bytes, partition)
        check(rc, f"partition {partition}")

    def log_dir(self, int place):
        cdef int state
        cdef int64_t free_bytes
        self.need_broker()
        check(pb.pb_broker_log_dir(self.broker, place, &state, &free_bytes), f"log directory {place}")
        return state, free_bytes

    cdef int make_loops(self) except -1:
        cdef int i
        for i in range(self.loop_count):
            if self.loops[i] == NULL:
                self.loops[i] = loop_new(self.broker, i)
                if self.loops[i] == NULL:
                    raise OSError(f"event loop {i} cannot be made: no memory or no descriptors")
        return 0

    def listen(self, int fd, *, bint asks_login=False):
        """Accept on a listening, non-blocking socket, whose descriptor the core owns from here on. Returns the listener's index. Before ``start``."""
        cdef int rc
        self.need_broker()
        if self.started:
            raise RuntimeError("listeners are opened before start")
        self.make_loops()
        rc = pb.pb_loop_listen(self.loops[0].loop, fd, self.listener_count, asks_login)
        check(rc, "listener")
        self.listener_count += 1
        return self.listener_count - 1

    def start(self):
        cdef int i, rc
        self.need_broker()
        self.make_loops()
        self.started = True
        for i in range(self.loop_count):
            rc = loop_start(self.loops[i])
            if rc < 0:
                raise OSError(uv.uv_strerror(rc).decode())

    def take(self, int limit=256):
        """Requests that wait, oldest first, at most ``limit``; log lines of the core go to ``on_log``."""
        cdef uint64_t count
        cdef list requests = []
        cdef pb.pb_mail* mail
        self.need_broker()
        read(self.door.fd, &count, sizeof(count))           # cleared first: what comes after rings again
        for level, line in door_take_lines(&self.door):
            self.on_log(level, line)
        while len(requests) < limit:
            mail = pb.pb_broker_take_mail(self.broker)
            if mail == NULL:
                return requests
            requests.append(request_of(self, mail))
        if limit > 0:
            door_ring(&self.door)                           # there may be more
        return requests

    def append(self, bytes topic_id, int partition, records, uint64_t ticket):
        """Append records of our own as one batch; see core.pyi."""
        cdef pb.pb_own_batch* batch
        cdef const uint8_t* id_bytes = topic_id
        cdef int64_t base_offset = -1
        cdef int rc
        self.need_broker()
        if len(topic_id) != 16:
            raise ValueError("a topic id has 16 bytes")
        batch = own_batch_of(self.broker, records)
        with nogil:
            rc = pb.pb_own_batch_append(batch, id_bytes, partition, ticket, &base_offset)
        check(rc, f"partition {partition}")
        return base_offset, rc == 0

    def read(self, bytes topic_id, int partition, int64_t offset, int64_t bytes_max):
        """Records from an offset on; see core.pyi."""
        cdef pb.pb_own_read* read_ = NULL
        cdef const uint8_t* id_bytes = topic_id
        cdef int rc
        self.need_broker()
        if len(topic_id) != 16:
            raise ValueError("a topic id has 16 bytes")
        with nogil:
            rc = pb.pb_own_read_new(self.broker, id_bytes, partition, offset, bytes_max, &read_)
        check(rc, f"partition {partition}")
        try:
            records = records_of(read_)
            return records, pb.pb_own_read_next_offset(read_)
        finally:
            pb.pb_own_read_free(read_)

    def put_member(self, bytes group, bytes member, bytes instance, int generation, int interval_ms, bint consumer):
        """Heartbeats of this member change nothing; see core.pyi."""
        cdef pb.pb_member_view view = member_view(group, member, instance)
        self.need_broker()
        view.generation = generation
        view.interval_ms = interval_ms
        view.consumer = consumer
        return pb.pb_member_put(self.broker, &view) == 0

    def remove_member(self, bytes group, bytes member):
        cdef pb.pb_member_view view = member_view(group, member, None)
        self.need_broker()
        pb.pb_member_remove(self.broker, &view)

    def member_heard_ns(self, bytes group, bytes member):
        cdef pb.pb_member_view view = member_view(group, member, None)
        self.need_broker()
        return pb.pb_member_heard_ns(self.broker, &view)

    def take_news(self):
        """What became of appends, which connections have gone, which hook chains are unused, and which connections have ended: four lists; see core.pyi."""
        cdef pb.pb_news news
        cdef list appended = [], gone = [], unused = [], closed = []
        self.need_broker()
        while pb.pb_broker_take_news(self.broker, &news) > 0:
            if news.kind == pb.PB_NEWS_APPENDED:
                appended.append((news.id, None if news.error == 0 else CoreError(news.error)))
            elif news.kind == pb.PB_NEWS_GONE:
                gone.append(news.id)
            else:
                (unused if news.kind == pb.PB_NEWS_UNUSED else closed).append(news.id)
        return appended, gone, unused, closed

    def judge(self):
        """Requests of the data plane are judged from now on; see core.pyi."""
        self.need_broker()
        if self.started:
            raise RuntimeError("judging begins before start")
        check(pb.pb_broker_judge(self.broker), "rights")

    def put_right(self, uint32_t subject, int operation, int resource, bytes name, bint allowed, int64_t until_ns):
        cdef pb.pb_right_view view
        self.need_broker()
        view.name = name
        view.name_size = len(name)
        view.subject = subject
        view.operation = operation
        view.resource = resource
        view.allowed = allowed
        view.until_ns = until_ns
        check(pb.pb_broker_put_right(self.broker, &view), "right")

    def forget_rights(self, uint32_t subject=0):
        self.need_broker()
        with nogil:
            pb.pb_broker_forget_rights(self.broker, subject)

    def stop(self):
        """Clean stop; see core.pyi. Blocks without the GIL."""
        cdef int rc
        if self.broker == NULL or self.stopped:
            return
        self.stopped = True
        self.join_loops(STOPS_DRAINED)
        with nogil:
            pb.pb_env_posix_deinit(&self.env)           # a sync under way ends first: a log is closed by one thread
            rc = pb.pb_broker_close_logs(self.broker)
        check(rc, "logs were not all closed cleanly")

    def abort(self):
        """Stop without syncing or marking, as if killed."""
        if self.broker == NULL:
            return
        self.stopped = True
        self.join_loops(STOPS_AT_ONCE)

    def checkpoint(self):
        cdef int rc
        self.need_broker()
        with nogil:
            rc = pb.pb_broker_checkpoint(self.broker)
        check(rc, "checkpoint")

    def stats(self):
        cdef int64_t values[64]
        self.need_broker()
        check(pb.pb_broker_stats(self.broker, values))
        return {name: values[<int>number] for name, number in STATS.items()}
