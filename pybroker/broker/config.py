"""Config: what each key means, where its value comes from, and whether it may be what it is.

Sources, the later wins: our defaults, the properties file, the environment (``PYBROKER_CONFIG_NUM_PARTITIONS`` is ``num.partitions``), ``--override key=value``;
above these the dynamic values that clients set by IncrementalAlterConfigs: first those for all brokers, then those for this one.
Values are text and stay text: nothing is looked up, expanded, imported or run because of a value.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from pybroker.broker import config_keys
from pybroker.broker.properties import PropertiesError, read

ENVIRONMENT_PREFIX = "PYBROKER_CONFIG_"
VALUE_CHARS_MAX = 32 * 1024
"""Longest value of one key; certificates as PEM text are the longest that make sense."""

Value = int | float | bool | str | tuple[str, ...] | None


class ConfigError(ValueError):
    """A config that cannot be used. The text is one line: where, which key, what is wrong, what would be right."""


class ConfigKey(NamedTuple):
    """One key, as config_keys.py describes it."""

    kind: str
    name: str
    type: str
    default: str | None
    range: str
    weight: str
    update: str
    acted: bool
    synonyms: tuple[str, ...]
    text: str
    check: Callable[[Any], None] | None = None
    """Of a plugin: raises for a typed value that must not be."""

    @property
    def sensitive(self) -> bool:
        return self.type == "p"

    @property
    def type_number(self) -> int:
        return _TYPE_NUMBERS[self.type]

    @property
    def documentation(self) -> str:
        return self.text if self.acted else self.text + " (Accepted and listed; this broker does not act on it.)"


_TYPE_NUMBERS = {"b": 1, "s": 2, "i": 3, "h": 4, "l": 5, "d": 6, "L": 7, "c": 8, "p": 9}
"""Kafka's numbers for types (DescribeConfigs)."""

_keys: dict[str, dict[str, ConfigKey]] = {}
_added: dict[str, set[str]] = {}


def keys(kind: str) -> Mapping[str, ConfigKey]:
    """All keys of a kind (``broker``, ``topic``, ``group``, ``client-metrics``) by name, in order of name."""
    table = _keys.get(kind)
    if table is None:
        text: str = getattr(config_keys, kind.upper().replace("-", "_"))
        table = _keys[kind] = {key.name: key for key in _rows(kind, text)}
    return table


def add_keys(added: Iterable[ConfigKey]) -> None:
    """Keys of plugins, before anything is checked. The same ones may be added again. Raises ConfigError for a name that stands for something else."""
    for key in added:
        table = keys(key.kind)
        known = table.get(key.name)
        if known is not None and known._replace(check=None) != key._replace(check=None):
            raise ConfigError(f"{clipped(key.name)}: there is a {key.kind} config of that name already")
        _keys[key.kind] = dict(sorted({**table, key.name: key}.items()))
        _added.setdefault(key.kind, set()).add(key.name)


def added(kind: str) -> frozenset[str]:
    """Names of the keys that plugins brought."""
    return frozenset(_added.get(kind, ()))


@contextmanager
def as_they_are() -> Iterator[None]:
    """Keys that are added inside are gone afterwards: for tests of plugins, many of them in one process."""
    keys_before, added_before = {kind: dict(keys(kind)) for kind in ("broker", "topic")}, {kind: set(names) for kind, names in _added.items()}
    try:
        yield
    finally:
        _keys.update(keys_before)
        _added.clear()
        _added.update(added_before)


def _rows(kind: str, text: str) -> Iterator[ConfigKey]:
    for line in text.splitlines():
        name, type_, default, allowed, weight, update, acted, *rest = line.split("|")
        synonyms = tuple(rest[0].split()) if kind == "topic" else ()
        yield ConfigKey(kind, name, type_, None if default == "~" else default, allowed, weight, update, acted == "+", synonyms, rest[-1])


# ---- one value

_TYPE_WORDS = {
    "b": "true or false", "s": "text", "i": "a whole number", "h": "a whole number", "l": "a whole number", "d": "a number",
    "L": "a list with commas", "c": "a class name", "p": "a secret",
}  # fmt: skip
_INTEGER_BITS = {"h": 16, "i": 32, "l": 64}


def parse(key: ConfigKey, text: str | None) -> Value:
    """The typed value of a text. Raises ConfigError that names key, type and range; a secret's value is never in it."""
    if text is None:
        if key.default is not None:
            raise ConfigError(f"{key.name}: must have a value")
        return None
    if len(text) > VALUE_CHARS_MAX:
        raise ConfigError(f"{key.name}: {len(text)} characters are more than a value may have ({VALUE_CHARS_MAX})")
    text = text.strip()
    value = _typed(key, text)
    if not _in_range(key.range, value):
        raise ConfigError(f"{key.name}: {_shown(key, text)} is not {_range_words(key)}")
    if key.check is not None:
        _ask(key, value)
    return value


def _ask(key: ConfigKey, value: Value) -> None:
    """What a plugin says of a value of its own key."""
    assert key.check is not None
    try:
        key.check(value)
    except Exception as error:
        words = "" if key.sensitive else ": " + " ".join(str(error).split())[:300]
        raise ConfigError(f"{key.name}: the value is refused{words}") from error


def _typed(key: ConfigKey, text: str) -> Value:
    if key.type in _INTEGER_BITS:
        return _integer(key, text)
    if key.type == "b":
        if text.lower() not in ("true", "false"):
            raise _wrong_type(key, text)
        return text.lower() == "true"
    if key.type == "d":
        return _double(key, text)
    if key.type == "L":
        return _list(key, text)
    return text


def _integer(key: ConfigKey, text: str) -> int:
    digits = text[1:] if text[:1] in ("+", "-") else text
    if not (digits.isascii() and digits.isdecimal()):
        raise _wrong_type(key, text)
    limit = 1 << (_INTEGER_BITS[key.type] - 1)
    value = int(text) if len(digits) <= 20 else limit      # longer ones are out of range in any type
    if not -limit <= value < limit:
        raise ConfigError(f"{key.name}: {_shown(key, text)} is not {_range_words(key)}")
    return value


def _double(key: ConfigKey, text: str) -> float:
    if not text.isascii() or "_" in text:
        raise _wrong_type(key, text)
    try:
        value = float(text)
    except ValueError:
        raise _wrong_type(key, text) from None
    if value - value != 0:                                  # infinite or not a number
        raise _wrong_type(key, text)
    return value


def _list(key: ConfigKey, text: str) -> tuple[str, ...]:
    if not text:
        return ()
    items = tuple(item.strip() for item in text.split(","))
    if not all(items):
        raise ConfigError(f"{key.name}: {_shown(key, text)} has an empty entry")
    return items


def _wrong_type(key: ConfigKey, text: str) -> ConfigError:
    return ConfigError(f"{key.name}: {_shown(key, text)} is not {_range_words(key)}")


def _shown(key: ConfigKey, text: str) -> str:
    if key.sensitive:
        return "the value"
    if not text:
        return "an empty value"
    return repr(text if len(text) <= 60 else text[:57] + "…")


def _range_words(key: ConfigKey) -> str:
    """What a value may be, in words: ``a whole number from 1 to 9, or -1``."""
    words = _TYPE_WORDS[key.type]
    allowed = key.range
    if allowed.startswith(("{", "i{")):
        names = allowed[allowed.index("{") + 1 : -1].split(",")
        return ("a list of " if key.type == "L" else "one of ") + ", ".join(names)
    if allowed in _NAMED_RANGES:
        return _NAMED_RANGES[allowed]
    low, high = -(1 << 63), (1 << 63) - 1
    if key.type in _INTEGER_BITS:
        high = (1 << (_INTEGER_BITS[key.type] - 1)) - 1
        low = -high - 1
    elif key.type != "d" or not allowed:
        return words
    span, *singles = allowed.split() or [".."]
    first, last = span.split("..")
    return f"{words} from {first or low} to {last or high}" + "".join(f", or {single}" for single in singles)


_NAMED_RANGES = {
    "nonempty": "text that is not empty",
    "throttle": "a list of partition:broker pairs, or *",
    "reset": "latest, earliest or by_duration:PnDTnHnMn.nS",
}


def _in_range(allowed: str, value: Value) -> bool:
    if not allowed:
        return True
    if isinstance(value, tuple):
        return _list_in_range(allowed, value)
    if isinstance(value, str):
        return _text_in_range(allowed, value)
    if value is None or isinstance(value, bool):
        return True
    span, *singles = allowed.split()
    low, high = span.split("..")
    return str(value) in singles or ((not low or value >= float(low)) and (not high or value <= float(high)))


def _list_in_range(allowed: str, value: tuple[str, ...]) -> bool:
    if allowed == "throttle":
        return value in ((), ("*",)) or all(_is_throttle(item) for item in value)
    return set(value) <= set(allowed[1:-1].split(","))


def _text_in_range(allowed: str, value: str) -> bool:
    if allowed == "nonempty":
        return value != ""
    if allowed == "reset":
        return value in ("latest", "earliest") or _is_duration(value)
    if allowed[0] == "i":
        return value.lower() in allowed[2:-1].lower().split(",")
    return value in allowed[1:-1].split(",")


def _is_throttle(item: str) -> bool:
    parts = item.split(":")
    return len(parts) == 2 and all(part.isascii() and part.isdecimal() for part in parts)


def _is_duration(value: str) -> bool:
    import re

    pattern = r"by_duration:P(?=[\dT])(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?"
    return re.fullmatch(pattern, value, re.IGNORECASE) is not None


# ---- names

_LISTENER_PREFIX = "listener.name."


def find(kind: str, name: str) -> ConfigKey:
    """The key of that name. Raises ConfigError with the nearest name there is."""
    key = keys(kind).get(_base_name(name) if kind == "broker" else name)
    if key is None:
        raise ConfigError(f"{clipped(name)}: no such {kind} config{_nearest(kind, name)}")
    return key


def _base_name(name: str) -> str:
    """``listener.name.internal.ssl.keystore.type`` is the key ssl.keystore.type for one listener; ``….plain.sasl.jaas.config`` that of one mechanism."""
    if name.startswith(_LISTENER_PREFIX):
        _listener, _dot, base = name[len(_LISTENER_PREFIX) :].partition(".")
        _mechanism, _dot, rest = base.partition(".")
        for candidate in (base, rest):
            if candidate.startswith(("ssl.", "sasl.")):
                return candidate
    return name


def _nearest(kind: str, name: str) -> str:
    import difflib

    near = difflib.get_close_matches(name[:120].lower().replace("_", "."), list(keys(kind)), n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else ""


def clipped(name: str) -> str:
    """A name from outside as it may stand in a message."""
    return repr(name if len(name) <= 100 else name[:97] + "…")


# ---- static sources


class Setting(NamedTuple):
    """One configured value: its text as given and where it came from (``server.properties:12``, ``--override``, an environment variable)."""

    text: str
    origin: str


def gather(path: str | None, overrides: Iterable[str], environment: Mapping[str, str]) -> dict[str, Setting]:
    """All configured values by key. Raises ConfigError."""
    found: dict[str, Setting] = {}
    if path is not None:
        try:
            for name, (text, line) in read(path).items():
                found[name] = Setting(text, f"{path}:{line}")
        except PropertiesError as error:
            raise ConfigError(str(error)) from error
    for variable, text in environment.items():
        if variable.startswith(ENVIRONMENT_PREFIX):
            found[variable[len(ENVIRONMENT_PREFIX) :].lower().replace("_", ".")] = Setting(text, variable)
    seen: set[str] = set()
    for override in overrides:
        name, equals, text = override.partition("=")
        name = name.strip()
        if not equals or not name:
            raise ConfigError(f"--override {clipped(override)}: write --override key=value")
        if name in seen:
            raise ConfigError(f"--override {name}: given twice")
        seen.add(name)
        found[name] = Setting(text, "--override")
    return found


def check_all(settings: Mapping[str, Setting]) -> dict[str, Value]:
    """Typed values of all settings. Raises ConfigError that begins with the place of the first bad one."""
    values: dict[str, Value] = {}
    for name, setting in settings.items():
        try:
            key = find("broker", name)
            if name == key.name:
                values[name] = parse(key, None if key.default is None and not setting.text.strip() else setting.text)
        except ConfigError as error:
            raise ConfigError(f"{setting.origin}: {error}") from None
    return values
