"""The hooks. This page is their reference.

Every hook is named ``pybroker_…``; an implementation is a function of that name marked ``@hookimpl`` in a module, class or object that the entry point names. It takes those of
the arguments that it wants, by name; ``ctx`` (a Context) may be among them always. pluggy's ``tryfirst`` and ``trylast`` order implementations; otherwise the plugin named
last in ``pybroker.plugins`` is asked first, and the broker's own default (``pybroker.defaults``) last. Wrappers are refused: a hook's results are not all the caller's.

Mode     *all*    every answer counts
         *first*  asked until one is not None
         *pipe*   each gets what the one before made of it; None leaves it as it was
         *told*   no answer
Path     boot     once, before clients are served
         control  for a request of administration; nothing else waits for it but that request
         conn     once per connection or login
         cached   once per question, and the answer is kept
         plan     once per topic and change of its config: what is returned is compiled, and C (or a lane) goes by it
         batch    on produced batches of topics in the plugin's scope; topics without such a hook pay one test of a pointer
         bg       in the background
Runs     functions, and coroutines likewise, run on threads of the plugin's own (``PluginInfo.threads``), never on an event loop, never on the thread that serves the control plane.
         A call that outlives its deadline is given up, counted, and its answer ignored. After 5 failures in a row (errors, rubbish, time-outs) the hook is switched off for
         30 s, and then tried again.
Errors   each says below what happens then. Always: logged with plugin and hook name, counted (``pybroker_plugin_errors_total``), and never more than that request, batch or
         round is touched.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pybroker.hooks.types import (
    Action,
    Assignor,
    AuditEvent,
    AuthResult,
    BatchView,
    Check,
    Compactor,
    ConfigChangeRequest,
    ConfigKey,
    ConfigValue,
    Connection,
    Context,
    CredentialStore,
    Decision,
    Deny,
    MetricsRegistry,
    Native,
    Partitioner,
    Periodic,
    PluginInfo,
    PolicyViolation,
    Principal,
    RetentionPolicy,
    SaslMechanism,
    Serde,
    TopicRequest,
    Validator,
    Verdict,
)

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)

Mode = Literal["all", "first", "pipe", "told"]


class Spec(NamedTuple):
    """How a hook is called. ``value``: the argument that a pipe hands on."""

    mode: Mode
    path: str
    value: str = ""


SPECS: dict[str, Spec] = {}
"""Every hook by name."""


def _spec(mode: Mode, path: str, value: str = "") -> "Callable[[Any], Any]":
    def keep(function: Any) -> Any:
        SPECS[function.__name__] = Spec(mode, path, value)
        return function

    return keep


# ---- life and registration


@_spec("first", "boot")
def pybroker_plugin_info() -> PluginInfo:
    """Name, version, interface version, scope, what errors mean. Required: a plugin without it is refused at start, as is one of another interface version."""
    raise NotImplementedError


@_spec("all", "boot")
def pybroker_config_keys() -> list[ConfigKey]:
    """Config keys of the plugin; names begin with the plugin's name or a word of its own (``acme.``), never with one of Kafka's. Asked before the config is read. An error stops the start."""
    raise NotImplementedError


@_spec("told", "boot")
def pybroker_configure(config: Mapping[str, ConfigValue], changed: frozenset[str], ctx: Context) -> None:
    """The plugin's broker keys with their values: at start (``changed`` is all of them), and when one changes. Raises ValueError: at start the broker does not start;
    later the change stays, and the plugin goes on with what it had."""


@_spec("told", "boot")
def pybroker_startup(ctx: Context) -> None:
    """Before clients are served; metadata is there. An error stops the start."""


@_spec("told", "boot")
def pybroker_ready(ctx: Context) -> None:
    """Clients are served from now on. An error is logged, and the broker goes on."""


@_spec("told", "boot")
def pybroker_shutdown(reason: str, ctx: Context) -> None:
    """Clients are no longer served; logs are not closed yet. Given the control deadline."""


@_spec("all", "boot")
def pybroker_native_hooks(ctx: Context) -> dict[str, Native]:
    """Level L1. Functions in C by the point they are for: ``batch`` (each batch of a topic in scope, see pybroker_native.h). An error stops the start: what is native is meant to be there.
    Cost: the call, and its own work, on the loop of the connection. Lost: nothing."""
    raise NotImplementedError


@_spec("all", "bg")
def pybroker_background_tasks(ctx: Context) -> list[Periodic]:
    """Tasks to call again and again once clients are served, 64 at most, on threads of their own. An error of a task is logged and counted, and the task goes on."""
    raise NotImplementedError


# ---- connections, authentication, authorization


@_spec("first", "cached")
def pybroker_advertised_endpoint(connection: Connection, ctx: Context) -> tuple[str, int] | None:
    """Host and port that this client shall connect to (Metadata, FindCoordinator, DescribeCluster). Kept per listener, local address, peer host and principal for 60 s, 10,000
    answers at most. Default: as configured, else the address by which the client came in. Error: the default, and asked again after 5 s."""


@_spec("all", "boot")
def pybroker_sasl_mechanisms(ctx: Context) -> "dict[str, Callable[[Connection], SaslMechanism]]":
    """Mechanisms that SASL listeners offer, besides PLAIN: name to a maker of one exchange. Steps run on the plugin's threads. Error in a step: the login fails."""
    raise NotImplementedError


@_spec("first", "conn")
def pybroker_authenticate(mechanism: str, identity: str, secret: bytes, connection: Connection, ctx: Context) -> AuthResult | Deny | None:
    """Whether the login holds. None: not one of mine. All None, an error or a time-out: refused. Default: none."""


@_spec("pipe", "conn", "principal")
def pybroker_principal(principal: Principal, connection: Connection, ctx: Context) -> Principal | None:
    """Who the login is, from what authentication found: rename, add groups. Error: the login fails."""


@_spec("first", "boot")
def pybroker_credential_store(ctx: Context) -> CredentialStore | None:
    """Where logins of mechanisms that the broker brings (PLAIN) are kept. Default: none, PLAIN asks ``pybroker_authenticate`` alone. Error: the broker does not start."""


@_spec("first", "cached")
def pybroker_authorize(principal: Principal, actions: list[Action], connection: Connection, ctx: Context) -> list[Decision | None] | None:
    """What this principal may do: a Decision for each action, None where that is another's to say. Per action the first Decision holds, but a refusal of any plugin wins over all
    (several authorizers: each may only narrow). Nobody says anything: ``pybroker.authorize.default`` (deny once an authorizer is enabled). Answers are kept in a table in C
    for their ``ttl_s``, so that produce and fetch ask once per principal, operation and topic. Error, rubbish, time-out: refused."""


# ---- produce


@_spec("pipe", "batch")
def pybroker_batch_interceptor(batches: list[BatchView], ctx: Context) -> list[Verdict] | None:
    """Level L3 (or L4 by ``PluginInfo.worker_process``). A Verdict for each batch; None accepts all. Up to 256 batches of any topics in scope that waited on the plugin's lane; the first
    verdict that is not Accept ends a batch's way. Producers of these topics wait for it, others do not. Cost: a copy of the request, about 3 µs a batch, and the hook.
    Lost: pipelining of requests within one connection on those topics. Error, time-out, rubbish: ``on_error``."""


@_spec("first", "plan")
def pybroker_record_rules(topic: str, config: Mapping[str, str], ctx: Context) -> Any:
    """Level L2. A RecordRules that C applies to each record of this topic, or None. Error: ``on_error`` for the topic's batches until it plans again."""


@_spec("first", "plan")
def pybroker_schema_validator(topic: str, which: Literal["key", "value"], config: Mapping[str, str], ctx: Context) -> Validator | None:
    """What keys or values of this topic must be; ``config``: the topic's effective values of plugin keys and its own. Asked when the topic is made and when its config changes. A bad record is told
    with its index and the reason (INVALID_RECORD). An error here: a topic that has asked for a schema refuses its batches (``on_error``) until the config is right."""


@_spec("first", "plan")
def pybroker_partitioner(topic: str, config: Mapping[str, str], ctx: Context) -> Partitioner | None:
    """Who chooses partitions for this topic: in ``pybroker produce``, and in the broker for topics with ``pybroker.repartition=true``, where each batch is split on its way in
    (refused for producers with an id: their sequence belongs to one partition). Default: murmur2 of the key, as Kafka's clients do; the given partition without a key."""


@_spec("all", "boot")
def pybroker_serdes(ctx: Context) -> list[Serde]:
    """Payload formats for ``pybroker produce``, ``consume`` and ``dump-log``. Default: bytes, text, json. Never on the way of plain produce and fetch."""
    raise NotImplementedError


# ---- groups


@_spec("all", "boot")
def pybroker_group_assignors(ctx: Context) -> list[Assignor]:
    """Server-side assignors (KIP-848) besides uniform and range; ``group.consumer.assignors`` names and orders them. What one gives is checked. Error, time-out, rubbish: uniform."""
    raise NotImplementedError


# ---- log and retention


@_spec("first", "plan")
def pybroker_retention_policy(topic: str, config: Mapping[str, str], ctx: Context) -> RetentionPolicy | None:
    """What is kept of this topic's partitions. Asked when the topic is made and when its config changes; the policy then plans each partition at every
    ``log.retention.check.interval.ms``. Default: ``retention.ms`` and ``retention.bytes``, in C. Error, rubbish, time-out: everything is kept."""


@_spec("first", "plan")
def pybroker_compaction(topic: str, config: Mapping[str, str], ctx: Context) -> Compactor | None:
    """Which records stay when this topic is cleaned. Default: the last value of each key, in C. Error, rubbish, time-out: the log stays as it is."""


# ---- admin


@_spec("all", "control")
def pybroker_topic_policy(request: TopicRequest, principal: Principal, ctx: Context) -> PolicyViolation | None:
    """Whether a topic may be made, changed or deleted by this principal; automatic creation asks too, and requests that only validate. Asked about what could be made otherwise,
    with the counts it would have. All must agree. Error, rubbish, time-out: POLICY_VIOLATION."""


@_spec("all", "control")
def pybroker_config_policy(request: ConfigChangeRequest, principal: Principal, ctx: Context) -> PolicyViolation | None:
    """Whether a config may change so; secrets read ``[hidden]``. Asked again when the values changed while it was asked. All must agree. Error, rubbish, time-out: POLICY_VIOLATION."""


@_spec("pipe", "control", "configs")
def pybroker_topic_defaults(name: str, configs: Mapping[str, str], principal: Principal, ctx: Context) -> Mapping[str, str] | None:
    """Configs of a topic that is about to be made, by request or automatically: those given, to be added to. What was given in the request wins; what is added is
    checked like it, and kept as the topic's own. Error, rubbish, time-out: as they were."""


@_spec("told", "bg")
def pybroker_audit(events: list[AuditEvent], ctx: Context) -> None:
    """What was done, in order, a few hundred at most at a time and within a second. At most 10,000 wait for each plugin; beyond that they are
    counted, and an event ``lost`` says how many. Error, time-out: the events of that call are lost to this plugin, and counted so."""


# ---- watching


@_spec("told", "bg")
def pybroker_metrics(registry: MetricsRegistry, ctx: Context) -> None:
    """Set gauges that are costly to keep; asked whenever metrics are read, which waits a second at most. Error, time-out: what was set before is told."""


@_spec("all", "boot")
def pybroker_health_checks(ctx: Context) -> list[Check]:
    """Checks of health besides the broker's, 64 at most; each gets two seconds. Error, rubbish, time-out: unhealthy; of the hook itself too, until it answers."""
    raise NotImplementedError


ARGUMENTS: Mapping[str, Sequence[str]] = {name: function.__code__.co_varnames[: function.__code__.co_argcount] for name, function in list(globals().items()) if name in SPECS}
"""Names of each hook's arguments, ``ctx`` among them."""
