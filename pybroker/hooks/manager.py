"""Which plugins there are, in which order their hooks are asked, and how the answers come together.

A plugin is found by the entry-point group ``pybroker.plugins`` and loaded only if ``pybroker.plugins`` names it; one that is merely installed is never imported. pluggy orders
the implementations once, at start; from then on the ordered lists are ours (``impls``), so that a hook nobody implements costs a look-up, and a broker without plugins does
not import pluggy.

Thread      made on the control thread; afterwards read-only, but for the counts in HookState
"""

import inspect
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pybroker.hooks import ENTRY_POINT_GROUP, PROJECT
from pybroker.hooks.asking import DEFAULTS, Answer, default_of
from pybroker.hooks.calls import ANYTHING, Call, Expect, HookFailed, HookState, Impl, Plugin, clip, list_of
from pybroker.hooks.hookspecs import ARGUMENTS, SPECS
from pybroker.hooks.types import API_VERSION, ConfigKey, Context, PluginInfo

log = logging.getLogger(__name__)

PLUGINS_MAX = 64


class PluginError(Exception):
    """A plugin that cannot be used; the broker does not start. One line that names it."""


class HookFacts(NamedTuple):
    """One row of ``pybroker plugins list``."""

    plugin: str
    hook: str
    calls: int
    errors: int
    timeouts: int
    seconds: float
    off: bool


class PluginManager:
    """The plugins of one broker."""

    def __init__(self, plugins: Sequence[Plugin], impls: Mapping[str, tuple[Impl, ...]]) -> None:
        """Use ``load``, or ``of`` in tests."""
        self.plugins = tuple(plugins)
        self._impls = dict(impls)
        self._complete: dict[str, tuple[Impl, ...]] = {}
        self._builtin = Plugin("pybroker", PluginInfo("pybroker", "0"), None, builtin=True)

    @classmethod
    def load(cls, names: Sequence[str]) -> "PluginManager":
        """The plugins of these names. Raises PluginError."""
        if len(names) > PLUGINS_MAX:
            raise PluginError(f"pybroker.plugins: {len(names)} plugins are more than {PLUGINS_MAX}")
        return cls.of([(name, _imported(name)) for name in names])

    @classmethod
    def of(cls, implementations: Iterable[tuple[str, Any]]) -> "PluginManager":
        """Plugins from objects (modules, classes, instances) in the order of ``pybroker.plugins``. Raises PluginError."""
        import pluggy

        marked = pluggy.PluginManager(PROJECT)
        by_name: dict[str, Plugin] = {}
        for name, implementation in implementations:
            made = _guarded(f"plugin {name}: cannot be made", implementation) if inspect.isclass(implementation) else implementation
            try:
                marked.register(made, name)
            except ValueError as error:
                raise PluginError(f"plugin {name}: {clip(str(error))}") from error
            by_name[name] = Plugin(name, _info_of(name, made), made)
        impls: dict[str, list[Impl]] = {}
        for hook, spec_arguments in ARGUMENTS.items():
            caller = getattr(marked.hook, hook, None)
            for found in reversed(caller.get_hookimpls()) if caller else ():
                impls.setdefault(hook, []).append(_impl_of(by_name[found.plugin_name], hook, found, spec_arguments))
        _refuse_unknown(marked)
        return cls(list(by_name.values()), {hook: tuple(found) for hook, found in impls.items()})

    # ---- what there is

    def impls(self, hook: str) -> tuple[Impl, ...]:
        """Implementations in the order in which they are asked, the broker's default last."""
        found = self._complete.get(hook)
        if found is None:
            found = self._impls.get(hook, ())
            if hook in DEFAULTS:
                function = default_of(hook)
                found = (*found, Impl(self._builtin, hook, function, frozenset(inspect.signature(function).parameters), HookState()))
            self._complete[hook] = found
        return found

    def has(self, hook: str) -> bool:
        """Whether a plugin implements the hook; the default does not count. Costs a look-up."""
        return hook in self._impls

    def attach(self, make_context: Callable[[Plugin], Context]) -> None:
        """Give each plugin its context, before anything but ``pybroker_plugin_info`` and ``pybroker_config_keys`` is asked."""
        self._builtin.context = make_context(self._builtin)
        for plugin in self.plugins:
            plugin.context = make_context(plugin)

    def config_keys(self) -> list[tuple[str, ConfigKey]]:
        """Keys that plugins bring, each with its plugin's name. Raises PluginError."""
        keys: list[tuple[str, ConfigKey]] = []
        for answer in self.all_now("pybroker_config_keys", expect=list_of(ConfigKey)):
            if answer.error:
                raise PluginError(str(answer.error))
            keys += [(answer.plugin, key) for key in answer.value]
        return keys

    def facts(self, now_s: float) -> list[HookFacts]:
        """Counts of every hook of every plugin, and of its tasks and checks (``hook/name``)."""
        return [
            HookFacts(plugin.name, hook, state.calls, state.errors, state.timeouts, state.seconds, state.is_off_at(now_s))
            for plugin in self.plugins
            for hook, state in sorted(plugin.states.copy().items())
        ]

    def close(self) -> None:
        """No further calls."""
        for plugin in self.plugins:
            plugin.workers.close()

    # ---- asking, from the control thread

    async def first(self, hook: str, *, expect: Expect | None = None, skip_errors: bool = False, **values: Any) -> Answer | None:
        """The first answer that is not None. An error ends it with that error, or counts as None where ``skip_errors``. None: nobody answered."""
        for impl in self.impls(hook):
            answer = await self._ask(impl, values, expect)
            if answer.value is not None or (answer.error and not skip_errors):
                return answer
        return None

    async def all(self, hook: str, *, expect: Expect | None = None, **values: Any) -> list[Answer]:
        """Every answer that is not None, errors among them."""
        return [answer for impl in self.impls(hook) if (answer := await self._ask(impl, values, expect)) and (answer.value is not None or answer.error)]

    async def pipe(self, hook: str, *, expect: Expect | None = None, skip_errors: bool = False, **values: Any) -> Answer:
        """What the last one made of the value that the hook's Spec names. An error ends it, or is passed over."""
        name = SPECS[hook].value
        for impl in self.impls(hook):
            answer = await self._ask(impl, values, expect)
            if answer.error and not skip_errors:
                return answer
            if answer.value is not None:
                values[name] = answer.value
        return Answer("", values[name])

    async def tell(self, hook: str, **values: Any) -> list[Answer]:
        """Errors only."""
        return [answer for impl in self.impls(hook) if (answer := await self._ask(impl, values, None)).error]

    async def ask(self, impl: Impl, *, expect: Expect | None = None, **values: Any) -> Answer:
        """One implementation alone."""
        return await self._ask(impl, values, expect)

    @staticmethod
    async def _ask(impl: Impl, values: dict[str, Any], expect: Expect | None) -> Answer:
        try:
            return Answer(impl.plugin.name, await Call(impl, values, expect or ANYTHING).wait())
        except HookFailed as error:
            return Answer(impl.plugin.name, None, error)

    # ---- asking, from a thread that may wait

    def first_now(self, hook: str, *, expect: Expect | None = None, skip_errors: bool = False, **values: Any) -> Answer | None:
        """As ``first``."""
        for impl in self.impls(hook):
            answer = self._ask_now(impl, values, expect)
            if answer.value is not None or (answer.error and not skip_errors):
                return answer
        return None

    def all_now(self, hook: str, *, expect: Expect | None = None, **values: Any) -> list[Answer]:
        """As ``all``."""
        return [answer for impl in self.impls(hook) if (answer := self._ask_now(impl, values, expect)) and (answer.value is not None or answer.error)]

    def tell_now(self, hook: str, **values: Any) -> list[Answer]:
        """As ``tell``."""
        return [answer for impl in self.impls(hook) if (answer := self._ask_now(impl, values, None)).error]

    def ask_now(self, impl: Impl, *, expect: Expect | None = None, **values: Any) -> Answer:
        """One implementation alone."""
        return self._ask_now(impl, values, expect)

    @staticmethod
    def _ask_now(impl: Impl, values: dict[str, Any], expect: Expect | None) -> Answer:
        try:
            return Answer(impl.plugin.name, Call(impl, values, expect or ANYTHING).block())
        except HookFailed as error:
            return Answer(impl.plugin.name, None, error)


# ---- loading


def _imported(name: str) -> Any:
    from importlib.metadata import entry_points

    found = entry_points(group=ENTRY_POINT_GROUP, name=name)
    if not found:
        known = ", ".join(sorted(point.name for point in entry_points(group=ENTRY_POINT_GROUP))) or "none"
        raise PluginError(f"pybroker.plugins: no plugin {name!r} is installed; installed are: {known}")
    if len(found) > 1:
        raise PluginError(f"pybroker.plugins: {name!r} is brought by more than one package: {', '.join(sorted(point.value for point in found))}")
    return _guarded(f"plugin {name}: cannot be imported", next(iter(found)).load)


def _guarded(what: str, call: Callable[[], Any]) -> Any:
    """What a plugin's own code gives. Whatever it raises is a PluginError: a SystemExit would end the broker as if it had been asked to stop."""
    try:
        return call()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise PluginError(f"{what}: {clip(f'{type(error).__name__}: {error}')}") from error


def _info_of(name: str, made: Any) -> PluginInfo:
    give = getattr(made, "pybroker_plugin_info", None)
    if give is None:
        raise PluginError(f"plugin {name}: has no pybroker_plugin_info")
    info = _guarded(f"plugin {name}: pybroker_plugin_info", give)
    if not isinstance(info, PluginInfo):
        raise PluginError(f"plugin {name}: pybroker_plugin_info answered {type(info).__name__}, which is not PluginInfo")
    if info.api != API_VERSION:
        raise PluginError(f"plugin {name}: is made for version {info.api} of the hook interface, this broker has version {API_VERSION}")
    return info


def _impl_of(plugin: Plugin, hook: str, found: Any, spec_arguments: Sequence[str]) -> Impl:
    if found.wrapper or found.hookwrapper:
        raise PluginError(f"plugin {plugin.name}: {hook} is a wrapper, which is not served")
    unknown = sorted({*found.argnames, *found.kwargnames} - set(spec_arguments) - {"ctx"})
    if unknown:
        raise PluginError(f"plugin {plugin.name}: {hook} takes {', '.join(unknown)}; it may take {', '.join((*spec_arguments, 'ctx'))}")
    state = plugin.states[hook] = HookState()
    return Impl(plugin, hook, found.function, frozenset(found.argnames), state)


def _refuse_unknown(marked: Any) -> None:
    import difflib

    for name, implementation in marked.list_name_plugin():
        for attribute in dir(implementation):
            if marked.parse_hookimpl_opts(implementation, attribute) is not None and attribute not in SPECS:
                near = difflib.get_close_matches(attribute, list(SPECS), n=1, cutoff=0.6)
                raise PluginError(f"plugin {name}: there is no hook {attribute}" + (f"; did you mean {near[0]}?" if near else ""))
