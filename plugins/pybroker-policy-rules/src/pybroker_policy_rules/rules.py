"""Rules as they stand in a file, and what they say of a request.

A rule has a scope (principals, topics, actions) and demands. Rules are looked at from the first to the last; one whose scope fits must be kept, and one with ``allow`` ends the look.
"""

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import translate
from typing import Any, Final, NamedTuple

BYTES_MAX: Final = 1 << 20
RULES_MAX: Final = 1000
ACTIONS: Final = ("create", "delete", "add_partitions", "config")
UNLIMITED: Final = frozenset({"retention.ms", "retention.bytes"})
"""Configs of which -1 means that there is no limit: more than any number."""

_RULE_KEYS: Final = frozenset({"allow", "actions", "configs", "deny", "message", "name", "partitions", "principals", "replication_factor", "topics"})
_DEMANDS: Final = frozenset({"allow", "configs", "deny", "name", "partitions", "replication_factor"})
_CONFIG_KEYS: Final = frozenset({"min", "max", "values", "required", "forbidden"})


class RulesError(ValueError):
    """The file cannot be used. One line that says where."""


class Range(NamedTuple):
    """Whole numbers from ``low`` to ``high``; None: no bound."""

    low: int | None
    high: int | None

    def fault(self, what: str, value: float) -> str | None:
        """What is wrong with the value."""
        if self.low is not None and value < self.low:
            return f"{what} must be at least {self.low}"
        if self.high is not None and value > self.high:
            return f"{what} must be at most {self.high}"
        return None


@dataclass(frozen=True, slots=True)
class ConfigDemand:
    """What one config of a topic must be."""

    key: str
    range: Range
    values: tuple[str, ...]
    required: bool
    forbidden: bool

    def fault(self, own: str | None, effective: str | None) -> str | None:
        """``own``: the topic's value; ``effective``: what holds, the broker's default where it has none."""
        if self.forbidden:
            return None if own is None else f"{self.key} must not be set"
        if self.required and own is None:
            return f"{self.key} must be set"
        if effective is None:
            return None
        if self.values and effective.strip() not in self.values:
            return f"{self.key} must be one of {', '.join(self.values)}"
        if self.range == (None, None):
            return None
        try:
            number = float("inf") if self.key in UNLIMITED and int(effective) < 0 else int(effective)
        except ValueError:
            return f"{self.key} must be a whole number"
        return self.range.fault(self.key, number)


class Question(NamedTuple):
    """What somebody wants to do with a topic. ``default_of``: the value of a config that a topic has without its own."""

    action: str
    principal: str
    groups: Sequence[str]
    topic: str
    partition_count: int
    replication_factor: int
    own: Mapping[str, str]
    default_of: Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the file."""

    number: int
    principals: re.Pattern[str] | None
    topics: re.Pattern[str] | None
    actions: frozenset[str]
    allow: bool
    deny: str | None
    message: str | None
    name: re.Pattern[str] | None
    partitions: Range | None
    replication_factor: Range | None
    configs: tuple[ConfigDemand, ...]

    def fits(self, question: Question) -> bool:
        """Whether the question is in this rule's scope."""
        if question.action not in self.actions:
            return False
        if self.topics is not None and self.topics.fullmatch(question.topic) is None:
            return False
        if self.principals is None:
            return True
        return any(self.principals.fullmatch(name) for name in (question.principal, *(f"Group:{group}" for group in question.groups)))

    def fault(self, question: Question) -> str | None:
        """What the rule has against it, in one line for the client."""
        found = self._found(question)
        return f"{self.message} ({found})" if found and self.message and not self.deny else found

    def _found(self, question: Question) -> str | None:
        if self.deny is not None:
            return self.deny
        if question.action == "delete":
            return None
        if question.action == "create" and self.name is not None and self.name.fullmatch(question.topic) is None:
            return f"the name must match {self.name.pattern}"
        if question.action != "config":
            for demand, what, value in ((self.partitions, "partitions", question.partition_count), (self.replication_factor, "replication factor", question.replication_factor)):
                if demand is not None and (text := demand.fault(what, value)):
                    return text
        if question.action == "add_partitions":
            return None
        for config in self.configs:
            own = question.own.get(config.key)
            if text := config.fault(own, question.default_of(config.key) if own is None else own):
                return text
        return None


class Rules:
    """All rules of a file."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = tuple(rules)

    def fault(self, question: Question) -> str | None:
        """What the first rule that is not kept says; None: nothing is against it."""
        for rule in self.rules:
            if rule.fits(question):
                if rule.allow:
                    return None
                if text := rule.fault(question):
                    return text
        return None

    def config_keys(self) -> frozenset[str]:
        """Configs that rules ask for."""
        return frozenset(config.key for rule in self.rules for config in rule.configs)


# ---- reading


def parse(data: bytes) -> Rules:
    """The rules of a file's bytes. Raises RulesError."""
    if len(data) > BYTES_MAX:
        raise RulesError(f"the file has more than {BYTES_MAX} bytes")
    try:
        tables = tomllib.loads(data.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise RulesError(f"no TOML: {error}") from error
    found = tables.pop("rule", [])
    if tables:
        raise RulesError(f"unknown: {', '.join(sorted(tables))}; there are only [[rule]] tables")
    if not isinstance(found, list) or not all(isinstance(rule, dict) for rule in found):
        raise RulesError("rules stand in [[rule]] tables")
    if len(found) > RULES_MAX:
        raise RulesError(f"{len(found)} rules are more than {RULES_MAX}")
    return Rules([_rule(number, table) for number, table in enumerate(found, 1)])


def _rule(number: int, table: Mapping[str, Any]) -> Rule:
    try:
        _known(table, _RULE_KEYS)
        if not _DEMANDS & table.keys():
            raise RulesError(f"it demands nothing: one of {', '.join(sorted(_DEMANDS))} is needed")
        actions = _texts(table, "actions") or ACTIONS
        strange = sorted(set(actions) - set(ACTIONS))
        if strange:
            raise RulesError(f"actions: {', '.join(strange)} is none of {', '.join(ACTIONS)}")
        return Rule(
            number,
            _globs(_texts(table, "principals")),
            _globs(_texts(table, "topics")),
            frozenset(actions),
            _flag(table, "allow"),
            _text(table, "deny"),
            _text(table, "message"),
            _pattern(_text(table, "name")),
            _range(table["partitions"], "partitions") if "partitions" in table else None,
            _range(table["replication_factor"], "replication_factor") if "replication_factor" in table else None,
            _configs(table.get("configs", {})),
        )
    except RulesError as error:
        raise RulesError(f"rule {number}: {error}") from error


def _known(table: Mapping[str, Any], names: frozenset[str]) -> None:
    strange = sorted(table.keys() - names)
    if strange:
        raise RulesError(f"unknown: {', '.join(strange)}; there are {', '.join(sorted(names))}")


def _texts(table: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise RulesError(f"{key}: a list of texts")
    if key in table and not value:
        raise RulesError(f"{key}: an empty list fits nobody; leave it out for all")
    return tuple(value)


def _text(table: Mapping[str, Any], key: str) -> str | None:
    value = table.get(key)
    if value is not None and (not isinstance(value, str) or not value.strip() or "\n" in value):
        raise RulesError(f"{key}: one line of text")
    return value


def _flag(table: Mapping[str, Any], key: str) -> bool:
    value = table.get(key, False)
    if not isinstance(value, bool):
        raise RulesError(f"{key}: true or false")
    return value


def _globs(patterns: Sequence[str]) -> re.Pattern[str] | None:
    return re.compile("|".join(map(translate, patterns))) if patterns else None


def _pattern(text: str | None) -> re.Pattern[str] | None:
    try:
        return None if text is None else re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        raise RulesError(f"name: no regular expression: {error}") from error


def _range(table: Any, key: str) -> Range:
    if not isinstance(table, dict):
        raise RulesError(f"{key}: a table with min, max or both")
    _known(table, frozenset({"min", "max"}))
    return _bounds(table, key)


def _bounds(table: Mapping[str, Any], key: str) -> Range:
    for name in ("min", "max"):
        if name in table and type(table[name]) is not int:
            raise RulesError(f"{key}.{name}: a whole number")
    low, high = table.get("min"), table.get("max")
    if low is not None and high is not None and low > high:
        raise RulesError(f"{key}: min is more than max")
    return Range(low, high)


def _configs(tables: Any) -> tuple[ConfigDemand, ...]:
    if not isinstance(tables, dict):
        raise RulesError("configs: a table of config names")
    return tuple(_config(key, table) for key, table in tables.items())


def _config(key: str, table: Any) -> ConfigDemand:
    if not isinstance(table, dict) or not table:
        raise RulesError(f"configs: {key}: a table with {', '.join(sorted(_CONFIG_KEYS))} (a name with dots stands in quotes)")
    try:
        _known(table, _CONFIG_KEYS)
        made = ConfigDemand(key, _bounds(table, key), _texts(table, "values"), _flag(table, "required"), _flag(table, "forbidden"))
    except RulesError as error:
        raise RulesError(f"configs: {key}: {error}") from error
    if made.forbidden and len(table) > 1:
        raise RulesError(f"configs: {key}: forbidden stands alone")
    return made
