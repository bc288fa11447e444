"""API key 5: StopReplica."""

from pybroker.protocol.definitions.notation import M

KEY = 5
NAME = "StopReplica"
REQUEST = M("StopReplicaRequest", valid="none", flexible="none", fields=[
])

RESPONSE = M("StopReplicaResponse", valid="none", flexible="none", fields=[
])
