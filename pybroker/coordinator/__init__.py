"""Coordinators: pure functions of (state, request, now) that give records and an answer. They do no I/O and are told the time."""
