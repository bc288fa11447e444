"""API key 7: ControlledShutdown."""

from pybroker.protocol.definitions.notation import M

KEY = 7
NAME = "ControlledShutdown"
REQUEST = M("ControlledShutdownRequest", valid="none", flexible="none", fields=[
])

RESPONSE = M("ControlledShutdownResponse", valid="none", flexible="none", fields=[
])
