"""The rules of the house on the source itself, and for each rule a planted case that it must find."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tidy import checks_c, checks_configs, checks_core, checks_docs, checks_plugins, checks_protocol, checks_python, checks_text

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = ROOT / "build" / "release" / "libpb.a"
Check = Callable[[Path], list[str]]

CHECKS: list[Check] = [
    checks_c.check_layers,
    checks_c.check_includes,
    checks_c.check_calls,
    checks_c.check_headings,
    checks_core.check_gil,
    checks_core.check_declarations,
    checks_core.check_size,
    checks_core.check_stub,
    checks_python.check_imports,
    checks_python.check_banned,
    checks_python.check_clocks,
    checks_python.check_logging,
    checks_python.check_sleeps,
    checks_plugins.check_plugin_folders,
    checks_plugins.check_plugin_imports,
    checks_protocol.check_served,
    checks_configs.check_config_rows,
    checks_configs.check_acted,
    checks_configs.check_limits,
    checks_docs.check_reference_pages,
    checks_docs.check_places_named,
    checks_docs.check_locks,
    checks_text.check_leftovers,
    checks_text.check_places,
    checks_text.check_reference,
    checks_text.check_scripts,
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
def test_the_tree_keeps_the_rule(check: Check) -> None:
    wrong = check(ROOT)
    assert not wrong, "\n" + "\n".join(wrong)


def test_symbols_keep_the_rule() -> None:
    assert LIBRARY.exists(), "make builds it"
    wrong = checks_c.check_symbols(ROOT, LIBRARY)
    assert not wrong, "\n" + "\n".join(wrong)
    assert len(checks_c.symbols(LIBRARY)) > 200                             # the table was read


def test_objects_ask_for_nothing_but_what_they_may() -> None:
    assert LIBRARY.exists(), "make builds it"
    wrong = checks_c.check_undefined(ROOT, LIBRARY)
    assert not wrong, "\n" + "\n".join(wrong)
    assert len(checks_c.undefined(LIBRARY)) > 200                           # the table was read


@pytest.mark.parametrize("words", [["ruff", "check", "."], ["mypy"]], ids=["ruff", "mypy"])
def test_tool_is_content(words: list[str]) -> None:
    tool = Path(sys.executable).parent / words[0]
    if not tool.exists():
        pytest.skip(f"{words[0]} is not installed (pip install 'pybroker[dev]')")
    done = subprocess.run([str(tool), *words[1:]], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


# ---- each rule can fail. A case: the rule, the files that are planted, words of what it must say; none means that it must be content.

# Words that the rules look for, put together so that they do not find this file.
LEFT = "FIX" + "ME"
PLACE = "/ho" + "me/someone/x"
BESIDE = "../sha" + "red"

ServedFiles = dict[str, str]
SERVED: ServedFiles = {
    "pybroker/protocol/definitions/served.py": "DATA_PLANE = (1,)\nSERVED_NOW = (1, 3)\nRANGES = {1: (4, 18), 3: (0, 13)}\n",
    "pybroker/protocol/definitions/k01_fetch.py": 'REQUEST = M("FetchRequest", valid="4-18", flexible="12+", fields=[])\n',
    "pybroker/protocol/definitions/k03_metadata.py": 'REQUEST = M("MetadataRequest", valid="0-13", flexible="9+", fields=[])\n',
    "csrc/api/k01_fetch.c": "",
    "pybroker/apis/k03_metadata.py": "",
    "tests/apis/test_k01_fetch.py": "",
    "tests/apis/test_k03_metadata.py": "",
}


def without(name: str) -> ServedFiles:
    return {place: text for place, text in SERVED.items() if place != name}



def table(*rows: str, kind: str = "TOPIC") -> str:
    return kind + ' = """\\\n' + "".join(f"{row}\n" for row in rows) + '"""\n'


FLUSH = "flush.ms|l|1|0..|m|t|{}|log.flush.ms|Sync after this time."
CONFIG: ServedFiles = {
    "pybroker/broker/config_keys.py": table(FLUSH.format("+")),
    "pybroker/broker/broker_config.py": 'def topic_settings(own):\n    return {"flush_ms": number("flush.ms", own)}\n',
    "csrc/broker/broker.c": "*config = (struct c){\n    .flush_ms_max = s[PB_TOPIC_flush_ms],\n};\n",
    "csrc/log/log.c": "int f(struct c *config) { return config->flush_ms_max == 3; }\n",
}
REFERENCE: ServedFiles = {
    **{place: text for place, text in SERVED.items() if place.startswith("pybroker/protocol/definitions/served")},
    "pybroker/protocol/definitions/k01_fetch.py": 'NAME = "Fetch"\n',
    "pybroker/protocol/definitions/k03_metadata.py": 'NAME = "Metadata"\n',
    "pybroker/protocol/definitions/errors.py": 'ERRORS = ((0, "NONE", False, False, "none"),)\n',
    "pybroker/broker/config_keys.py": table(FLUSH.format("+")),
    "csrc/base/limits.h": "enum {\n    PB_A_MAX = 3,\n};\n",
}


def reference(**pages: str) -> ServedFiles:
    """REFERENCE, and a generator that writes these pages beside complete ones."""
    rows = {
        "api-keys": "   * - 1\n     - Fetch\n     - 4-18\n   * - 3\n     - Metadata\n     - 0-13\n",
        "errors": "``NONE``",
        "limits": "``PB_A_MAX``",
        "config-topic": "``flush.ms``\n",
        **{name.replace("_", "-"): text for name, text in pages.items()},
    }
    return {**REFERENCE, "docs/reference_pages.py": f"def write(folder):\n    for name, text in {rows!r}.items():\n        (folder / (name + '.rst')).write_text(text)\n"}


PROJECT = '[project]\nname = "{}"\ndependencies = ["pybroker"]\n[project.entry-points."pybroker.plugins"]\nacme = "pybroker_policy_acme"\n'
PACKAGE: ServedFiles = {
    "plugins/pybroker-policy-acme/pyproject.toml": PROJECT.format("pybroker-policy-acme"),
    "plugins/pybroker-policy-acme/README.md": "# acme\n\n## Quick start\n\n## Config\n",
    "plugins/pybroker-policy-acme/src/pybroker_policy_acme/__init__.py": "from pybroker.hooks import hookimpl\nimport json\n",
    "plugins/pybroker-policy-acme/src/pybroker_policy_acme/py.typed": "",
    "plugins/pybroker-policy-acme/tests/test_it.py": "from pybroker.testing.hooks import Harness\n",
}


def package(place: str, text: str) -> ServedFiles:
    """PACKAGE with one file otherwise."""
    return {**PACKAGE, f"plugins/pybroker-policy-acme/{place}": text}


PLANTED: list[tuple[Check, dict[str, str], str]] = [
    (checks_c.check_layers, {"csrc/log/deps": "base record io"}, ""),
    (checks_c.check_layers, {"csrc/log/deps": "base net"}, "net does not stand below"),
    (checks_c.check_layers, {"csrc/util/x.c": ""}, "not a layer"),
    (checks_c.check_layers, {"csrc/wire/x.c": ""}, "deps: missing"),
    (checks_c.check_layers, {"csrc/log/deps": "base gen"}, "gen does not stand below"),
    (checks_c.check_includes, {"csrc/log/deps": "base", "csrc/log/x.c": '#include "log/log.h"\n#include "base/err.h"\n'}, ""),
    (checks_c.check_includes, {"csrc/log/deps": "base", "csrc/log/x.c": '\n  #  include "net/net.h"\n'}, "x.c:2: net/net.h is not in csrc/log/deps"),
    (checks_c.check_includes, {"csrc/base/deps": "", "csrc/base/x.h": "#include <Python.h>\n"}, "<Python.h> may not"),
    (checks_c.check_includes, {"csrc/base/deps": "", "csrc/base/x.h": '#include "uv.h"\n'}, "knows no uv.h"),
    (checks_c.check_includes, {"csrc/io/deps": "base", "csrc/io/x.c": "#include <sys/socket.h>\n"}, "<sys/socket.h> may not"),
    (checks_c.check_includes, {"csrc/net/deps": "base", "csrc/net/x.c": "#include <sys/socket.h>\n"}, ""),
    (checks_c.check_includes, {"csrc/net/deps": "base", "csrc/net/x.c": '#include "pb_msg.h"\n'}, "pb_msg.h is not in"),
    (checks_c.check_includes, {"csrc/pb.h": '#include "log/log.h"\n'}, "shows nothing but base"),
    (checks_c.check_calls, {"csrc/log/x.c": 'void f(void) { /* time(0) */ log("time(0)"); env->open(1); ops.read(2); pb__file_read(3); }'}, ""),
    (checks_c.check_calls, {"csrc/log/x.c": "int f(void) {\n  return (int)time (NULL);\n}"}, "x.c:2: time(): a clock"),
    (checks_c.check_calls, {"csrc/log/x.c": "int f(void) { return open(path, 0); }"}, "open(): files"),
    (checks_c.check_calls, {"csrc/api/x.c": "void f(char *a) { strcpy(a, b); }"}, "strcpy(): no bound"),
    (checks_c.check_calls, {"csrc/api/x.c": "void *f(void) { return malloc(3); }"}, "malloc(): memory"),
    (checks_c.check_calls, {"csrc/api/x.c": "void f(void) { rand(); }"}, "rand(): random"),
    (checks_c.check_calls, {"csrc/api/x.c": "void f(void) { pthread_create(&t, 0, g, 0); }"}, "pthread_create(): threads"),
    (checks_c.check_calls, {"csrc/api/x.c": "void f(void) { recv(1, 2, 3, 4); }"}, "recv(): sockets"),
    (checks_c.check_calls, {"csrc/net/x.c": "void f(void) { recv(1, 2, 3, 4); }"}, ""),
    (checks_c.check_headings, {"csrc/log/x.h": "/* log/x.h — a thing. */"}, ""),
    (checks_c.check_headings, {"csrc/log/x.h": "/* log/y.h — a thing. */"}, "does not begin"),
    (checks_core.check_gil, {"pybroker/_core/mailbox.pyx": "with gil:\n    pass\n", "pybroker/_core/loop.pyx": "# with gil\n"}, ""),
    (checks_core.check_gil, {"pybroker/_core/loop.pyx": "cdef void f() noexcept nogil:\n    with  gil:\n        pass\n"}, "loop.pyx:2: with gil"),
    (checks_core.check_declarations, {"pybroker/_core/x.pxd": 'cdef extern from "x.h" nogil:\n    int f(int a)\ncdef class A:\n    cdef int x\n'}, ""),
    (checks_core.check_declarations, {"pybroker/_core/x.pxd": "cdef int f(int a) noexcept nogil:\n    return a\n"}, "a body"),
    (checks_core.check_declarations, {"pybroker/_core/x.pxd": "cdef inline int f(int a):\n    return a\n"}, "a body"),
    (checks_core.check_declarations, {"pybroker/_core/x.pxd": 'cdef extern from "x.h":\n    int f(int a)\n'}, "needs the GIL"),
    (checks_core.check_declarations, {"pybroker/_core/x.pxd": "DEF N = 3\n"}, "no longer Cython"),
    (checks_core.check_size, {"pybroker/_core/x.pyx": "x = 1\n" * 3000}, "3000 lines"),
    (checks_core.check_stub, {"pybroker/_core/x.pyx": "cdef class Core:\n    pass\n", "pybroker/_core/core.pyi": "class Core: ...\n"}, ""),
    (checks_core.check_stub, {"pybroker/_core/x.pyx": "cdef class Core:\n    pass\n", "pybroker/_core/core.pyi": ""}, "Core is missing"),
    (checks_core.check_stub, {"pybroker/_core/x.pyx": "", "pybroker/_core/core.pyi": "class Core: ...\n"}, "not in any .pyx"),
    (checks_python.check_imports, {"pybroker/apis/x.py": "from pybroker.metadata import image\nfrom . import y\nimport json\n"}, ""),
    (checks_python.check_imports, {"pybroker/apis/x.py": "from pybroker.broker.app import main\n", "pybroker/broker/app.py": ""}, "apis may not import pybroker.broker.app"),
    (checks_python.check_imports, {"pybroker/apis/x.py": "def f():\n    from ..broker import app\n", "pybroker/broker/app.py": ""}, "x.py:2: apis may not"),
    (checks_python.check_imports, {"pybroker/apis/x.py": "from pybroker import broker\n", "pybroker/broker/app.py": ""}, "apis may not"),
    (checks_python.check_imports, {"pybroker/metadata/x.py": "import pybroker._core.core\n"}, "metadata may not"),
    (checks_python.check_imports, {"pybroker/defaults/x.py": "import pybroker.metadata.image\n"}, "defaults may not"),
    (checks_python.check_imports, {"pybroker/util/x.py": ""}, "not a known layer"),
    (checks_python.check_imports, {"pybroker/broker/x.py": "import requests\n"}, "not a dependency"),
    (checks_python.check_banned, {"pybroker/broker/x.py": "import ast\nast.literal_eval('1')\n"}, ""),
    (checks_python.check_banned, {"pybroker/broker/x.py": "eval('1')\n"}, "eval(): runs text"),
    (checks_python.check_banned, {"pybroker/broker/x.py": "import pickle\n"}, "pickle is not used"),
    (checks_python.check_banned, {"tests/x.py": "from yaml import load\n"}, "yaml is not used"),
    (checks_python.check_banned, {"tests/x.py": "import subprocess\nsubprocess.run('ls', shell=True)\n"}, "x.py:2: shell=True"),
    (checks_python.check_clocks, {"pybroker/broker/x.py": "import time\ntime.time()\n"}, ""),
    (checks_python.check_clocks, {"pybroker/coordinator/x.py": "import time\ntime.time()\n"}, "time.time(): the time is passed in"),
    (checks_python.check_logging, {"pybroker/broker/x.py": "log.info('a', extra={'b': 1})\n"}, ""),
    (checks_python.check_logging, {"pybroker/broker/x.py": "log.info(f'a {b}')\n"}, "not put together"),
    (checks_python.check_logging, {"pybroker/broker/x.py": "self._log.warning('a %s' % b)\n"}, "not put together"),
    (checks_python.check_logging, {"pybroker/metadata/x.py": "print('a')\n"}, "print()"),
    (checks_python.check_sleeps, {"tests/x.py": "import asyncio\nasync def f():\n    await asyncio.sleep(0)\n"}, ""),
    (checks_python.check_sleeps, {"tests/x.py": "import time\ntime.sleep(0.1)\n"}, "time.sleep()"),
    (checks_python.check_sleeps, {"tests/x.py": "async def f():\n    await asyncio.sleep(0.1)\n"}, "asyncio.sleep()"),
    (checks_python.check_sleeps, {"tests/csrc/x.c": "void f(void) { usleep(3); }\n"}, "x.c:1: usleep()"),
    (checks_plugins.check_plugin_folders, PACKAGE, ""),
    (checks_plugins.check_plugin_folders, {**PACKAGE, "plugins/acme/README.md": ""}, "acme: a package is named"),
    (checks_plugins.check_plugin_folders, {"plugins/pybroker-policy-x/README.md": ""}, "no pyproject.toml"),
    (checks_plugins.check_plugin_folders, package("pyproject.toml", PROJECT.format("acme")), "is named acme"),
    (checks_plugins.check_plugin_folders, package("pyproject.toml", PROJECT.format("pybroker-policy-acme").replace('"pybroker"]', '"pybroker-x"]')), "does not depend"),
    (checks_plugins.check_plugin_folders, package("pyproject.toml", PROJECT.format("pybroker-policy-acme").replace(".plugins", ".x")), "has no entry point"),
    (checks_plugins.check_plugin_folders, package("README.md", "# acme\n## Config\n"), "no heading on quick start"),
    (checks_plugins.check_plugin_imports, PACKAGE, ""),
    (checks_plugins.check_plugin_imports, package("src/pybroker_policy_acme/x.py", "import os\nfrom pybroker.broker import app\n"), "x.py:2: a plugin may not import pybroker.broker"),
    (checks_plugins.check_plugin_imports, package("src/pybroker_policy_acme/x.py", "from pybroker.testing import Broker\n"), "may not import pybroker.testing"),
    (checks_plugins.check_plugin_imports, package("tests/test_x.py", "from tests.support.broker import Broker\n"), "may not import tests.support"),
    (checks_protocol.check_served, SERVED, ""),
    (checks_protocol.check_served, without("tests/apis/test_k03_metadata.py"), "key 3: no tests/apis/test_k03_metadata.py"),
    (checks_protocol.check_served, without("csrc/api/k01_fetch.c"), "key 1: no handler in csrc/api"),
    (checks_protocol.check_served, without("pybroker/protocol/definitions/k03_metadata.py"), "key 3: no definition"),
    (checks_protocol.check_served, {**SERVED, "pybroker/apis/k11_join_group.py": ""}, "key 11: a handler, but"),
    (checks_protocol.check_served, {**SERVED, "pybroker/apis/k01_fetch.py": ""}, "key 1: handlers on both planes"),
    (checks_protocol.check_served, {**SERVED, "pybroker/protocol/definitions/k03_metadata.py": 'REQUEST = M("x", valid="0-9")\n'}, "key 3: served 0-13, defined 0-9"),
    (checks_configs.check_config_rows, CONFIG, ""),
    (checks_configs.check_config_rows, {"pybroker/broker/config_keys.py": table("a.b|l|1|0..|m|t|+|c.d|")}, "config_keys.py:2: a.b: no text"),
    (checks_configs.check_config_rows, {"pybroker/broker/config_keys.py": table("a.b|l|1|0..|m|t|c.d|What it is for.")}, "a.b: not name|type"),
    (checks_configs.check_config_rows, {"pybroker/broker/config_keys.py": table(FLUSH.format("+"), FLUSH.format("+"))}, "config_keys.py:3: flush.ms: twice"),
    (checks_configs.check_acted, CONFIG, ""),
    (checks_configs.check_acted, {**CONFIG, "csrc/log/log.c": "void f(struct c *config) { config->flush_ms_max = 3; }"}, "csrc never reads flush_ms"),
    (checks_configs.check_acted, {**CONFIG, "csrc/broker/broker.c": ""}, "csrc never reads flush_ms"),
    (checks_configs.check_acted, {**CONFIG, "csrc/broker/broker.c": "", "pybroker/broker/config_keys.py": table(FLUSH.format("-"))}, ""),
    (checks_configs.check_acted, {**CONFIG, "pybroker/broker/config_keys.py": table("a.b|l|1|0..|m|t|+||What it is for.")}, "a.b says it is acted on, but nothing asks"),
    (checks_configs.check_limits, {"csrc/base/limits.h": "enum {\n    PB_A_MAX = 3,\n};\n", "csrc/log/x.c": "int f(int a) { return a < PB_A_MAX; }"}, ""),
    (checks_configs.check_limits, {"csrc/base/limits.h": "enum {\n    PB_A_MAX = 3,\n};\n", "csrc/log/x.c": "int f(int a) { return a < PB_A_MAX_OF; }"}, "limits.h:2: PB_A_MAX bounds nothing"),
    (checks_docs.check_reference_pages, reference(), ""),
    (checks_docs.check_reference_pages, reference(api_keys="   * - 1\n     - Fetch\n     - 4-18\n"), "no row for key 3, Metadata, versions 0-13"),
    (checks_docs.check_reference_pages, reference(api_keys="   * - 1\n     - Fetch\n     - 4-17\n"), "no row for key 1"),
    (checks_docs.check_reference_pages, reference(config_topic=""), "no entry for config key flush.ms"),
    (checks_docs.check_reference_pages, reference(errors=""), "no row for error NONE"),
    (checks_docs.check_reference_pages, reference(limits=""), "no row for the bound PB_A_MAX"),
    (checks_docs.check_reference_pages, {**REFERENCE, "docs/reference_pages.py": "import nothing_like_it\n"}, "nothing_like_it"),
    (checks_docs.check_places_named, {"README.md": "see `log/x.c` and `build/gen/y.c`", "csrc/log/x.c": ""}, ""),
    (checks_docs.check_places_named, {"docs/design/x.rst": "\n``log/x.c``"}, "x.rst:2: there is no log/x.c"),
    (checks_docs.check_locks, {"csrc/log/x.c": "struct x {\n    pthread_mutex_t lock;\n};\n", "docs/design/threads.rst": "``log/x.c``"}, ""),
    (checks_docs.check_locks, {"csrc/log/x.c": "struct x {\n    pthread_mutex_t lock;\n};\n", "docs/design/threads.rst": "``log/y.c``"}, "x.c:2: a lock that"),
    (checks_text.check_leftovers, {"csrc/log/x.c": "/* done */"}, ""),
    (checks_text.check_leftovers, {"csrc/log/x.c": f"/* {LEFT}: later */"}, "x.c:1: left for later"),
    (checks_text.check_places, {"README.md": "see https://x.org/home/someone"}, ""),
    (checks_text.check_places, {"docs/x.md": f"run {PLACE}"}, "a place of one machine"),
    (checks_text.check_reference, {"tests/x.py": f"'{BESIDE}'"}, ""),
    (checks_text.check_reference, {"setup.py": f"'{BESIDE}'"}, "stands without it"),
    (checks_text.check_scripts, {"script/x": "#!/bin/sh\nset -eu\n"}, ""),
    (checks_text.check_scripts, {"script/x": "#!/bin/bash\nset -eu\n"}, "not #!/bin/sh"),
    (checks_text.check_scripts, {"script/x": "#!/bin/sh\n"}, "no set -eu"),
    (checks_text.check_scripts, {"script/x": "#!/bin/sh\nset -eu\nif true\n"}, "x:"),
]


@pytest.mark.parametrize(("check", "planted", "says"), PLANTED, ids=lambda value: value.__name__.removeprefix("check_") if callable(value) else None)
def test_the_rule_finds_what_is_planted(tmp_path: Path, check: Check, planted: dict[str, str], says: str) -> None:
    for place, text in planted.items():
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
    wrong = "\n".join(check(tmp_path))
    assert says in wrong if says else wrong == ""


def test_every_rule_is_shown_able_to_fail() -> None:
    assert {check for check, _, says in PLANTED if says} == set(CHECKS)


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("int pb__x_y(void) { return 1; } static int z(void) { return 2; } int pb_x_y(void) { return z(); }", ""),
        ("int other(void) { return 1; }", "other is global"),
        ("int pb_x_hidden(void) { return 1; }", "pb_x_hidden is not declared in pb.h"),
        ("static int count; int pb__x_count(void) { return ++count; }", "count is a variable outside every struct"),
        ("int pb__x_count = 3;", "pb__x_count is a variable outside every struct"),
        ("static const char *const names[] = { \"a\" }; const char *pb__x_name(int i) { return names[i]; }", ""),
    ],
    ids=["good", "prefix", "undeclared", "static-variable", "global-variable", "constant"],
)
def test_symbols_are_found(tmp_path: Path, code: str, says: str) -> None:
    (tmp_path / "csrc" / "base").mkdir(parents=True)
    (tmp_path / "csrc" / "pb.h").write_text("int pb_x_y(void); /* pb_x_hidden */\n")
    (tmp_path / "x.c").write_text(code)
    compiler = shutil.which("gcc")
    assert compiler is not None
    subprocess.run([compiler, "-fPIC", "-c", "x.c", "-o", "x.o"], cwd=tmp_path, check=True)
    subprocess.run(["ar", "rcs", "x.a", "x.o"], cwd=tmp_path, check=True)
    wrong = "\n".join(checks_c.check_symbols(tmp_path, tmp_path / "x.a"))
    assert says in wrong if says else wrong == ""


@pytest.mark.parametrize(
    ("place", "code", "says"),
    [
        ("csrc/log/x.c", "#include <string.h>\nvoid pb__x_y(char *a, char *b, unsigned long n) { memcpy(a, b, n); }", ""),
        ("csrc/log/x.c", "#include <stdlib.h>\ntypedef void *(*f)(unsigned long);\nf pb__x_y(void) { return malloc; }", "csrc/log/x.c: needs malloc: memory"),
        ("csrc/log/x.c", "#include <time.h>\n#define LATER() time(0)\nlong pb__x_y(void) { return LATER(); }", "csrc/log/x.c: needs time: a clock"),
        ("csrc/log/x.c", "void ioperm_x(void);\nvoid pb__x_y(void) { ioperm_x(); }", "needs ioperm_x: not among"),
        ("csrc/net/x.c", "int listen(int, int);\nint pb__x_y(void) { return listen(1, 2); }", ""),
        ("csrc/api/x.c", "int listen(int, int);\nint pb__x_y(void) { return listen(1, 2); }", "csrc/api/x.c: needs listen"),
        ("csrc/api/x.c", "void ZSTD_x(void);\nvoid pb__x_y(void) { ZSTD_x(); }", "csrc/api/x.c: needs ZSTD_x"),
    ],
    ids=["good", "address-taken", "by-macro", "unknown", "socket", "socket-elsewhere", "codec-elsewhere"],
)
def test_what_an_object_asks_for_is_found(tmp_path: Path, place: str, code: str, says: str) -> None:
    source = tmp_path / place
    source.parent.mkdir(parents=True)
    source.write_text(code)
    subprocess.run(["gcc", "-O1", "-fPIC", "-c", place, "-o", "x.o"], cwd=tmp_path, check=True)
    subprocess.run(["ar", "rcs", "x.a", "x.o"], cwd=tmp_path, check=True)
    wrong = "\n".join(checks_c.check_undefined(tmp_path, tmp_path / "x.a"))
    assert says in wrong if says else wrong == ""
