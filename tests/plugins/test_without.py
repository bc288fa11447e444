"""A broker that has no plugins pays nothing for those that others have."""

import json
import select
import subprocess
import sys
from pathlib import Path

from tests.support.broker import TEST_CONFIG

FOR_PLUGINS = {"pluggy", "dataclasses", "pybroker.hooks.types", "pybroker.hooks.calls", "pybroker.hooks.hookspecs", "pybroker.hooks.manager", "pybroker.broker.lanes"}
FOR_QUESTIONS = {"json", "importlib.metadata", "pybroker.broker.inspection_answers"}
FOR_TOOLS = {"click", "rich", "pybroker.cli", "pybroker.testing"}

RUN = """
import sys
from pybroker.broker import app
code = app.main(sys.argv[1:])
modules = sorted(sys.modules)
import json
print(json.dumps([code, modules]))
"""


def test_nothing_is_imported_that_only_plugins_questions_or_tools_need(tmp_path: Path) -> None:
    words = [word for key, value in {**TEST_CONFIG, "log.dirs": str(tmp_path / "data")}.items() for word in ("--override", f"{key}={value}")]
    process = subprocess.Popen([sys.executable, "-c", RUN, *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert process.stdout is not None
        assert select.select([process.stdout], [], [], 20)[0] and process.stdout.readline().startswith(b"pybrokerd ready")
        process.terminate()
        code, modules = json.loads(process.communicate(timeout=20)[0])
    finally:
        process.kill()
        process.wait()
    assert code == 0 and "pybroker.broker.server" in modules
    assert not (FOR_PLUGINS | FOR_QUESTIONS | FOR_TOOLS) & set(modules)
