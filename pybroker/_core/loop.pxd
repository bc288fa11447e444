# One uv_loop_t, its thread, and the part of the broker it drives.
from pybroker._core cimport pb, uv
from libc.stdint cimport int32_t, int64_t

cdef struct Watch:
    uv.uv_poll_t poll
    LoopState* state
    void* owner

cdef enum Stopping:
    GOES_ON = 0
    STOPS_DRAINED = 1       # when all that it took is answered, or has waited long enough
    STOPS_AT_ONCE = 2

cdef struct LoopState:
    uv.uv_loop_t uv
    uv.uv_async_t wake
    uv.uv_timer_t timer
    uv.uv_check_t check
    uv.uv_thread_t thread
    pb.pb_loop* loop
    Stopping stopping       # set by another thread, which then wakes the loop
    int draining
    int closed
    int running
