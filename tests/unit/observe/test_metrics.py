"""Names of metrics: each stands once, has a meaning, and stands in the docs."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from pybroker.observe.metrics import CORE, BrokerCollector, HookRow, LagRow, LogDirRow, OwnRow, PartitionRow, Picture, own_families

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "reference" / "metrics.rst"

FULL = Picture(
    version="1",
    node_id=1,
    cluster_id="c",
    core={key: number for number, (key, *_rest) in enumerate(CORE)},
    topics=1,
    partitions=1,
    partitions_offline=0,
    partition_rows=[PartitionRow("t", 0, 1, 2, 3, 4)],
    partitions_left_out=0,
    log_dirs=[LogDirRow("/d", 0, 5)],
    groups=1,
    lags=[LagRow("g", "t", 0, 2, 1), LagRow("g", "t", 1, 2, -1)],
    lags_left_out=0,
    hooks=[HookRow("p", "h", 3, 2, 1, 0.5, True)],
    own=[],
    own_dropped=0,
    threads={"p": 2},
    audit_waiting=0,
    audit_lost=0,
)


def samples(picture: Picture) -> dict[str, list[tuple[dict[str, str], float]]]:
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in BrokerCollector(lambda: picture).collect():
        assert family.documentation
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def test_every_metric_stands_in_the_docs_and_the_other_way_round() -> None:
    documented = set(re.findall(r"^``(pybroker_\w+)``", PAGE.read_text(), re.MULTILINE))
    assert documented == set(samples(FULL))


def test_every_counter_of_the_core_has_a_name_of_its_own() -> None:
    block = (ROOT / "csrc" / "pb.h").read_text().split("#define PB_STATS(X)")[1].split("#define PB_STAT_ENUM")[0]
    assert sorted(key for key, *_rest in CORE) == sorted(re.findall(r"X\((\w+)\)", block))
    assert len({name for _key, _kind, name, _text in CORE}) == len(CORE)


def test_a_counter_that_is_new_in_the_core_is_told_too() -> None:
    assert samples(replace(FULL, core={"something_new": 7}))["pybroker_something_new"] == [({}, 7)]


def test_values_are_where_they_belong() -> None:
    found = samples(FULL)
    assert found["pybroker_partition_high_watermark"] == [({"topic": "t", "partition": "0"}, 2)]
    assert found["pybroker_group_lag"] == [({"group": "g", "topic": "t", "partition": "0"}, 1)], "a lag that is not known is no number"
    assert found["pybroker_plugin_calls_total"] == [({"plugin": "p", "hook": "h"}, 3)]
    assert found["pybroker_plugin_hook_off"] == [({"plugin": "p", "hook": "h"}, 1)]


@pytest.mark.parametrize(
    ("rows", "made"),
    [
        ([OwnRow("a", "counter", "n_total", (), 1.0), OwnRow("a", "gauge", "n", (), 2.0)], [("pybroker_plugin_a_n_total", {}, 1.0)]),
        ([OwnRow("a", "counter", "n", (), 1.0), OwnRow("a", "counter", "n", (("l", "x"),), 3.0)], [("pybroker_plugin_a_n_total", {}, 1.0)]),
        ([OwnRow("a", "gauge", "m", (("l!", "x"), ("l ", "y")), 1.0)], []),
        ([OwnRow("a-b", "gauge", "m", (), 1.0), OwnRow("a_b", "gauge", "m", (("l", "x"),), 2.0)], [("pybroker_plugin_a_b_m", {}, 1.0)]),
        ([OwnRow("a", "gauge", "m", (("__name__", "x"),), 1.0)], [("pybroker_plugin_a_m", {"name__": "x"}, 1.0)]),
        ([OwnRow("a", "gauge", "größe", (("0", "x"),), 1.0)], [("pybroker_plugin_a_gr__e", {"label_0": "x"}, 1.0)]),
    ],
)
def test_names_of_plugins_stay_apart(rows: list[OwnRow], made: list[tuple[str, dict[str, str], float]]) -> None:
    assert [(sample.name, sample.labels, sample.value) for family in own_families(rows) for sample in family.samples] == made
