# libuv, shortened to what is used (1.44 and later).
cdef extern from "uv.h" nogil:
    ctypedef struct uv_loop_t:
        void* data
    ctypedef struct uv_handle_t:
        void* data
    ctypedef struct uv_poll_t:
        void* data
    ctypedef struct uv_async_t:
        void* data
    ctypedef struct uv_timer_t:
        void* data
    ctypedef struct uv_check_t:
        void* data
    ctypedef struct uv_thread_t:
        pass
    ctypedef enum uv_run_mode:
        UV_RUN_DEFAULT
        UV_RUN_NOWAIT
    cdef enum:
        UV_READABLE
        UV_WRITABLE
        UV_DISCONNECT
    ctypedef void (*uv_close_cb)(uv_handle_t*) noexcept nogil
    ctypedef void (*uv_poll_cb)(uv_poll_t*, int, int) noexcept nogil
    ctypedef void (*uv_async_cb)(uv_async_t*) noexcept nogil
    ctypedef void (*uv_timer_cb)(uv_timer_t*) noexcept nogil
    ctypedef void (*uv_check_cb)(uv_check_t*) noexcept nogil
    ctypedef void (*uv_thread_cb)(void*) noexcept nogil

    int uv_loop_init(uv_loop_t*)
    int uv_loop_close(uv_loop_t*)
    int uv_run(uv_loop_t*, uv_run_mode)
    void uv_stop(uv_loop_t*)
    void uv_close(uv_handle_t*, uv_close_cb)
    int uv_poll_init(uv_loop_t*, uv_poll_t*, int)
    int uv_poll_start(uv_poll_t*, int, uv_poll_cb)
    int uv_poll_stop(uv_poll_t*)
    int uv_async_init(uv_loop_t*, uv_async_t*, uv_async_cb)
    int uv_async_send(uv_async_t*)
    int uv_timer_init(uv_loop_t*, uv_timer_t*)
    int uv_timer_start(uv_timer_t*, uv_timer_cb, unsigned long long, unsigned long long)
    int uv_timer_stop(uv_timer_t*)
    int uv_check_init(uv_loop_t*, uv_check_t*)
    int uv_check_start(uv_check_t*, uv_check_cb)
    int uv_thread_create(uv_thread_t*, uv_thread_cb, void*)
    int uv_thread_join(uv_thread_t*)
    const char* uv_strerror(int)
    const char* uv_version_string()
