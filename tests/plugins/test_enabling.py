"""Which plugins a broker loads, in which order, and which ones keep it from starting."""

from pathlib import Path
from typing import Any

import pytest

from pybroker.hooks import ConfigKey, PluginInfo, hookimpl
from tests.support.broker import BrokerError
from tests.support.fixtures import StartBroker
from tests.support.plugins import PluginFolder, with_plugins


class Writes:
    """Leaves a file when the broker starts, with what its config key says."""

    @hookimpl
    def pybroker_plugin_info(self) -> PluginInfo:
        return PluginInfo("writes", "1")

    @hookimpl
    def pybroker_config_keys(self) -> list[ConfigKey]:
        return [ConfigKey("writes.text", "string", "nothing", "What the file says.")]

    @hookimpl
    def pybroker_startup(self, ctx: Any) -> None:
        place = Path(ctx.data_dir)
        place.mkdir(parents=True, exist_ok=True)
        (place / "started").write_text(f"{ctx.config('writes.text')} {ctx.plugin}")


def make_writes() -> Writes:
    return Writes()


TEXT = """
from pathlib import Path
from pybroker.hooks import PluginInfo, hookimpl

@hookimpl
def pybroker_plugin_info():
    return PluginInfo("noted", "1")

@hookimpl
def pybroker_startup(ctx):
    Path(ctx.data_dir).mkdir(parents=True)
    (Path(ctx.data_dir) / "started").write_text(ctx.plugin)
"""


def said(broker: Any, name: str) -> str:
    return Path(broker.data_dir, "plugins", name, "started").read_text()


def test_a_class_a_function_and_a_text_are_plugins(start_broker: StartBroker) -> None:
    broker = start_broker({"writes.text": "hello"}, plugins={"writes": Writes, "noted": TEXT})
    assert said(broker, "writes") == "hello writes"
    assert said(broker, "noted") == "noted"
    assert said(start_broker(name="other", plugins={"made": make_writes}), "made") == "nothing made"


@pytest.mark.parametrize("wrong", [object(), lambda: None], ids=["instance", "lambda"])
def test_what_cannot_go_to_another_process_is_no_plugin(tmp_path: Path, wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"process|outside"):
        PluginFolder(tmp_path).add("wrong", wrong)


def test_a_plugin_that_is_not_enabled_is_never_imported(start_broker: StartBroker, tmp_path: Path) -> None:
    trace = tmp_path / "imported"
    explodes = f"from pathlib import Path\nPath({str(trace)!r}).touch()\nraise SystemExit('imported')\n"
    broker = start_broker({"pybroker.plugins": "writes"}, plugins={"explodes": explodes, "writes": Writes})
    assert said(broker, "writes") == "nothing writes"
    assert not trace.exists()
    none_enabled = start_broker({"pybroker.plugins": ""}, name="none", plugins={"explodes": explodes})
    assert none_enabled.is_alive and not trace.exists()


def refusal(start_broker: StartBroker, **plugins: Any) -> str:
    with pytest.raises(BrokerError, match="before it was ready") as failure:
        start_broker(plugins=plugins)
    return str(failure.value)


HEAD = "from pybroker.hooks import PluginInfo, hookimpl\n"
INFO = HEAD + "@hookimpl\ndef pybroker_plugin_info():\n    return PluginInfo('p', '1')\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (INFO.replace("'1'", "'1', api=2"), "version 2 of the hook interface"),
        (INFO.replace("'1'", "'1', api=0"), "version 0 of the hook interface"),
        (HEAD, "has no pybroker_plugin_info"),
        ("import nothing_of_that_name\n", "ModuleNotFoundError"),
        (INFO + "@hookimpl\ndef pybroker_startup():\n    raise OSError('no key here')\n", "pybroker_startup of plugin p: OSError: no key here"),
        (INFO + "@hookimpl\ndef pybroker_authorise(): ...\n", "did you mean pybroker_authorize"),
        (INFO + "raise SystemExit(0)\n", "SystemExit"),
    ],
    ids=["too-new", "too-old", "no-info", "no-import", "fails-at-start", "no-such-hook", "exits"],
)
def test_a_plugin_that_cannot_be_used_keeps_the_broker_from_starting(start_broker: StartBroker, text: str, says: str) -> None:
    line = refusal(start_broker, p=text)
    assert "plugin p" in line and says in line


AUTHORIZER = INFO + "@hookimpl\ndef pybroker_startup():\n    raise RuntimeError('rules are gone')\n@hookimpl\ndef pybroker_authorize(actions):\n    return None\n"


def test_an_authorizer_that_fails_at_start_leaves_no_broker_that_lets_everybody_in(start_broker: StartBroker) -> None:
    assert "rules are gone" in refusal(start_broker, p=AUTHORIZER)


def test_a_name_that_is_not_installed_is_told_with_those_that_are(tmp_path: Path, start_broker: StartBroker) -> None:
    with pytest.raises(BrokerError, match=r"no plugin 'wrties' is installed; installed are: .*writes"):
        start_broker({"pybroker.plugins": "wrties"}, plugins={"writes": Writes})


def test_settings_and_environment_name_what_was_added(tmp_path: Path) -> None:
    settings, environment = with_plugins(tmp_path / "p", {"b": TEXT, "a": TEXT})
    assert settings == {"pybroker.plugins": "b,a"}
    assert environment["PYTHONPATH"].startswith(str(tmp_path / "p"))
