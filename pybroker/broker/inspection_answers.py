"""What a running broker tells of itself to who looks in (inspection.py). Imported with the first question.

Thread      control; what reads other packages' files runs on a thread of the pool
"""

import os
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from pybroker import __version__
from pybroker.broker.inspection import QuestionError
from pybroker.broker.loop import asyncio

if TYPE_CHECKING:
    from pybroker.broker.server import Server
    from pybroker.hooks.calls import Plugin


async def answer(server: "Server", ask: str, arguments: Mapping[str, object]) -> object:
    """The answer to one question. Raises QuestionError."""
    if ask not in QUESTIONS:
        raise QuestionError(f"there is no question {ask[:100]!r}; there are {', '.join(QUESTIONS)}")
    return await QUESTIONS[ask](server, arguments)


async def status(server: "Server", _arguments: Mapping[str, object]) -> object:
    """Who it is, and how much it holds."""
    image = server.controller.image
    return {
        "version": __version__,
        "pid": os.getpid(),
        "node_id": server.node_id,
        "cluster_id": server.cluster_id,
        "uptime_s": round(_uptime_s(server), 3),
        "listeners": [str(listener) for listener in server.bound],
        "log_dirs": [{"path": place.path, "total_bytes": place.total_bytes, "usable_bytes": place.usable_bytes, "offline": place.offline} for place in server.log_dirs()],
        "topics": len(image.by_name),
        "partitions": sum(len(topic.partitions) for topic in image.by_name.values()),
        "offline_partitions": server.offline_partition_count,
        "plugins": [plugin.name for plugin in server.plugins.manager.plugins] if server.plugins.manager else [],
    }


def _uptime_s(server: "Server") -> float:
    return time.monotonic() - server.started_s


# ---- plugins


async def plugins(server: "Server", _arguments: Mapping[str, object]) -> object:
    """Every plugin that is installed, and of those that are enabled what their hooks did.

    ``lane``: batches that its lane took, and requests that were answered without it because it did not come back in time; null without a lane.
    """
    installed = await asyncio.get_running_loop().run_in_executor(None, _installed)
    enabled = server.plugins.manager.plugins if server.plugins.manager else ()
    rows = [_enabled(server, plugin, installed.pop(plugin.name, {})) for plugin in enabled]
    rows += [{"name": name, "enabled": False, **facts} for name, facts in sorted(installed.items())]
    return {"uptime_s": round(_uptime_s(server), 3), "plugins": rows}


def _installed() -> dict[str, dict[str, object]]:
    """Package and its version by the name of each plugin; nothing of it is imported."""
    from importlib.metadata import entry_points

    from pybroker.hooks import ENTRY_POINT_GROUP

    return {
        point.name: {"package": point.dist.name, "version": point.dist.version} if point.dist else {"package": "", "version": ""}
        for point in entry_points(group=ENTRY_POINT_GROUP)
    }


def _enabled(server: "Server", plugin: "Plugin", package: Mapping[str, object]) -> dict[str, object]:
    info = plugin.info
    lane = server.planned.lane_stats().get(plugin.name)
    return {
        "name": plugin.name,
        "enabled": True,
        "package": package.get("package", ""),
        "version": info.version,
        "api": info.api,
        "summary": info.summary,
        "on_error": info.on_error,
        "scope": list(info.scope.topics),
        "deadline_ms": info.deadline_ms,
        "control_deadline_ms": info.control_deadline_ms,
        "threads": info.threads,
        "worker_process": info.worker_process,
        "lane": None if lane is None else {"batches": lane[0], "given_up": lane[1]},
        "hooks": _hooks(server, plugin),
    }


def _hooks(server: "Server", plugin: "Plugin") -> list[dict[str, Any]]:
    """A row for each hook that the plugin implements: where it runs, and its counts. ``scoped``: asked of topics in scope only. ``share``: of one core's time since the broker started."""
    from pybroker.hooks.hookspecs import SPECS

    manager = server.plugins.manager
    assert manager is not None
    uptime_s = max(_uptime_s(server), 1e-9)
    return [
        {
            "hook": facts.hook,
            "path": SPECS[facts.hook].path,
            "level": level(facts.hook, plugin),
            "scoped": SPECS[facts.hook].path in ("batch", "plan") or facts.hook == "pybroker_native_hooks",
            "calls": facts.calls,
            "errors": facts.errors,
            "timeouts": facts.timeouts,
            "seconds": round(facts.seconds, 6),
            "share": round(facts.seconds / uptime_s, 6),
            "off": facts.off,
        }
        for facts in manager.facts(time.monotonic())
        if facts.plugin == plugin.name and facts.hook != "pybroker_plugin_info"     # asked when it is loaded, before anybody counts
    ]


def level(hook: str, plugin: "Plugin") -> str:
    """Where the hook runs. Those asked once per topic give what runs somewhere else: ``explain`` says where for each topic."""
    from pybroker.hooks.hookspecs import SPECS

    if hook == "pybroker_native_hooks":
        return "L1"
    if hook == "pybroker_record_rules":
        return "L2"
    if SPECS[hook].path == "batch":
        return "L4" if plugin.info.worker_process else "L3"
    return "L4"


# ---- one topic


async def explain(server: "Server", arguments: Mapping[str, object]) -> object:
    """Everything that plugins do to produced batches of a topic, in order, and what the topic loses by it."""
    name = arguments.get("topic")
    topic = server.controller.image.by_name.get(name) if isinstance(name, str) else None
    if topic is None:
        raise QuestionError(f"there is no topic {name!r}" if isinstance(name, str) else 'explain takes the name of a topic in "topic"')
    steps, refusal = server.planned.explain(topic.name)
    lanes = list(dict.fromkeys(step.plugin for step in steps if step.level in ("L3", "L4")))
    return {
        "topic": topic.name,
        "partitions": len(topic.partitions),
        "steps": [step._asdict() for step in steps],
        "refusal": refusal,
        "pipelining_lost_to": lanes,
        "zero_copy_lost_to": [],                            # of fetches; no hook there is asks about fetched batches
    }


QUESTIONS: Mapping[str, Callable[["Server", Mapping[str, object]], Awaitable[object]]] = {"status": status, "plugins": plugins, "explain": explain}
