"""All clients by name: how each is built and started. A client whose tool is missing skips its tests and says which."""

import os
import re
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from shutil import which
from typing import ClassVar, Final

import pytest

from tests.clients.adapters import Adapter, ProgramAdapter
from tests.clients.kcat.adapter import Kcat
from tests.clients.python.adapters import AioKafka, ConfluentKafka, KafkaPython
from tests.clients.scenarios import Codec, Feature

HERE: Final = Path(__file__).resolve().parent
BUILD: Final = HERE.parents[1] / "build" / "tests"
BUILD_S_MAX: Final = 300.0

Start = Callable[[str, Path], Adapter]
"""(bootstrap, log file) → a client that runs."""


class KafkaJs(ProgramAdapter):
    name = "kafkajs"
    codecs: ClassVar[tuple[Codec, ...]] = ("none", "gzip")
    lacks: ClassVar[dict[Feature, str]] = {"null header values": "kafkajs fails on a header value of null"}


class JavaClients(ProgramAdapter):
    name = "java"


class FranzGo(ProgramAdapter):
    name = "franz-go"


def need(*tools: str) -> None:
    """Skip where a tool is missing."""
    for tool in tools:
        if which(tool) is None:
            pytest.skip(f"{tool} is not installed")


def need_version(tool: str, *words: str, least: tuple[int, int]) -> None:
    """Skip where the tool is older than what its client needs."""
    text = subprocess.run([tool, *words], capture_output=True, text=True, timeout=60, check=True).stdout
    match = re.search(r"(\d+)(?:\.(\d+))?", text)
    assert match is not None, text
    if (int(match[1]), int(match[2] or 0)) < least:
        pytest.skip(f"{tool} is {match[0]}, and this client needs {least[0]}.{least[1]}")


def built(*words: str, cwd: Path, environment: dict[str, str] | None = None) -> None:
    """Run what builds a client; it must succeed."""
    done = subprocess.run(words, cwd=cwd, env={**os.environ, **(environment or {})}, capture_output=True, text=True, timeout=BUILD_S_MAX)
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout[-4096:]}{done.stderr[-4096:]}"


@cache
def kafkajs_built() -> list[str]:
    """The adapter's command, as the two below."""
    folder = HERE / "kafkajs"
    if not (folder / "node_modules" / "kafkajs").is_dir():
        built("npm", "install", "--no-audit", "--no-fund", "--no-package-lock", cwd=folder)
    return ["node", str(folder / "adapter.js")]


@cache
def java_built() -> list[str]:
    folder, target = HERE / "java" / "adapter", BUILD / "java_adapter"
    jars = target / "jars"
    if not list(jars.glob("kafka-clients-*.jar")):
        built("mvn", "-B", "-q", "dependency:copy-dependencies", f"-DoutputDirectory={jars}", cwd=folder)
    built("javac", "-cp", f"{jars}/*", "-d", str(target), "Adapter.java", "Member.java", cwd=folder)
    return ["java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", f"{target}:{jars}/*", "Adapter"]


@cache
def franz_go_built() -> list[str]:
    """Also the member of groups, beside it."""
    for program, package in (("franz_adapter", "."), ("franz_member", "./member")):
        built("go", "build", "-o", str(BUILD / program), package, cwd=HERE / "franz_go" / "adapter", environment={"GOFLAGS": "-mod=readonly"})
    return [str(BUILD / "franz_adapter")]


def start_kcat(bootstrap: str, log_path: Path) -> Adapter:
    need("kcat")
    return Kcat(bootstrap)


def start_kafkajs(bootstrap: str, log_path: Path) -> Adapter:
    need("node", "npm")
    need_version("node", "--version", least=(14, 0))
    return KafkaJs(bootstrap, kafkajs_built(), log_path)


def start_java(bootstrap: str, log_path: Path) -> Adapter:
    need("java", "javac", "mvn")
    need_version("javac", "-version", least=(17, 0))
    return JavaClients(bootstrap, java_built(), log_path)


def start_franz_go(bootstrap: str, log_path: Path) -> Adapter:
    need("go")
    need_version("go", "env", "GOVERSION", least=(1, 21))                  # the first that fetches the version which go.mod asks for
    return FranzGo(bootstrap, franz_go_built(), log_path)


CLIENTS: Final[dict[str, Start]] = {
    "confluent-kafka": lambda bootstrap, _: ConfluentKafka(bootstrap),
    "kafka-python": lambda bootstrap, _: KafkaPython(bootstrap),
    "aiokafka": lambda bootstrap, _: AioKafka(bootstrap),
    "kcat": start_kcat,
    "kafkajs": start_kafkajs,
    "java": start_java,
    "franz-go": start_franz_go,
}
