"""The ``pybroker`` command. The broker imports nothing of it."""
