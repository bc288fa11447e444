"""A client in a process of its own: produce and fetch, one after the other, for some seconds; prints the longest request and how many there were, as JSON."""

import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.support.client import FETCH_VERSION, ONE_RECORD, PRODUCE_VERSION, Client


def main(port: int, seconds: float) -> None:
    longest_ms, count, offset = 0.0, 0, 0
    with Client(port) as client:
        assert client.produce("seam", ONE_RECORD).error_code == 0
        print("started", flush=True)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for request, version in ((client.produce_request("seam", ONE_RECORD), PRODUCE_VERSION), (client.fetch_request("seam", offset), FETCH_VERSION)):
                begin = time.perf_counter()
                client.call(request, version)
                longest_ms = max(longest_ms, (time.perf_counter() - begin) * 1000)
                count += 1
            offset += 1
    print(json.dumps({"longest_ms": longest_ms, "count": count}), flush=True)


main(int(sys.argv[1]), float(sys.argv[2]))
