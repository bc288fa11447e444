"""API key 6: UpdateMetadata."""

from pybroker.protocol.definitions.notation import M

KEY = 6
NAME = "UpdateMetadata"
REQUEST = M("UpdateMetadataRequest", valid="none", flexible="none", fields=[
])

RESPONSE = M("UpdateMetadataResponse", valid="none", flexible="none", fields=[
])
