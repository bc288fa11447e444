# pybroker._core.core: the whole of the border between C and Python, in one extension. The parts are included as text, so that they share one module.
cimport cython
from cpython.buffer cimport PyBuffer_FillInfo
from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t
from libc.stdlib cimport calloc, free, malloc

from pybroker._core cimport pb, uv
from pybroker._core.loop cimport GOES_ON, STOPS_AT_ONCE, STOPS_DRAINED, LoopState, Stopping, Watch

cdef extern from "<signal.h>" nogil:
    ctypedef struct sigset_t:
        pass
    int sigfillset(sigset_t* signals)
    int pthread_sigmask(int how, const sigset_t* signals, sigset_t* old)
    cdef enum:
        SIG_SETMASK


cdef void block_signals() noexcept nogil:
    """Signals are for the control thread; SIGPIPE of a socket stays unseen."""
    cdef sigset_t signals
    sigfillset(&signals)
    pthread_sigmask(SIG_SETMASK, &signals, NULL)


include "errors.pyx"
include "loop.pyx"
include "mailbox.pyx"
include "records.pyx"
include "members.pyx"
include "keeping.pyx"
include "lanes.pyx"
include "hooks.pyx"
include "broker.pyx"
