"""Rules for topics and their configs, per principal, in a small TOML file that is read again when it changes."""

import os
import threading
from collections.abc import Mapping

from pybroker.hooks import (
    ConfigChangeRequest,
    ConfigKey,
    ConfigValue,
    Context,
    Periodic,
    PluginInfo,
    PolicyViolation,
    Principal,
    TopicRequest,
    hookimpl,
)
from pybroker_policy_rules.rules import BYTES_MAX, Question, Rules, RulesError, parse

__version__ = "0.1.0"
__all__ = ["PolicyRules", "plugin"]

FILE = "policy-rules.file"
LOOK_S = 1.0
"""How often the file is looked at."""

Mark = tuple[int, int, int]
"""Of a file: time of its last change, size, inode."""


class PolicyRules:
    """The rules of one broker."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._path = ""
        self._mark: Mark | None = None
        self._rules = Rules(())

    @hookimpl
    def pybroker_plugin_info(self) -> PluginInfo:
        return PluginInfo("policy-rules", __version__, summary="rules for topics and their configs, per principal, in a TOML file")

    @hookimpl
    def pybroker_config_keys(self) -> list[ConfigKey]:
        return [ConfigKey(FILE, "string", "", "Path of the rules, a TOML file. Read again when it changes; one that cannot be read leaves the rules that there were.")]

    @hookimpl
    def pybroker_configure(self, config: Mapping[str, ConfigValue], ctx: Context) -> None:
        """Raises ValueError: a broker with rules that cannot be read does not start."""
        path = str(config[FILE] or "")
        if not path:
            raise ValueError(f"{FILE} is not set")
        with self._lock:
            rules, mark = _read(path, ctx)
            self._path, self._mark, self._rules = path, mark, rules
        ctx.log.info("rules are read", extra={"file": path, "rules": len(rules.rules)})

    @hookimpl
    def pybroker_background_tasks(self) -> list[Periodic]:
        return [Periodic("reload", LOOK_S, self.look)]

    def look(self, ctx: Context) -> None:
        """Read the file again if it is another one than last time. An error is told once, and the rules stay."""
        with self._lock:
            mark = _mark(self._path)
            if mark == self._mark:
                return
            self._mark = mark
            try:
                self._rules, self._mark = _read(self._path, ctx)
            except ValueError as error:
                ctx.metrics.count("reload_errors")
                ctx.log.error("rules cannot be read, the old ones stay", extra={"file": self._path, "error": str(error)})
            else:
                ctx.metrics.count("reloads")
                ctx.log.info("rules are read", extra={"file": self._path, "rules": len(self._rules.rules)})

    @hookimpl
    def pybroker_topic_policy(self, request: TopicRequest, principal: Principal, ctx: Context) -> PolicyViolation | None:
        return self._asked(
            Question(
                request.kind, str(principal), principal.groups, request.name, request.partition_count, request.replication_factor, request.configs, lambda key: _default(ctx, key)
            ),
            ctx,
        )

    @hookimpl
    def pybroker_config_policy(self, request: ConfigChangeRequest, principal: Principal, ctx: Context) -> PolicyViolation | None:
        if request.kind != "topic":
            return None
        return self._asked(Question("config", str(principal), principal.groups, request.name, 0, 0, request.new, lambda key: _default(ctx, key)), ctx)

    def _asked(self, question: Question, ctx: Context) -> PolicyViolation | None:
        text = self._rules.fault(question)
        if text is None:
            return None
        ctx.metrics.count("refusals", action=question.action)
        return PolicyViolation(text)


def _mark(path: str) -> Mark | None:
    try:
        facts = os.stat(path)
    except OSError:
        return None
    return facts.st_mtime_ns, facts.st_size, facts.st_ino


def _read(path: str, ctx: Context) -> tuple[Rules, Mark]:
    """Raises ValueError with one line."""
    try:
        with open(path, "rb") as file:
            facts = os.fstat(file.fileno())
            data = file.read(BYTES_MAX + 1)
    except OSError as error:
        raise RulesError(f"{path}: {error.strerror or error}") from error
    try:
        rules = parse(data)
        for key in sorted(rules.config_keys()):
            _default(ctx, key)
    except ValueError as error:
        raise RulesError(f"{path}: {error}") from error
    return rules, (facts.st_mtime_ns, facts.st_size, facts.st_ino)


def _default(ctx: Context, key: str) -> str | None:
    """What a topic has that has no value of its own, as text. Raises ValueError for a config that does not exist."""
    value = ctx.topic_config("", key)
    if value is None:
        return None
    if isinstance(value, tuple):
        return ",".join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


plugin = PolicyRules
"""What the entry point names: each broker makes one of its own."""
