# C errors become exceptions here, and nowhere else.

class CoreError(Exception):
    """An error of the C core: ``name`` is its PB_E_* name, ``code`` the Kafka error code a client would be told."""

    def __init__(self, int error, detail=None):
        self.name = pb.pb_error_name(error).decode()
        self.code = pb.pb_error_kafka_code(error)
        text = pb.pb_error_text(error).decode()
        super().__init__(f"{detail}: {text}" if detail else text)


cdef object check(int rc, detail=None):
    """Raise for a negative result; MemoryError for want of memory."""
    if rc >= 0:
        return rc
    if rc == pb.PB_E_NOMEM:
        raise MemoryError(detail or "out of memory")
    raise CoreError(rc, detail)
