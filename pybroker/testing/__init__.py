"""What tests of plugins, and of programs that use a broker, need: hooks driven without a broker, and brokers that are up in a moment.

``Broker``        a real broker in a process of its own, on a free port
``Client``        the few requests that a test makes of it, without a client library
``PluginFolder``  plugins from a text, a module or a class, made available to such a broker as if they were installed
``hooks``         one hook of a plugin, asked without a broker
``fixtures``      both for pytest; installed with pybroker, nothing has to be imported
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pybroker.testing.broker import Broker, BrokerError
    from pybroker.testing.client import Client
    from pybroker.testing.plugin_folder import PluginFolder

_PLACES = {"Broker": "broker", "BrokerError": "broker", "Client": "client", "PluginFolder": "plugin_folder"}
__all__ = ["Broker", "BrokerError", "Client", "PluginFolder"]


def __getattr__(name: str) -> Any:
    """Names are found when first asked for: pytest imports this package in every project of an environment that has pybroker."""
    if name not in _PLACES:
        raise AttributeError(name)
    value = globals()[name] = getattr(import_module(f"pybroker.testing.{_PLACES[name]}"), name)
    return value
