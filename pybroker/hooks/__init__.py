"""The open inside: what plugins implement, what they receive, and what they return.

A plugin imports from here and from ``pybroker.protocol`` only::

    from pybroker.hooks import PluginInfo, hookimpl

    @hookimpl
    def pybroker_plugin_info():
        return PluginInfo("acme-policy", "1.0")

``hookspecs`` says of every hook when it is asked, with what, what it may return, on which path it lies, and what it costs.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pluggy import HookimplMarker

    from pybroker.hooks.programs import RecordRules
    from pybroker.hooks.types import (
        ACCEPT,
        ALLOW,
        API_VERSION,
        DENY,
        KEEP,
        REWRITE,
        Accept,
        Action,
        Assignor,
        AuditEvent,
        AuthResult,
        BatchView,
        Check,
        CheckResult,
        Compactor,
        ConfigChangeRequest,
        ConfigKey,
        ConfigValue,
        Connection,
        Context,
        Credentials,
        CredentialStore,
        DeadLetter,
        Decision,
        Deny,
        Drop,
        MetricsRegistry,
        Native,
        Partitioner,
        Periodic,
        PluginInfo,
        PolicyViolation,
        Principal,
        Record,
        RecordFault,
        RecordMeta,
        Reject,
        Replace,
        RetentionPolicy,
        Route,
        SaslMechanism,
        SaslStep,
        Scope,
        SegmentInfo,
        Serde,
        TopicRequest,
        Validator,
        Verdict,
    )

    hookimpl: HookimplMarker

PROJECT = "pybroker"
ENTRY_POINT_GROUP = "pybroker.plugins"

__all__ = [
    "ACCEPT", "ALLOW", "API_VERSION", "DENY", "ENTRY_POINT_GROUP", "KEEP", "PROJECT", "REWRITE", "Accept", "Action", "Assignor", "AuditEvent", "AuthResult", "BatchView",
    "Check", "CheckResult", "Compactor", "ConfigChangeRequest", "ConfigKey", "ConfigValue", "Connection", "Context", "CredentialStore", "Credentials", "DeadLetter",
    "Decision", "Deny", "Drop", "MetricsRegistry", "Native", "Partitioner", "Periodic", "PluginInfo", "PolicyViolation", "Principal", "Record", "RecordFault", "RecordMeta",
    "RecordRules", "Reject", "Replace", "RetentionPolicy", "Route", "SaslMechanism", "SaslStep", "Scope", "SegmentInfo", "Serde", "TopicRequest", "Validator", "Verdict",
    "get_include", "hookimpl",
]  # fmt: skip


def get_include() -> str:
    """Directory of ``pybroker_native.h``, for plugins that bring functions in C."""
    import os

    return os.path.join(os.path.dirname(__file__), "include")


def __getattr__(name: str) -> Any:
    """Names are found when first asked for: a broker without plugins imports neither pluggy nor the types."""
    if name == "hookimpl":
        from pluggy import HookimplMarker

        value: Any = HookimplMarker(PROJECT)
    elif name in __all__:
        from pybroker.hooks import programs, types

        value = getattr(programs if name == "RecordRules" else types, name)
    else:
        raise AttributeError(name)
    globals()[name] = value
    return value
