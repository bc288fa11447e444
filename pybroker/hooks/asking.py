"""Asking hooks, as the rest of the broker sees it; and the broker that has no plugins, which imports nothing for them.

Thread      the methods that are awaited: control; those that block (``…_now``): any thread that may wait
"""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from pybroker.hooks.calls import Expect

DEFAULTS: Mapping[str, str] = {"pybroker_sasl_mechanisms": "pybroker.defaults.sasl_plain"}
"""Hook to the module of ``pybroker.defaults`` whose function of that name is asked last. Imported when the hook is first asked for."""


class Answer(NamedTuple):
    """What one plugin said; ``error`` in place of a value (a HookFailed: one line that names plugin and hook)."""

    plugin: str
    value: Any
    error: Exception | None = None


class Hooks(Protocol):
    """What may be asked. ``expect`` says what an answer must be (calls.of, calls.list_of): anything else is an error."""

    def has(self, hook: str) -> bool:
        """Whether a plugin implements the hook; the broker's default does not count. Costs a look-up."""

    async def first(self, hook: str, *, expect: "Expect | None" = None, skip_errors: bool = False, **values: Any) -> Answer | None:
        """The first answer that is not None. An error ends it with that error, or counts as None where ``skip_errors``. None: nobody answered."""

    async def all(self, hook: str, *, expect: "Expect | None" = None, **values: Any) -> list[Answer]:
        """Every answer that is not None, errors among them."""

    async def pipe(self, hook: str, *, expect: "Expect | None" = None, skip_errors: bool = False, **values: Any) -> Answer:
        """What the last one made of the value that the hook's Spec names. An error ends it, or is passed over."""

    async def tell(self, hook: str, **values: Any) -> list[Answer]:
        """Errors only."""

    def first_now(self, hook: str, *, expect: "Expect | None" = None, skip_errors: bool = False, **values: Any) -> Answer | None:
        """As ``first``."""

    def all_now(self, hook: str, *, expect: "Expect | None" = None, **values: Any) -> list[Answer]:
        """As ``all``."""

    def tell_now(self, hook: str, **values: Any) -> list[Answer]:
        """As ``tell``."""

    def close(self) -> None:
        """No further calls."""


class NoPlugins:
    """A broker without plugins: its own defaults answer, called as they are."""

    def has(self, hook: str) -> bool:
        return False

    async def first(self, hook: str, *, expect: "Expect | None" = None, skip_errors: bool = False, **values: Any) -> Answer | None:
        return self.first_now(hook, **values)

    async def all(self, hook: str, *, expect: "Expect | None" = None, **values: Any) -> list[Answer]:
        return self.all_now(hook, **values)

    async def pipe(self, hook: str, *, expect: "Expect | None" = None, skip_errors: bool = False, **values: Any) -> Answer:
        from pybroker.hooks.hookspecs import SPECS

        answer = self.first_now(hook, **values)
        return answer or Answer("", values[SPECS[hook].value])

    async def tell(self, hook: str, **values: Any) -> list[Answer]:
        return self.tell_now(hook, **values)

    def first_now(self, hook: str, *, expect: "Expect | None" = None, skip_errors: bool = False, **values: Any) -> Answer | None:
        value = default_of(hook)(**values) if hook in DEFAULTS else None
        return None if value is None else Answer("pybroker", value)

    def all_now(self, hook: str, *, expect: "Expect | None" = None, **values: Any) -> list[Answer]:
        answer = self.first_now(hook, **values)
        return [answer] if answer else []

    def tell_now(self, hook: str, **values: Any) -> list[Answer]:
        self.first_now(hook, **values)
        return []

    def close(self) -> None:
        """Nothing is open."""


def default_of(hook: str) -> Any:
    """The broker's own implementation of a hook. It takes every argument of the hook but ``ctx``."""
    return getattr(import_module(DEFAULTS[hook]), hook)


def names_of(answers: Sequence[Answer]) -> str:
    """Errors of several answers as one line."""
    return "; ".join(str(answer.error) for answer in answers if answer.error)
