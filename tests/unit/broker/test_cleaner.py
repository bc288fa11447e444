"""The cleaner's threads: pace, back-off, number and end."""

import threading

from pybroker.broker.cleaner import IDLE_PIECE_S, PAUSE_S_MAX, Cleaner


class Values:
    def __init__(self, **changes: object) -> None:
        self.values: dict[str, object] = {
            "log.cleaner.enable": True,
            "log.cleaner.threads": 2,
            "log.cleaner.backoff.ms": 15000,
            "log.cleaner.dedupe.buffer.size": 1000,
            "log.cleaner.io.buffer.load.factor": 0.9,
            "log.cleaner.io.max.bytes.per.second": 1000.0,
        } | {name.replace("_", "."): value for name, value in changes.items()}

    def integer(self, name: str) -> int:
        value = self.values[name]
        assert isinstance(value, int)
        return value

    def boolean(self, name: str) -> bool:
        return self.values[name] is True

    def value(self, name: str) -> object:
        return self.values[name]


class FakeCore:
    """Answers of ``clean``, in order; the last one again and again."""

    def __init__(self, *answers: "tuple[bool, int] | Exception") -> None:
        self.answers = list(answers)
        self.calls: list[tuple[int, int, float, int]] = []
        self.called = threading.Event()
        self.stopped = False

    def clean(self, worker: int, map_bytes_max: int, load_factor: float, bytes_max: int) -> tuple[bool, int]:
        self.calls.append((worker, map_bytes_max, load_factor, bytes_max))
        self.called.set()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def stop_cleaning(self) -> None:
        self.stopped = True


def cleaner(core: FakeCore, **changes: object) -> Cleaner:
    return Cleaner(core, Values(**changes))  # type: ignore[arg-type]


def test_a_piece_costs_what_the_throttle_allows_all_threads_together() -> None:
    core = FakeCore((True, 500))
    assert cleaner(core).turn(0) == 1.0
    assert core.calls[0][:3] == (0, 500, 0.9)
    assert cleaner(core).pause_s(10**9) == PAUSE_S_MAX
    assert cleaner(core, log_cleaner_io_max_bytes_per_second=1.7976931348623157e308).turn(1) < 1e-9


def test_nothing_to_do_and_errors_wait_for_the_back_off() -> None:
    assert cleaner(FakeCore((False, 0)), log_cleaner_threads=1).turn(1) == 15.0
    assert cleaner(FakeCore(RuntimeError("no space"))).turn(0) == 15.0
    assert cleaner(FakeCore((True, 0))).turn(0) == IDLE_PIECE_S


def test_threads_end_at_once_though_they_wait() -> None:
    core = FakeCore((False, 0))
    ours = cleaner(core)
    ours.start()
    assert core.called.wait(10)
    ours.stop()
    assert core.stopped
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("pb-cleaner")]


def test_none_runs_when_the_cleaner_is_disabled() -> None:
    core = FakeCore((False, 0))
    ours = cleaner(core, log_cleaner_enable=False)
    ours.start()
    ours.stop()
    assert not core.calls
