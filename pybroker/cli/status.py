"""``pybroker status``."""

import click

from pybroker.cli.asking import ask, broker_options
from pybroker.cli.output import json_option, print_json, print_table, size


@click.command()
@broker_options
@json_option
def status(data_dir: str | None, config: str | None, as_json: bool) -> None:
    """See how a running broker is: where it listens, what it holds, how much room there is."""
    answer = ask(data_dir, config, "status")
    if as_json:
        print_json(answer)
        return
    rows = [
        ("version", answer["version"]),
        ("process", str(answer["pid"])),
        ("node", str(answer["node_id"])),
        ("cluster", answer["cluster_id"]),
        ("up for", f"{answer['uptime_s']:.0f} s"),
        ("listens at", "\n".join(answer["listeners"])),
        ("topics", str(answer["topics"])),
        ("partitions", str(answer["partitions"])),
        ("off-line", str(answer["offline_partitions"])),
        ("plugins", ", ".join(answer["plugins"]) or "none"),
    ]
    for place in answer["log_dirs"]:
        room = "off-line" if place["offline"] else f"{size(place['usable_bytes'])} of {size(place['total_bytes'])} free"
        rows.append(("data", f"{place['path']} ({room})"))
    print_table(("broker", ""), rows)
