# Records of our own: batches that the control plane appends to internal topics, and what it reads back.

cdef pb.pb_own_batch* own_batch_of(pb.pb_broker* broker, records) except NULL:
    """A batch of (key, value) pairs; value None is a tombstone."""
    cdef pb.pb_own_batch* batch = NULL
    cdef bytes key, value
    cdef int rc
    check(pb.pb_own_batch_new(broker, &batch))
    try:
        for key, value in records:
            rc = pb.pb_own_batch_add(batch, <const uint8_t*>key, <int32_t>len(key), NULL if value is None else <const uint8_t*>value, -1 if value is None else <int32_t>len(value))
            check(rc, "batch of records")
    except:
        pb.pb_own_batch_free(batch)
        raise
    return batch


cdef object bytes_or_none(const uint8_t* at, int32_t size):
    return None if size < 0 else (<const char*>at)[:size]


cdef list records_of(pb.pb_own_read* read):
    cdef pb.pb_record_view view
    cdef int rc
    cdef list records = []
    while True:
        rc = pb.pb_own_read_next(read, &view)
        if rc <= 0:
            check(rc, "records")
            return records
        records.append((view.offset, view.timestamp_ms, bytes_or_none(view.key, view.key_size), bytes_or_none(view.value, view.value_size), view.producer_id,
                        view.producer_epoch, view.attributes))
