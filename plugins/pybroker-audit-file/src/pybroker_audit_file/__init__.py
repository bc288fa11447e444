"""The audit in files: a JSON object a line, rotated by size, readable by their owner alone."""

import threading
from collections.abc import Mapping
from pathlib import Path

from pybroker.hooks import AuditEvent, ConfigKey, ConfigValue, Context, PluginInfo, hookimpl
from pybroker_audit_file.log_file import LogFile, line_of

__version__ = "0.1.0"
__all__ = ["AuditFile", "plugin"]

PATH, BYTES, COUNT, SYNC = "audit-file.path", "audit-file.bytes.max", "audit-file.count.max", "audit-file.fsync"


class AuditFile:
    """The audit of one broker."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._file: LogFile | None = None

    @hookimpl
    def pybroker_plugin_info(self) -> PluginInfo:
        return PluginInfo("audit-file", __version__, threads=1, summary="keeps the audit in files of JSON lines")

    @hookimpl
    def pybroker_config_keys(self) -> list[ConfigKey]:
        return [
            ConfigKey(PATH, "string", "", "File that events are written to. Empty: audit.log in the plugin's directory under the first log directory."),
            ConfigKey(BYTES, "long", str(64 << 20), "Size beyond which the file is rotated.", minimum=4096),
            ConfigKey(COUNT, "int", "10", "Rotated files that are kept beside the one that is written to.", minimum=0, maximum=1000),
            ConfigKey(SYNC, "string", "none", "batch: events are on disk when the next ones come; none: when the system writes them.", choices=("none", "batch")),
        ]

    @hookimpl
    def pybroker_configure(self, config: Mapping[str, ConfigValue], ctx: Context) -> None:
        """Raises ValueError: a broker whose audit cannot be written does not start."""
        path = Path(str(config[PATH])) if config[PATH] else Path(ctx.data_dir) / "audit.log"
        made = LogFile(path, int(str(config[BYTES])), int(str(config[COUNT])), sync=config[SYNC] == "batch")
        try:
            made.open()
        except OSError as error:
            raise ValueError(f"{path}: {error.strerror or error}") from error
        with self._lock:
            if self._file is not None:
                self._file.close()
            self._file = made

    @hookimpl
    def pybroker_audit(self, events: list[AuditEvent], ctx: Context) -> None:
        """Raises OSError: the broker counts these events as lost, and says so in the next ones."""
        with self._lock:
            if self._file is None:
                raise OSError("the audit is not open")
            rotated = self._file.write([line_of(event) for event in events])
        ctx.metrics.count("events", len(events))
        if rotated:
            ctx.metrics.count("rotations", rotated)

    @hookimpl
    def pybroker_shutdown(self) -> None:
        with self._lock:
            if self._file is not None:
                self._file.close()


plugin = AuditFile
"""What the entry point names: each broker makes one of its own."""
