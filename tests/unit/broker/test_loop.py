"""asyncio comes without ssl, and gets it back when asked."""

import subprocess
import sys


def run(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)


def test_ssl_is_not_imported_and_stays_importable() -> None:
    run("import sys; from pybroker.broker.loop import asyncio; assert 'ssl' not in sys.modules and '_ssl' not in sys.modules; import ssl; ssl.create_default_context()")


def test_an_asyncio_that_is_there_already_is_left_alone() -> None:
    run("import asyncio, ssl; before = asyncio.sslproto.ssl; from pybroker.broker.loop import asyncio as ours; assert ours is asyncio and asyncio.sslproto.ssl is before")


def test_tls_can_be_enabled_again() -> None:
    run(
        "from pybroker.broker import loop\n"
        "import asyncio\n"
        "async def go():\n"
        "    try:\n"
        "        await asyncio.open_connection('127.0.0.1', 1, ssl=True)\n"
        "    except OSError:\n"
        "        return 'tls'\n"
        "    except RuntimeError:\n"
        "        return 'no tls'\n"
        "loop.enable_tls()\n"
        "import ssl\n"
        "assert asyncio.sslproto.SSLAgainErrors == (ssl.SSLWantReadError, ssl.SSLSyscallError)\n"
        "assert asyncio.run(go()) == 'tls'\n"
    )
