"""kcat behind the scenarios: a run of the program for each group of records that its options can describe together, a run for each reading."""

import json
import os
import select
import subprocess
import time
from collections.abc import Sequence
from itertools import groupby
from typing import IO, ClassVar, Final

from tests.clients.adapters import ANSWER_S_MAX, Adapter, Found, OnReady, nothing
from tests.clients.scenarios import At, Begin, Codec, Feature, Record

KEY_END: Final = b"<end of key>"
RECORD_END: Final = b"<end of record>"


class Kcat(Adapter):
    name = "kcat"
    lacks: ClassVar[dict[Feature, str]] = {"timestamps": "kcat has no option for a record's timestamp"}

    def _run(self, *words: str, data: bytes = b"") -> bytes:
        done = subprocess.run(["kcat", "-b", self.bootstrap, *words], input=data, capture_output=True, timeout=ANSWER_S_MAX)
        assert done.returncode == 0, done.stderr.decode(errors="replace")
        return done.stdout

    def create(self, topic: str, partitions: int) -> int:
        """kcat creates by asking for the topic's metadata (auto.create.topics.enable); it cannot say how many partitions. A broker may answer that the topic is unknown
        while it makes it (Apache Kafka does): kcat asks again."""
        deadline = time.monotonic() + ANSWER_S_MAX
        while True:
            [found] = json.loads(self._run("-L", "-J", "-t", topic))["topics"]
            if "error" not in found:
                return len(found["partitions"])
            assert found["error"] == "Broker: Unknown topic or partition" and time.monotonic() < deadline, found

    def write(self, topic: str, records: Sequence[Record], codec: Codec = "none", partition: int = 0) -> None:
        for (headers, without_key, without_value), group in groupby(records, lambda one: (one.headers, one.key is None, one.value is None)):
            words = ["-P", "-t", topic, "-p", str(partition), "-z", codec, "-D", RECORD_END.decode(), "-X", "enable.idempotence=true", "-X", "message.max.bytes=1048576"]
            for name, value in headers:
                words += ["-H", name if value is None else f"{name}={value.decode()}"]
            if without_value:
                words.append("-Z")                                          # what is empty is sent as null
            if not without_key:
                words += ["-K", KEY_END.decode()]
            self._run(*words, data=b"".join((b"" if one.key is None else one.key + KEY_END) + (one.value or b"") + RECORD_END for one in group))

    def read(self, topic: str, begin: Begin, count: int, partition: int = 0, on_ready: OnReady = nothing) -> Found:
        place = {"start": "beginning", "end": "end"}[begin] if isinstance(begin, str) else f"s@{begin.timestamp}" if isinstance(begin, At) else str(begin)
        # Unbuffered, flushed at the end of the topic; stderr tells that end, and so that the place is found.
        words = ["kcat", "-b", self.bootstrap, "-C", "-t", topic, "-p", str(partition), "-o", place, "-c", str(count), "-u", "-f", "%o %T %K %S [%h]\n%k%s\n"]
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            try:
                assert process.stdout is not None and process.stderr is not None
                if begin == "end":
                    _read_until(process.stderr, b"% Reached end of topic")
                on_ready()
                output, errors = process.communicate(timeout=ANSWER_S_MAX)
                assert process.returncode == 0, errors.decode(errors="replace")
            finally:
                process.kill()
        return _records(output)


def _read_until(pipe: IO[bytes], text: bytes) -> None:
    seen, deadline = b"", time.monotonic() + ANSWER_S_MAX
    while text not in seen:
        readable, _, _ = select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))
        assert readable, seen
        got = os.read(pipe.fileno(), 4096)
        assert got, seen
        seen += got


def _records(output: bytes) -> Found:
    """offset timestamp key-size value-size [headers], then key and value; a size of -1 is null."""
    found: Found = []
    while output:
        line, _, output = output.partition(b"\n")
        offset, timestamp, key_size, value_size, headers = line.split(b" ", 4)
        key_bytes, value_bytes = max(0, int(key_size)), max(0, int(value_size))
        key = output[:key_bytes] if int(key_size) >= 0 else None
        value = output[key_bytes : key_bytes + value_bytes] if int(value_size) >= 0 else None
        assert output[key_bytes + value_bytes : key_bytes + value_bytes + 1] == b"\n"
        output = output[key_bytes + value_bytes + 1 :]
        pairs = (pair.partition(b"=") for pair in headers[1:-1].split(b",") if pair)
        found.append((int(offset), Record(key, value, tuple((name.decode(), None if text == b"NULL" else text) for name, _, text in pairs), int(timestamp))))
    return found
