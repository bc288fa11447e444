"""API key 4: LeaderAndIsr."""

from pybroker.protocol.definitions.notation import M

KEY = 4
NAME = "LeaderAndIsr"
REQUEST = M("LeaderAndIsrRequest", valid="none", flexible="none", fields=[
])

RESPONSE = M("LeaderAndIsrResponse", valid="none", flexible="none", fields=[
])
