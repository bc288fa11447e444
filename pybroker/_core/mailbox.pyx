# The one door between loops and Python: an eventfd that loops write to and asyncio watches, and requests taken in batches.
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.stdlib cimport malloc
from libc.string cimport memcpy, strlen

cdef extern from "<sys/eventfd.h>" nogil:
    int eventfd(unsigned int initial, int flags)
    cdef enum:
        EFD_CLOEXEC
        EFD_NONBLOCK

cdef extern from "<unistd.h>" nogil:
    ssize_t write(int fd, const void* bytes, size_t size)
    ssize_t read(int fd, void* bytes, size_t size)
    int close(int fd)

cdef extern from "<pthread.h>" nogil:
    ctypedef struct pthread_mutex_t:
        pass
    int pthread_mutex_init(pthread_mutex_t* lock, const void* attributes)
    int pthread_mutex_lock(pthread_mutex_t* lock)
    int pthread_mutex_unlock(pthread_mutex_t* lock)
    int pthread_mutex_destroy(pthread_mutex_t* lock)

cdef enum:
    LOG_LINES_MAX = 1024        # lines of the core that wait for the control thread; more are counted and dropped

cdef struct LogLine:
    LogLine* next
    int level
    char text[1]

cdef struct Door:
    int fd
    pthread_mutex_t lock
    LogLine* first
    LogLine** last
    int line_count
    int lines_dropped


cdef void door_ring(void* context) noexcept nogil:
    cdef uint64_t one = 1
    write((<Door*>context).fd, &one, sizeof(one))       # a full counter is readable as well


cdef void door_log(void* context, int level, const char* text) noexcept nogil:
    """From any thread: keep the line for the control thread."""
    cdef Door* door = <Door*>context
    cdef size_t size = strlen(text) + 1
    cdef LogLine* line
    pthread_mutex_lock(&door.lock)
    if door.line_count >= LOG_LINES_MAX:
        door.lines_dropped += 1
        pthread_mutex_unlock(&door.lock)
        return
    line = <LogLine*>malloc(sizeof(LogLine) + size)
    if line != NULL:
        line.next = NULL
        line.level = level
        memcpy(line.text, text, size)
        door.last[0] = line
        door.last = &line.next
        door.line_count += 1
    pthread_mutex_unlock(&door.lock)
    door_ring(door)


cdef int door_open(Door* door) noexcept nogil:
    door.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)
    door.first = NULL
    door.last = &door.first
    door.line_count = door.lines_dropped = 0
    pthread_mutex_init(&door.lock, NULL)
    return door.fd


cdef void door_close(Door* door) noexcept nogil:
    cdef LogLine* line
    while door.first != NULL:
        line = door.first
        door.first = line.next
        free(line)
    if door.fd >= 0:
        close(door.fd)
    pthread_mutex_destroy(&door.lock)


cdef object door_take_lines(Door* door):
    """Lines since the last take: a list of (level, text)."""
    cdef LogLine* line
    cdef LogLine* next_line
    cdef int dropped
    cdef list lines = []
    with nogil:
        pthread_mutex_lock(&door.lock)
        line = door.first
        dropped = door.lines_dropped
        door.first = NULL
        door.last = &door.first
        door.line_count = door.lines_dropped = 0
        pthread_mutex_unlock(&door.lock)
    while line != NULL:
        lines.append((line.level, line.text.decode("utf-8", "backslashreplace")))
        next_line = line.next
        free(line)
        line = next_line
    if dropped:
        lines.append((30, f"event=log-lines-dropped count={dropped}"))
    return lines


@cython.final
cdef class Request:
    """One request of the control plane; see core.pyi."""

    cdef object core                    # keeps the memory of the mail alive
    cdef pb.pb_mail* mail
    cdef readonly int api_key, api_version, correlation_id, listener, local_port, peer_port
    cdef readonly object client_id, body, local_host, peer_host
    cdef readonly unsigned long long connection_id
    cdef readonly long long received_ns
    cdef public object principal        # who sent it, where somebody has said: see core.pyi

    def __init__(self):
        raise TypeError("requests come from Core.take")

    def __dealloc__(self):
        if self.mail != NULL:
            pb.pb_mail_close(self.mail)
            self.mail = NULL

    def reply(self, body):
        """Send the response; the core adds length and header."""
        cdef const unsigned char[::1] view = body
        cdef pb.pb_mail* mail = self.mail
        if mail == NULL:
            raise RuntimeError("the request is answered already")
        self.mail = NULL
        check(pb.pb_mail_reply(mail, <const unsigned char*>&view[0] if view.shape[0] else NULL, <size_t>view.shape[0]))

    def end(self):
        """The connection closes once the answer to this request has left."""
        if self.mail != NULL:
            pb.pb_mail_end(self.mail)

    def trust(self, uint32_t subject=0, int64_t login_until_ns=0):
        """The connection has authenticated; holds once this request is answered. See core.pyi."""
        if self.mail != NULL:
            pb.pb_mail_trust(self.mail, subject, login_until_ns)

    def close(self):
        """Close the connection without an answer."""
        if self.mail != NULL:
            pb.pb_mail_close(self.mail)
            self.mail = NULL


cdef Request request_of(core, pb.pb_mail* mail):
    cdef Request request = Request.__new__(Request)
    cdef pb.pb_mail_view view
    pb.pb_mail_view_(mail, &view)
    request.core = core
    request.mail = mail
    request.api_key = view.api_key
    request.api_version = view.api_version
    request.correlation_id = view.correlation_id
    request.client_id = None if view.client_id == NULL else view.client_id[:view.client_id_size].decode("utf-8", "backslashreplace")
    request.body = view.body[:view.body_size]
    request.listener = view.listener
    request.connection_id = view.connection_id
    request.received_ns = view.received_ns
    request.local_host = view.local_host.decode()
    request.local_port = view.local_port
    request.peer_host = view.peer_host.decode()
    request.peer_port = view.peer_port
    return request
