# The event loop: libuv's readiness, wake-ups and timer, handed to the C core. Nothing here takes the GIL, decides a rule of the protocol or touches a Python
# object: a loop's thread is made by libuv and has no Python thread state at all.
from libc.stdlib cimport calloc, free

cdef int to_uv(int events) noexcept nogil:
    return ((uv.UV_READABLE if events & pb.PB_READABLE else 0) | (uv.UV_WRITABLE if events & pb.PB_WRITABLE else 0)
            | (uv.UV_DISCONNECT if events & pb.PB_HANGUP else 0))


cdef void on_poll(uv.uv_poll_t* handle, int status, int events) noexcept nogil:
    cdef Watch* watch = <Watch*>handle
    cdef int ready = 0
    if status < 0:
        ready = pb.PB_READABLE | pb.PB_HANGUP        # an error on the socket: the next read tells which
    else:
        if events & uv.UV_READABLE:
            ready |= pb.PB_READABLE
        if events & uv.UV_WRITABLE:
            ready |= pb.PB_WRITABLE
        if events & uv.UV_DISCONNECT:
            ready |= pb.PB_HANGUP
    pb.pb_watch_ready(watch.state.loop, watch.owner, ready)


cdef void on_watch_closed(uv.uv_handle_t* handle) noexcept nogil:
    free(<void*>handle)


cdef int watch_open(void* context, int fd, void* owner, int events, void** watch_out) noexcept nogil:
    cdef LoopState* state = <LoopState*>context
    cdef Watch* watch = <Watch*>calloc(1, sizeof(Watch))
    if watch == NULL:
        return pb.PB_E_NOMEM
    watch.state = state
    watch.owner = owner
    if uv.uv_poll_init(&state.uv, &watch.poll, fd) < 0:
        free(watch)
        return pb.PB_E_IO
    if uv.uv_poll_start(&watch.poll, to_uv(events), on_poll) < 0:
        uv.uv_close(<uv.uv_handle_t*>&watch.poll, on_watch_closed)
        return pb.PB_E_IO
    watch_out[0] = watch
    return 0


cdef void watch_set(void* handle, int events) noexcept nogil:
    cdef Watch* watch = <Watch*>handle
    if events == 0:
        uv.uv_poll_stop(&watch.poll)
    else:
        uv.uv_poll_start(&watch.poll, to_uv(events), on_poll)


cdef void watch_close(void* handle) noexcept nogil:
    uv.uv_close(<uv.uv_handle_t*>handle, on_watch_closed)


cdef void wake(void* context) noexcept nogil:
    uv.uv_async_send(&(<LoopState*>context).wake)


cdef void end_turn(LoopState* state) noexcept nogil:
    """All was handed over. A loop that was to stop does once it owes nobody anything; uv_run ends with its last handle."""
    pb.pb_loop_on_turn_end(state.loop)
    if state.stopping == GOES_ON or state.closed or (state.stopping == STOPS_DRAINED and not (state.draining and pb.pb_loop_is_drained(state.loop))):
        return
    state.closed = 1
    pb.pb_loop_close(state.loop)
    uv.uv_close(<uv.uv_handle_t*>&state.wake, NULL)
    uv.uv_close(<uv.uv_handle_t*>&state.timer, NULL)
    uv.uv_close(<uv.uv_handle_t*>&state.check, NULL)


cdef void on_timer(uv.uv_timer_t* handle) noexcept nogil:
    pb.pb_loop_on_timer((<LoopState*>handle.data).loop)
    end_turn(<LoopState*>handle.data)                  # timers run before the poll, whose end would come too late


cdef void timer_set(void* context, int64_t in_ms) noexcept nogil:
    cdef LoopState* state = <LoopState*>context
    uv.uv_timer_start(&state.timer, on_timer, <unsigned long long>in_ms, 0)


cdef void on_wake(uv.uv_async_t* handle) noexcept nogil:
    cdef LoopState* state = <LoopState*>handle.data
    if state.closed:
        return
    if state.stopping == STOPS_DRAINED and not state.draining:
        state.draining = 1
        pb.pb_loop_drain(state.loop)
    pb.pb_loop_on_wake(state.loop)


cdef void on_check(uv.uv_check_t* handle) noexcept nogil:
    end_turn(<LoopState*>handle.data)


cdef void run(void* context) noexcept nogil:
    block_signals()
    uv.uv_run(&(<LoopState*>context).uv, uv.UV_RUN_DEFAULT)


cdef LoopState* loop_new(pb.pb_broker* broker, int32_t index) noexcept nogil:
    """One loop, not yet running. NULL: no memory or no descriptors."""
    cdef LoopState* state = <LoopState*>calloc(1, sizeof(LoopState))
    cdef pb.pb_loop_ops ops
    if state == NULL:
        return NULL
    if uv.uv_loop_init(&state.uv) < 0:
        free(state)
        return NULL
    ops.context = state
    ops.watch_open = watch_open
    ops.watch_set = watch_set
    ops.watch_close = watch_close
    ops.wake = wake
    ops.timer_set = timer_set
    state.wake.data = state.timer.data = state.check.data = state
    if (uv.uv_async_init(&state.uv, &state.wake, on_wake) < 0 or pb.pb_loop_new(broker, index, &ops, &state.loop) < 0):
        uv.uv_loop_close(&state.uv)
        free(state)
        return NULL
    uv.uv_timer_init(&state.uv, &state.timer)
    uv.uv_check_init(&state.uv, &state.check)
    uv.uv_check_start(&state.check, on_check)
    return state


cdef int loop_start(LoopState* state) noexcept nogil:
    cdef int rc = uv.uv_thread_create(&state.thread, run, state)
    state.running = rc == 0
    return rc


cdef void loop_stop(LoopState* state, Stopping how) noexcept nogil:
    """Ask it to end, from any thread; loop_join waits for it."""
    state.stopping = how
    uv.uv_async_send(&state.wake)


cdef void loop_join(LoopState* state) noexcept nogil:
    """Wait until all it had is closed. A loop that never ran is closed on the caller's thread."""
    if state.running:
        uv.uv_thread_join(&state.thread)
    else:
        uv.uv_run(&state.uv, uv.UV_RUN_DEFAULT)
    state.running = 0


cdef void loop_free(LoopState* state) noexcept nogil:
    pb.pb_loop_free(state.loop)
    uv.uv_loop_close(&state.uv)
    free(state)
