"""What a file of rules may say, what is refused in it, and what rules say of requests."""

from collections.abc import Mapping

import pytest
from pybroker_policy_rules.rules import RULES_MAX, Question, RulesError, parse

DEFAULTS = {"retention.ms": "604800000", "retention.bytes": "-1", "cleanup.policy": "delete"}


def said(text: str, action: str = "create", topic: str = "orders", principal: str = "User:alice", *, groups: tuple[str, ...] = (), partitions: int = 1, replicas: int = 1, own: Mapping[str, str] | None = None) -> str | None:
    question = Question(action, principal, groups, topic, partitions, replicas, own or {}, DEFAULTS.get)
    return parse(text.encode()).fault(question)


def test_without_rules_everything_may_be() -> None:
    assert said("") is None


@pytest.mark.parametrize(("topic", "text"), [("team-a.orders", None), ("orders", "the name must match team-[a-z]+[.].+")])
def test_names(topic: str, text: str | None) -> None:
    rules = "[[rule]]\nname = 'team-[a-z]+[.].+'"
    assert said(rules, topic=topic) == text
    assert said(rules, "delete", topic=topic) is None and said(rules, "add_partitions", topic=topic) is None, "what is there has its name"


@pytest.mark.parametrize(("count", "text"), [(1, "partitions must be at least 2"), (2, None), (6, None), (7, "partitions must be at most 6")])
def test_partitions(count: int, text: str | None) -> None:
    rules = "[[rule]]\npartitions = {min = 2, max = 6}"
    assert said(rules, partitions=count) == said(rules, "add_partitions", partitions=count) == text
    assert said(rules, "config", partitions=0) is None and said(rules, "delete", partitions=count) is None


def test_replication_factor() -> None:
    assert said("[[rule]]\nreplication_factor = {min = 3}", replicas=1) == "replication factor must be at least 3"


@pytest.mark.parametrize(
    ("demand", "own", "text"),
    [
        ("max = 1000", {"retention.ms": "1000"}, None),
        ("max = 1000", {"retention.ms": "1001"}, "retention.ms must be at most 1000"),
        ("max = 1000", {"retention.ms": "-1"}, "retention.ms must be at most 1000"),
        ("max = 1000", {}, "retention.ms must be at most 1000"),
        ("max = 604800000", {}, None),
        ("min = 5", {"retention.ms": "-1"}, None),
        ("min = 5", {"retention.ms": "4"}, "retention.ms must be at least 5"),
        ("min = 5", {"retention.ms": "many"}, "retention.ms must be a whole number"),
        ("required = true", {}, "retention.ms must be set"),
        ("required = true", {"retention.ms": "5"}, None),
        ("forbidden = true", {"retention.ms": "5"}, "retention.ms must not be set"),
        ("forbidden = true", {}, None),
        ("values = ['5', '6']", {"retention.ms": " 6 "}, None),
        ("values = ['5', '6']", {"retention.ms": "7"}, "retention.ms must be one of 5, 6"),
    ],
)
def test_configs(demand: str, own: Mapping[str, str], text: str | None) -> None:
    rules = f'[[rule]]\nconfigs = {{"retention.ms" = {{{demand}}}}}'
    assert said(rules, own=own) == said(rules, "config", own=own) == text
    assert said(rules, "delete", own=own) is None and said(rules, "add_partitions", own=own) is None


def test_a_rule_is_for_whom_it_names() -> None:
    rules = "[[rule]]\nprincipals = ['User:al*', 'Group:ops']\nactions = ['delete']\ntopics = ['prod.*']\ndeny = 'ask first'"
    assert said(rules, "delete", "prod.x") == "ask first"
    assert said(rules, "delete", "prod.x", "User:bob", groups=("ops",)) == "ask first"
    for action, topic, principal in (("delete", "prod.x", "User:bob"), ("delete", "test.x", "User:alice"), ("create", "prod.x", "User:alice"), ("delete", "xprod.x", "User:alice")):
        assert said(rules, action, topic, principal) is None


def test_allow_ends_the_look_and_the_first_that_is_not_kept_is_told() -> None:
    rules = "[[rule]]\nprincipals = ['User:root']\nallow = true\n[[rule]]\ndeny = 'first'\n[[rule]]\ndeny = 'second'"
    assert said(rules, principal="User:root") is None
    assert said(rules) == "first"


def test_a_message_says_why() -> None:
    assert said("[[rule]]\npartitions = {max = 1}\nmessage = 'big topics go to the other cluster'", partitions=2) == "big topics go to the other cluster (partitions must be at most 1)"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[rule]", "no TOML"),
        ("\xff", "no TOML"),
        ("x = 1", "unknown: x"),
        ("rule = 1", "rules stand in"),
        ("rule = [1]", "rules stand in"),
        ("[[rule]]\ntopics = ['a']", "rule 1: it demands nothing"),
        ("[[rule]]\ndeny = 'x'\n[[rule]]\npartition = 1\ndeny = 'x'", "rule 2: unknown: partition"),
        ("[[rule]]\ndeny = ''", "deny: one line"),
        ("[[rule]]\ndeny = 'a\\nb'", None),
        ('[[rule]]\ndeny = "a\\nb"', "deny: one line"),
        ("[[rule]]\ndeny = 'x'\ntopics = []", "empty list"),
        ("[[rule]]\ndeny = 'x'\ntopics = 'a'", "a list of texts"),
        ("[[rule]]\ndeny = 'x'\nactions = ['read']", "read is none of"),
        ("[[rule]]\nallow = 1", "true or false"),
        ("[[rule]]\nname = '(['", "no regular expression"),
        ("[[rule]]\npartitions = 3", "a table with min"),
        ("[[rule]]\npartitions = {max = 'x'}", "a whole number"),
        ("[[rule]]\npartitions = {max = true}", "a whole number"),
        ("[[rule]]\npartitions = {min = 2, max = 1}", "min is more than max"),
        ("[[rule]]\npartitions = {least = 2}", "unknown: least"),
        ("[[rule]]\nconfigs = {retention.ms = {max = 1}}", "stands in quotes|unknown: ms"),
        ('[[rule]]\nconfigs = {"retention.ms" = {}}', "stands in quotes"),
        ('[[rule]]\nconfigs = {"retention.ms" = {forbidden = true, max = 1}}', "forbidden stands alone"),
        ("[[rule]]\nconfigs = 1", "a table of config names"),
        ("[[rule]]\ndeny = 'x'\n" * (RULES_MAX + 1), "are more than"),
        ("#" * (1 << 20) + "\n", "more than 1048576 bytes"),
        ("x = " + "[" * 100_000, "no TOML"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(text: str, words: str | None) -> None:
    data = text.encode("latin-1")
    if words is None:
        assert parse(data).rules
        return
    with pytest.raises(RulesError, match=words) as refused:
        parse(data)
    assert "\n" not in str(refused.value) or words == "no TOML"
