# Members of groups whose heartbeats the loops answer.

cdef pb.pb_member_view member_view(bytes group, bytes member, bytes instance) noexcept:
    """A view that borrows the three."""
    cdef pb.pb_member_view view
    view.group = group
    view.group_size = <int32_t>len(group)
    view.member = member
    view.member_size = <int32_t>len(member)
    view.instance = NULL if instance is None else <const uint8_t*>instance
    view.instance_size = -1 if instance is None else <int32_t>len(instance)
    view.generation = view.interval_ms = 0
    view.consumer = False
    return view
