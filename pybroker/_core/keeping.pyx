# What housekeeping asks of the core: conversion of lists to C and back, without the GIL in between.

cdef list delete_records_of(pb.pb_broker* broker, items):
    """Each as (CoreError or None, log start)."""
    cdef pb.pb_delete_records wishes[pb.PB_DELETE_RECORDS_MAX]
    cdef const uint8_t* id_bytes
    cdef bytes topic_id
    cdef int32_t i, k, count = len(items)
    cdef int rc
    if count > pb.PB_DELETE_RECORDS_MAX:
        raise ValueError("too many partitions at once")
    for i in range(count):
        topic_id, wishes[i].partition, wishes[i].offset = items[i]
        if len(topic_id) != 16:
            raise ValueError("a topic id has 16 bytes")
        id_bytes = topic_id
        for k in range(16):
            wishes[i].topic_id[k] = id_bytes[k]
    with nogil:
        rc = pb.pb_broker_delete_records(broker, wishes, count)
    check(rc, "delete records")
    return [(CoreError(wishes[i].error) if wishes[i].error < 0 else None, wishes[i].start_offset) for i in range(count)]


cdef list segments_of(pb.pb_broker* broker, bytes topic_id, int32_t partition):
    cdef pb.pb_segment_info found[16]
    cdef const uint8_t* id_bytes = topic_id
    cdef int64_t from_offset = 0
    cdef list segments = []
    cdef int i, count = 1
    if len(topic_id) != 16:
        raise ValueError("a topic id has 16 bytes")
    while count > 0:
        with nogil:
            count = pb.pb_broker_segments(broker, id_bytes, partition, from_offset, found, 16)
        check(count if count < 0 else 0, f"partition {partition}")
        for i in range(count):
            segments.append((found[i].base_offset, found[i].end_offset, found[i].size_bytes, found[i].timestamp_ms, bool(found[i].active)))
            from_offset = found[i].base_offset + 1
    return segments


cdef int delete_segments_of(pb.pb_broker* broker, bytes topic_id, int32_t partition, base_offsets) except -1:
    cdef const uint8_t* id_bytes = topic_id
    cdef int32_t i, count = len(base_offsets)
    cdef int rc
    cdef int64_t* bases
    if len(topic_id) != 16:
        raise ValueError("a topic id has 16 bytes")
    bases = <int64_t*>malloc(max(count, 1) * sizeof(int64_t))
    if bases == NULL:
        raise MemoryError
    try:
        for i in range(count):
            bases[i] = base_offsets[i]
        with nogil:
            rc = pb.pb_broker_delete_segments(broker, id_bytes, partition, bases, count)
    finally:
        free(bases)
    check(rc, f"partition {partition}")
    return 0
