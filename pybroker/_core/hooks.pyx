# Hook chains: what plugins have to say of a topic's batches, handed over to C.
from cpython.pycapsule cimport PyCapsule_GetPointer

cdef enum:
    CHAIN_PAIRS_MAX = 24


cdef const void* native_of(capsule) except NULL:
    return PyCapsule_GetPointer(capsule, b"pybroker.native.v1")


cdef int add_rules(pb.pb_hook_chain* chain, rules) except -1:
    cdef pb.pb_record_rules plain
    cdef bytes prefix = rules.value_prefix, name_bytes, value
    cdef uint32_t* ids
    cdef int i
    plain.key_required = rules.key_required
    plain.key_utf8 = rules.key_utf8
    plain.value_required = rules.value_required
    plain.value_utf8 = rules.value_utf8
    plain.key_bytes_max = -1 if rules.key_bytes_max is None else rules.key_bytes_max
    plain.value_bytes_min = rules.value_bytes_min
    plain.value_bytes_max = -1 if rules.value_bytes_max is None else rules.value_bytes_max
    check(pb.pb_hook_chain_add_rules(chain, &plain), "record rules")
    check(pb.pb_hook_chain_set_prefix(chain, <const uint8_t*>prefix, <int32_t>len(prefix)), "record rules")
    if rules.schema_ids:
        ids = <uint32_t*>malloc(len(rules.schema_ids) * sizeof(uint32_t))
        if ids == NULL:
            raise MemoryError
        try:
            for i, number in enumerate(sorted(rules.schema_ids)):
                ids[i] = number
            check(pb.pb_hook_chain_set_schema_ids(chain, ids, <int32_t>len(rules.schema_ids)), "record rules")
        finally:
            free(ids)
    for name, values in rules.headers.items():
        name_bytes = name.encode()
        check(pb.pb_hook_chain_add_header(chain, <const uint8_t*>name_bytes, <int32_t>len(name_bytes)), "record rules")
        for value in values:
            check(pb.pb_hook_chain_add_header_value(chain, <const uint8_t*>value, <int32_t>len(value)), "record rules")
    return 0


@cython.final
@cython.no_gc_clear                     # the broker must be there when it goes
cdef class HookChain:
    """What plugins have to say of one topic's batches; see core.pyi."""

    cdef pb.pb_hook_chain* chain
    cdef Core core
    cdef object keep

    def __dealloc__(self):
        if self.chain != NULL and self.core.broker != NULL:
            pb.pb_hook_chain_free(self.chain)

    def counts(self):
        """Batches seen and refused by each native, then each of the rules, then each lane."""
        cdef int64_t pairs[2 * CHAIN_PAIRS_MAX]
        cdef int count = pb.pb_hook_chain_counts(self.chain, pairs, CHAIN_PAIRS_MAX), i
        return [(pairs[2 * i], pairs[2 * i + 1]) for i in range(count)]


cdef HookChain chain_of(Core core, int64_t chain_id, natives, rules, lanes, partitioner, str dead_letter, str refusal):
    cdef HookChain made = HookChain.__new__(HookChain)
    cdef Lane lane
    cdef bytes topic = dead_letter.encode(), words = refusal.encode("utf-8", "replace")
    made.core = core                        # the memory is the broker's
    made.keep = (natives, rules, lanes, partitioner)
    check(pb.pb_hook_chain_new(core.broker, chain_id, &made.chain), "hook chain")
    for capsule in natives:
        check(pb.pb_hook_chain_add_native(made.chain, native_of(capsule)), "native hook")
    for one in rules:
        add_rules(made.chain, one)
    for lane, token, on_error in lanes:
        lane.need()
        check(pb.pb_hook_chain_add_lane(made.chain, lane.lane, token, <pb.pb_hook_on_error><int>on_error), "lane")
    if partitioner == "key":
        pb.pb_hook_chain_partition_by_key(made.chain)
    elif partitioner == "lane":
        pb.pb_hook_chain_partition_by_lane(made.chain)
    elif partitioner is not None:
        check(pb.pb_hook_chain_partition_by_native(made.chain, native_of(partitioner)), "native partitioner")
    check(pb.pb_hook_chain_set_dead_letter(made.chain, topic), "dead letter topic")
    pb.pb_hook_chain_set_refusal(made.chain, words)
    return made
