"""``pybroker plugins``: what plugins a running broker has, and what they cost it."""

from collections.abc import Iterator, Mapping
from typing import Any

import click

from pybroker.cli.asking import ask, broker_options
from pybroker.cli.output import json_option, print_json, print_table, seconds


@click.group()
def plugins() -> None:
    """See the plugins of a running broker, and what they do."""


@plugins.command("list")
@broker_options
@json_option
def list_plugins(data_dir: str | None, config: str | None, as_json: bool) -> None:
    """Every plugin that is installed: whether it is enabled, where its hooks run, how often they were asked, what they cost.

    Level: L1 in C on the connection's loop; L2 rules that C applies; L3 a thread of its own, whole batches; L4 threads or a process beside the broker.
    Share: of one core's time since the broker started.
    """
    answer = ask(data_dir, config, "plugins")
    if as_json:
        print_json(answer)
        return
    if not answer["plugins"]:
        click.echo("no plugins are installed")
        return
    heads = ("plugin", "version", "hook", "level", "scope", "on error", "calls", "errors", "time-outs", "time", "share", "state")
    print_table(heads, (row for plugin in answer["plugins"] for row in _rows(plugin)), right=("calls", "errors", "time-outs", "time", "share"))
    for plugin in answer["plugins"]:
        if plugin.get("lane") and plugin["lane"]["given_up"]:
            click.echo(f"{plugin['name']}: {plugin['lane']['given_up']} requests were answered without it, because it did not come back in time")


def _rows(plugin: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """A line for each hook; the first one names the plugin."""
    head = (plugin["name"], plugin["version"])
    if not plugin["enabled"]:
        yield (*head, "", "", "", "", "", "", "", "", "", "not enabled")
        return
    scope = " ".join(plugin["scope"])
    if not plugin["hooks"]:
        yield (*head, "", "", scope, plugin["on_error"], "", "", "", "", "", "enabled")
    for hook in plugin["hooks"]:
        name = hook["hook"].removeprefix("pybroker_")
        counts = (str(hook["calls"]), str(hook["errors"]), str(hook["timeouts"]), seconds(hook["seconds"]), f"{hook['share']:.2%}")
        yield (*head, name, hook["level"], scope if hook["scoped"] else "", plugin["on_error"], *counts, "switched off" if hook["off"] else "enabled")
        head = ("", "")


@plugins.command()
@click.argument("topic")
@broker_options
@json_option
def explain(topic: str, data_dir: str | None, config: str | None, as_json: bool) -> None:
    """Everything that plugins do to a batch on its way into TOPIC, in order, and what the topic loses by it."""
    answer = ask(data_dir, config, "explain", topic=topic)
    if as_json:
        print_json(answer)
        return
    if answer["steps"]:
        rows = (
            (str(place), step["plugin"], step["hook"].removeprefix("pybroker_"), step["level"], step["point"], step["on_error"], str(step["batches"]), str(step["refused"]), step["cost"])
            for place, step in enumerate(answer["steps"], 1)
        )
        print_table(("", "plugin", "hook", "level", "on", "on error", "batches", "refused", "cost"), rows, right=("", "batches", "refused"))
    else:
        click.echo(f"no plugin has a say on batches of {topic}: they cost one test of a pointer")
    if answer["refusal"]:
        click.echo(f"every batch is refused: {answer['refusal']}")
    click.echo(f"zero-copy of fetches: {_kept(answer['zero_copy_lost_to'])}")
    click.echo(f"pipelining of produces within a connection: {_kept(answer['pipelining_lost_to'])}")


def _kept(plugins: list[str]) -> str:
    return f"lost to {', '.join(plugins)}" if plugins else "kept"
