"""The plan: what plugins have to say of each topic's batches, asked once per topic and change of its config, and compiled into what C goes by.

Order on a batch's way   native functions (L1), record rules (L2), lanes (L3), partitioner. Cheap ones come first, so that no lane sees what C refuses
Thread                   control
"""

import logging
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from pybroker._core.core import Core, HookChain
    from pybroker.broker.config import Value
    from pybroker.broker.lanes import Binding, Lanes
    from pybroker.hooks.calls import Impl, Plugin
    from pybroker.hooks.manager import PluginManager

log = logging.getLogger(__name__)

ON_ERROR = {"closed": 0, "open": 1, "dead-letter": 2}
"""As the core numbers them."""


class Config(Protocol):
    """What of the config matters here."""

    def topic_value(self, name: str, own: Mapping[str, str]) -> "Value": ...


class Step(NamedTuple):
    """One thing on a batch's way: ``pybroker plugins explain`` shows it. ``cost``: what is lost by it."""

    plugin: str
    hook: str
    level: str
    point: str
    on_error: str
    cost: str
    batches: int = 0
    refused: int = 0


class Draft:
    """A chain while it is put together."""

    def __init__(self) -> None:
        self.natives: list[tuple[Step, Any]] = []
        self.rules: list[tuple[Step, Any]] = []
        self.lanes: dict[str, tuple[Plugin, list[Step], Binding]] = {}
        self.partitioner: Any = None
        self.partitioner_step: Step | None = None
        self.refusal = ""

    def bind(self, plugin: "Plugin", step: Step, change: "Callable[[Binding], Binding]", *, last: bool = False) -> None:
        """Something that the plugin's lane has to do."""
        from pybroker.broker.lanes import Binding

        _plugin, steps, binding = self.lanes.pop(plugin.name, (plugin, [], Binding())) if last else self.lanes.get(plugin.name, (plugin, [], Binding()))
        self.lanes[plugin.name] = plugin, [*steps, step], change(binding)


class TopicPlan(NamedTuple):
    """What was compiled for a topic. Steps stand in the order of the chain's counts; those of one lane share theirs."""

    chain_id: int
    chain: "HookChain"
    steps: tuple[tuple[Step, ...], ...]
    refusal: str
    partitioner_step: Step | None = None


class Planner:
    """Plans of all topics."""

    def __init__(self, manager: "PluginManager | None", core: "Core", config: Config) -> None:
        self._manager = manager
        self._core = core
        self._config = config
        self._plans: dict[str, TopicPlan] = {}
        self._kept: dict[int, HookChain] = {}               # until the core says that no batch goes by it
        self._next_id = 0
        self._natives: list[tuple[Plugin, Any]] = []
        self.lanes: Lanes | None = None

    def start(self) -> None:
        """Ask for functions in C. Raises what says so: native hooks are meant to be there."""
        if self._manager is None or not self._manager.has("pybroker_native_hooks"):
            return
        from pybroker.hooks.calls import Expect
        from pybroker.hooks.types import Native

        expect = Expect("a dict of Native by point", lambda value: isinstance(value, dict) and all(isinstance(native, Native) for native in value.values()))
        for impl in self._manager.impls("pybroker_native_hooks"):
            answer = self._manager.ask_now(impl, expect=expect)
            if answer.error:
                raise ValueError(str(answer.error))
            for point, native in (answer.value or {}).items():
                if point != "batch":
                    raise ValueError(f"plugin {impl.plugin.name}: there is no point {point!r} for native hooks, only 'batch'")
                self._core.hook_chain(-1, natives=[native.capsule])     # refused here rather than by the first topic
                self._natives.append((impl.plugin, native.capsule))

    # ---- topics

    def chain_of(self, topic: str, own: Mapping[str, str], *, internal: bool) -> "HookChain | None":
        """What hangs on a topic from now on. None: nothing, its batches pay one test of a pointer."""
        self._plans.pop(topic, None)
        if internal:
            return None
        draft = Draft()
        if self._manager is not None:
            self._add_natives(draft, topic)
            self._add_rules(draft, topic, own)
        self._add_validators(draft, topic, own)
        self._add_interceptors(draft, topic)
        if self._config.topic_value("pybroker.repartition", own) is True:
            self._add_partitioner(draft, topic, own)
        return self._compile(topic, own, draft)

    def forget(self, topic: str) -> None:
        """The topic is gone."""
        self._plans.pop(topic, None)

    def unused(self, chain_id: int) -> None:
        """No batch goes by this chain any more."""
        self._kept.pop(chain_id, None)
        if self.lanes is not None:
            self.lanes.forget(chain_id)


    def _add_natives(self, draft: Draft, topic: str) -> None:
        for plugin, capsule in self._natives:
            if in_scope(plugin, topic):
                draft.natives.append((Step(plugin.name, "pybroker_native_hooks", "L1", "batch", "closed", "the function's own time, on the connection's loop"), capsule))

    def _add_rules(self, draft: Draft, topic: str, own: Mapping[str, str]) -> None:
        from pybroker.hooks.calls import of
        from pybroker.hooks.programs import RecordRules

        if not self._manager or not self._manager.has("pybroker_record_rules"):
            return
        for impl in self._manager.impls("pybroker_record_rules"):
            if not in_scope(impl.plugin, topic):
                continue
            answer = self._manager.ask_now(impl, expect=of(RecordRules), topic=topic, config=asked(self._config, own))
            if answer.error:
                self._plan_failed(draft, impl.plugin, str(answer.error))
            elif answer.value is not None:
                draft.rules.append((Step(impl.plugin.name, impl.hook, "L2", "each record", "closed", "records are decoded in C"), answer.value))

    def _plan_failed(self, draft: Draft, plugin: "Plugin", text: str) -> None:
        if plugin.info.on_error != "open":
            draft.refusal = f"plugin {plugin.name} cannot say what this topic's batches must be: {text}"

    def _add_validators(self, draft: Draft, topic: str, own: Mapping[str, str]) -> None:
        for which in ("key", "value"):
            wanted = str(self._config.topic_value(f"pybroker.{which}.schema.type", own) or "")
            found = self._add_validator(draft, topic, own, which) if self._manager and self._manager.has("pybroker_schema_validator") else False
            if wanted and not found and not draft.refusal:
                draft.refusal = f"no enabled plugin knows the {which} schema type {wanted[:100]!r} of this topic"

    def _add_validator(self, draft: Draft, topic: str, own: Mapping[str, str], which: str) -> bool:
        assert self._manager is not None
        for impl in self._manager.impls("pybroker_schema_validator"):
            if not in_scope(impl.plugin, topic):
                continue
            answer = self._manager.ask_now(impl, topic=topic, which=which, config=asked(self._config, own))
            if answer.error:
                self._plan_failed(draft, impl.plugin, str(answer.error))
                return True
            if answer.value is not None:
                self._lower(draft, impl, which, answer.value)
                return True
        return False

    def _lower(self, draft: Draft, impl: "Impl", which: str, validator: Any) -> None:
        """To the cheapest level that the validator can live on."""
        from pybroker.broker.lanes import Check
        from pybroker.hooks.programs import RecordRules
        from pybroker.hooks.types import Native

        plugin = impl.plugin
        try:
            lowered = validator.compile() if hasattr(validator, "compile") else None
        except Exception as error:
            self._plan_failed(draft, plugin, f"{type(error).__name__}: {error}")
            return
        if isinstance(lowered, Native):
            draft.natives.append((Step(plugin.name, impl.hook, "L1", which, "closed", "the function's own time, on the connection's loop"), lowered.capsule))
        elif isinstance(lowered, RecordRules):
            draft.rules.append((Step(plugin.name, impl.hook, "L2", which, "closed", "records are decoded in C"), lowered))
        elif callable(getattr(validator, "validate", None)):
            check = Check(which, validator.validate, impl.state)
            step = Step(plugin.name, impl.hook, "L3", which, plugin.info.on_error, LANE_COST)
            draft.bind(plugin, step, lambda binding: binding._replace(checks=(*binding.checks, check)))
        else:
            self._plan_failed(draft, plugin, f"{impl.hook} answered {type(validator).__name__}, which has no validate")

    def _add_interceptors(self, draft: Draft, topic: str) -> None:
        from pybroker.broker.lanes import Binding

        if not self._manager:
            return
        for impl in self._manager.impls("pybroker_batch_interceptor"):
            if in_scope(impl.plugin, topic):
                step = Step(impl.plugin.name, impl.hook, "L3", "batch", impl.plugin.info.on_error, LANE_COST)
                draft.bind(impl.plugin, step, partial(Binding._replace, interceptor=impl))

    def _add_partitioner(self, draft: Draft, topic: str, own: Mapping[str, str]) -> None:
        from pybroker.broker.lanes import Binding
        from pybroker.hooks.types import Native

        draft.partitioner_step = Step("pybroker", "pybroker_partitioner", "C", "key hash", "closed", REPARTITION_COST)
        draft.partitioner = "key"
        if not self._manager:
            return
        for impl in self._manager.impls("pybroker_partitioner"):
            if not in_scope(impl.plugin, topic):
                continue
            answer = self._manager.ask_now(impl, topic=topic, config=asked(self._config, own))
            made = answer.value
            if answer.error or (made is not None and not hasattr(made, "partition")):
                self._plan_failed(draft, impl.plugin, str(answer.error or f"{impl.hook} answered {type(made).__name__}, which has no partition"))
                return
            if made is None:
                continue
            native = made.native() if hasattr(made, "native") else None
            if isinstance(native, Native):
                draft.partitioner = native.capsule
                draft.partitioner_step = Step(impl.plugin.name, impl.hook, "L1", "each record", "closed", REPARTITION_COST)
                return
            draft.partitioner, draft.partitioner_step = "lane", None
            step = Step(impl.plugin.name, impl.hook, "L3", "each record", impl.plugin.info.on_error, f"{LANE_COST}; {REPARTITION_COST}")
            partition, state = made.partition, impl.state
            draft.bind(impl.plugin, step, partial(Binding._replace, partition=partition, partition_state=state), last=True)
            return

    def _compile(self, topic: str, own: Mapping[str, str], draft: Draft) -> "HookChain | None":
        if not (draft.natives or draft.rules or draft.lanes or draft.partitioner or draft.refusal):
            return None
        self._next_id += 1
        chain_id = self._next_id
        lanes = []
        for plugin, _steps, binding in draft.lanes.values():
            runner = self._lanes().of(plugin)
            runner.bindings[chain_id] = binding
            lanes.append((runner.lane, chain_id, ON_ERROR[plugin.info.on_error]))
        chain = self._core.hook_chain(
            chain_id,
            natives=[capsule for _step, capsule in draft.natives],
            rules=[rules for _step, rules in draft.rules],
            lanes=lanes,
            partitioner=draft.partitioner,
            dead_letter=str(self._config.topic_value("pybroker.dead.letter.topic", own) or ""),
            refusal=draft.refusal,
        )
        if draft.refusal:
            log.error("batches of a topic are refused", extra={"topic": topic, "error": draft.refusal})
        steps = (*((step,) for step, _capsule in draft.natives), *((step,) for step, _rules in draft.rules), *(tuple(steps) for _plugin, steps, _binding in draft.lanes.values()))
        self._kept[chain_id] = chain
        self._plans[topic] = TopicPlan(chain_id, chain, steps, draft.refusal, draft.partitioner_step)
        return chain

    def _lanes(self) -> "Lanes":
        if self.lanes is None:
            from pybroker.broker.lanes import Lanes

            self.lanes = Lanes(self._core)
        return self.lanes

    # ---- retention

    def retention_of(self, topic: str, own: Mapping[str, str]) -> "tuple[Impl | None, bool]":
        """The topic's policy as a hook that is called for each partition; and whether its plugin could not say."""
        from pybroker.broker.retention import ARGUMENTS, HOOK
        from pybroker.hooks.calls import Impl

        assert self._manager is not None
        for impl in self._manager.impls(HOOK):
            if not in_scope(impl.plugin, topic):
                continue
            answer = self._manager.ask_now(impl, topic=topic, config=asked(self._config, own))
            if answer.error or (answer.value is not None and not callable(getattr(answer.value, "plan", None))):
                log.error("everything of a topic is kept", extra={"topic": topic, "plugin": impl.plugin.name, "error": str(answer.error or "its policy has no plan")})
                return None, True
            if answer.value is not None:
                return Impl(impl.plugin, HOOK, answer.value.plan, ARGUMENTS, impl.state), False
        return None, False

    # ---- looking

    def explain(self, topic: str) -> tuple[list[Step], str]:
        """Everything on the way of a batch of this topic, in order, with counts; and why every batch is refused ("": they are not)."""
        plan = self._plans.get(topic)
        if plan is None:
            return [], ""
        found = [step._replace(batches=batches, refused=refused) for (batches, refused), steps in zip(plan.chain.counts(), plan.steps, strict=True) for step in steps]
        return found + ([plan.partitioner_step] if plan.partitioner_step else []), plan.refusal

    def stop(self) -> None:
        """End the lanes. Blocks."""
        if self.lanes is not None:
            self.lanes.stop()


LANE_COST = "a copy of the request; requests of one connection to this topic wait for each other"
REPARTITION_COST = "batches are written anew, producers with idempotence are refused"


def asked(config: Config, own: Mapping[str, str]) -> dict[str, str]:
    """What hooks are told of a topic's config: its effective values of our keys and of plugins', and its own."""
    from pybroker.broker.broker_config import shown
    from pybroker.broker.config import added, keys

    names = added("topic") | {name for name in keys("topic") if name.startswith("pybroker.")}
    values = {name: shown(config.topic_value(name, own)) for name in names}
    return {**{name: value for name, value in values.items() if value is not None}, **own}


def in_scope(plugin: "Plugin", topic: str) -> bool:
    """Whether the plugin's batch hooks apply to the topic."""
    return any(fnmatchcase(topic, pattern) for pattern in plugin.info.scope.topics)
