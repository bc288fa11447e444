"""The control plane's asyncio loop, imported so that a start stays short.

asyncio imports ssl when it is there: 10 ms and 5 MiB that this process never uses, since connections of clients live in the C core. With ssl hidden
for the time of the import asyncio takes its own documented way without it. ``enable_tls`` undoes that for a plugin that wants TLS in asyncio.
"""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
else:
    if "asyncio" not in sys.modules and "ssl" not in sys.modules:
        sys.modules["ssl"] = None
        try:
            import asyncio
        finally:
            del sys.modules["ssl"]
    import asyncio

__all__ = ["asyncio", "enable_tls"]


def enable_tls() -> None:
    """Give asyncio its TLS support after all."""
    import importlib
    import ssl
    from asyncio import base_events, selector_events, sslproto

    for module in (base_events, selector_events):
        module.ssl = ssl  # type: ignore[attr-defined]
    importlib.reload(sslproto)
    selector_events.sslproto = base_events.sslproto = sslproto  # type: ignore[attr-defined]
