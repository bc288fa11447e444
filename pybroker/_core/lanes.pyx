# Plugin lanes: batches that Python judges, on the lane's own thread. Everything here belongs to that thread, but for views that a plugin keeps.
from libc.stdint cimport uint32_t

cdef extern from "<poll.h>" nogil:
    struct pollfd:
        int fd
        short events
        short revents
    int poll(pollfd* fds, unsigned long count, int timeout_ms)
    cdef enum:
        POLLIN

cdef dict CODECS = {0: "none", 1: "gzip", 2: "snappy", 3: "lz4", 4: "zstd"}


cdef void lane_ring(void* context) noexcept nogil:
    cdef uint64_t one = 1
    write((<int*>context)[0], &one, sizeof(one))


cdef int64_t number_at(const uint8_t* at, int size) noexcept nogil:
    """Big-endian, signed."""
    cdef int64_t value = <signed char>at[0]
    cdef int i
    for i in range(1, size):
        value = (value << 8) | at[i]
    return value


cdef tuple headers_of(const pb.pb_record_view* view):
    cdef const uint8_t* at = view.headers
    cdef pb.pb_header_view header
    cdef list found = []
    cdef int i
    for i in range(view.header_count):
        if not pb.pb_header_next(&at, view.headers + view.headers_size, &header):
            raise ValueError("headers that cannot be read")
        found.append(((<const char*>header.name)[:header.name_size].decode("utf-8", "backslashreplace"), bytes_or_none(header.value, header.value_size)))
    return tuple(found)


@cython.final
@cython.no_gc_clear                     # the broker must be there when it goes
cdef class BatchView:
    """One batch; see pybroker.hooks.BatchView. Its memory stays as long as it does."""

    cdef Core core
    cdef pb.pb_lane_job* job
    cdef pb.pb_lane_item* item              # the lane's, until the job is given back
    cdef pb.pb_lane_view view
    cdef readonly int64_t token
    cdef object decoded

    def __dealloc__(self):
        if self.job != NULL:
            pb.pb_lane_job_let_go(self.job)
            self.core.views_open -= 1

    def __getbuffer__(self, Py_buffer* buffer, int flags):
        PyBuffer_FillInfo(buffer, self, <void*>self.view.bytes, self.view.size_bytes, 1, flags)

    @property
    def topic(self):
        return self.view.topic[:self.view.topic_size].decode()

    @property
    def partition(self):
        return self.view.partition

    @property
    def partition_count(self):
        return self.view.partition_count

    @property
    def client_id(self):
        return None if self.view.client_id_size < 0 else (<const char*>self.view.client_id)[:self.view.client_id_size].decode("utf-8", "backslashreplace")

    @property
    def principal(self):
        return self.core.subjects.get(self.view.subject, "User:ANONYMOUS")

    @property
    def record_count(self):
        return number_at(self.view.bytes + 57, 4)

    @property
    def size_bytes(self):
        return self.view.size_bytes

    @property
    def codec(self):
        return CODECS[self.view.bytes[22] & 7]

    @property
    def producer_id(self):
        return number_at(self.view.bytes + 43, 8)

    @property
    def base_timestamp_ms(self):
        return number_at(self.view.bytes + 27, 8)

    @property
    def max_timestamp_ms(self):
        return number_at(self.view.bytes + 35, 8)

    @property
    def raw(self):
        return memoryview(self)

    cdef pb.pb_own_read* open(self) except NULL:
        cdef pb.pb_own_read* opened = NULL
        self.core.need_broker()
        check(pb.pb_batch_read_new(self.core.broker, self.view.bytes, self.view.size_bytes, self.view.output_bytes_max, &opened), "batch")
        return opened

    cdef list walk(self, int what):
        """0 records, 1 keys, 2 values."""
        cdef pb.pb_own_read* opened = self.open()
        cdef pb.pb_record_view view
        cdef list found = []
        cdef int64_t base = number_at(self.view.bytes, 8)
        cdef int rc
        try:
            while True:
                rc = pb.pb_own_read_next(opened, &view)
                if rc < 0:
                    raise ValueError(f"records cannot be read: {pb.pb_error_text(rc).decode()}")
                if rc == 0:
                    return found
                if what == 1:
                    found.append(bytes_or_none(view.key, view.key_size))
                elif what == 2:
                    found.append(bytes_or_none(view.value, view.value_size))
                else:
                    found.append((view.offset - base, view.timestamp_ms, bytes_or_none(view.key, view.key_size), bytes_or_none(view.value, view.value_size), headers_of(&view)))
        finally:
            pb.pb_own_read_free(opened)

    def records(self):
        if self.decoded is None:
            from pybroker.hooks.types import Record

            self.decoded = tuple([Record._make(fields) for fields in self.walk(0)])
        return self.decoded

    def keys(self):
        return self.walk(1)

    def values(self):
        return self.walk(2)

    cdef pb.pb_lane_item* need(self) except NULL:
        if self.item == NULL:
            raise RuntimeError("the batch has been given back")
        return self.item

    # ---- what the lane's thread says of it

    def accept(self):
        pb.pb_lane_accept(self.need())

    cdef int say(self, pb.pb_lane_verdict_kind kind, int code, str text) except -1:
        cdef bytes words = text.encode("utf-8", "replace")
        check(pb.pb_lane_say(self.need(), kind, <int16_t>code, words, <int32_t>len(words)), "verdict")
        return 0

    def refuse(self, int code, str text, records=()):
        cdef bytes words
        self.say(pb.PB_VERDICT_REFUSE, code, text)
        for index, line in records:
            words = line.encode("utf-8", "replace")
            check(pb.pb_lane_say_record(self.item, index, words, <int32_t>len(words)), "verdict")

    def fail(self, int code, str text):
        self.say(pb.PB_VERDICT_FAILED, code, text)

    def drop(self):
        self.say(pb.PB_VERDICT_DROP, 0, "")

    cdef int place(self, pb.pb_lane_verdict_kind kind, str topic, int32_t partition, str text) except -1:
        cdef bytes name = topic.encode()
        self.say(kind, 0, text)
        pb.pb_lane_say_place(self.item, name, <int32_t>len(name), partition)
        return 0

    def route(self, str topic, int32_t partition):
        self.place(pb.PB_VERDICT_ROUTE, topic, partition, "")

    def dead_letter(self, topic, str reason):
        self.place(pb.PB_VERDICT_DEAD_LETTER, topic or "", 0, reason)

    def split(self, targets):
        cdef int32_t count = len(targets), i
        cdef int rc
        cdef int32_t* plain = <int32_t*>malloc(max(count, 1) * sizeof(int32_t))
        if plain == NULL:
            raise MemoryError
        try:
            for i in range(count):
                plain[i] = targets[i]
            self.say(pb.PB_VERDICT_SPLIT, 0, "")
            rc = pb.pb_lane_say_targets(self.item, plain, count)
        finally:
            free(plain)
        if rc == pb.PB_E_INVALID_ARGUMENT:
            raise ValueError("a partitioner gives one partition that there is for each record")
        check(rc, "verdict")

    def replace(self, records):
        cdef pb.pb_lane_records* made = NULL
        cdef pb.pb_record_view view
        cdef pb.pb_header_view header
        cdef bytes key, value, name_bytes, text
        cdef int rc
        check(pb.pb_lane_records_new(self.need(), &made), "records")
        try:
            for _offset, timestamp_ms, key, value, headers in records:
                for name, text in headers:
                    name_bytes = name.encode()
                    header.name = <const uint8_t*>name_bytes
                    header.name_size = <int32_t>len(name_bytes)
                    header.value = NULL if text is None else <const uint8_t*>text
                    header.value_size = -1 if text is None else <int32_t>len(text)
                    check(pb.pb_lane_records_header(made, &header), "records")
                view.timestamp_ms = timestamp_ms
                view.key = NULL if key is None else <const uint8_t*>key
                view.key_size = -1 if key is None else <int32_t>len(key)
                view.value = NULL if value is None else <const uint8_t*>value
                view.value_size = -1 if value is None else <int32_t>len(value)
                check(pb.pb_lane_records_add(made, &view), "records")
        except:
            pb.pb_lane_records_end(made, True)
            raise
        rc = pb.pb_lane_records_end(made, False)
        if rc == pb.PB_E_INVALID_ARGUMENT:
            raise ValueError("records in place of a batch's: none, or not as many as an idempotent producer sent")
        check(rc, "records")


@cython.final
@cython.no_gc_clear
cdef class Lane:
    """The queue of one plugin; see core.pyi."""

    cdef Core core
    cdef pb.pb_lane* lane
    cdef int fd
    cdef list views, jobs

    def __cinit__(self):
        self.fd = -1
        self.views = []
        self.jobs = []

    def __dealloc__(self):
        self.shut()

    cdef void shut(self) noexcept:
        if self.lane != NULL:
            pb.pb_lane_close(self.lane)
            self.lane = NULL
        if self.fd >= 0:
            close(self.fd)
            self.fd = -1

    cdef int need(self) except -1:
        if self.lane == NULL:
            raise RuntimeError("the lane is closed")
        return 0

    def close(self):
        """By its own thread, at its end; what still comes is decided by on_error."""
        self.give_back()
        if self.lane != NULL:
            self.core.lanes_open -= 1
        self.shut()

    def ring(self):
        """Have ``wait`` return. Any thread."""
        if self.fd >= 0:
            lane_ring(&self.fd)

    def wait(self, int timeout_ms):
        """Until something may wait, without the GIL."""
        cdef pollfd one
        cdef uint64_t count
        self.need()
        one.fd = self.fd
        one.events = POLLIN
        with nogil:
            if poll(&one, 1, timeout_ms) > 0:
                read(one.fd, &count, sizeof(count))

    def take(self, int limit=256):
        """Batches that wait, oldest first: those of whole requests, about ``limit``. All of the take before must have been given back."""
        cdef pb.pb_lane_view view
        cdef BatchView made
        self.need()
        while len(self.views) < limit:
            if not pb.pb_lane_take(self.lane, &view):
                return self.views
            self.jobs.append(<size_t>view.job)
            while pb.pb_lane_next(self.lane, &view):
                made = BatchView.__new__(BatchView)
                made.core = self.core
                made.job = view.job
                pb.pb_lane_job_keep(view.job)
                self.core.views_open += 1
                made.item = view.item
                made.view = view
                made.token = view.token
                self.views.append(made)
        lane_ring(&self.fd)                                 # there may be more
        return self.views

    def accept(self, list views):
        """All of these."""
        cdef BatchView view
        for view in views:
            pb.pb_lane_accept(view.need())

    def give_back(self):
        """What was taken: batches without a word have failed."""
        cdef BatchView view
        for view in self.views:
            view.item = NULL
        for job in self.jobs:
            pb.pb_lane_done(<pb.pb_lane_job*><size_t>job)
        self.views = []
        self.jobs = []

    def call_begins(self):
        """A call of the plugin: from now on its deadline counts."""
        self.need()
        pb.pb_lane_call_begins(self.lane)

    def call_ended(self):
        self.need()
        pb.pb_lane_call_ended(self.lane)

    def stats(self):
        """Batches that were handed out, and requests that were given up. Any thread."""
        cdef int64_t batches = 0, failed = 0
        if self.lane != NULL:
            pb.pb_lane_stats(self.lane, &batches, &failed)
        return batches, failed


cdef Lane lane_of(Core core, int deadline_ms):
    cdef Lane made = Lane.__new__(Lane)
    made.core = core
    made.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)
    if made.fd < 0:
        raise OSError("no descriptor for a lane")
    check(pb.pb_lane_new(core.broker, deadline_ms, lane_ring, &made.fd, &made.lane), "lane")
    core.lanes_open += 1
    return made
