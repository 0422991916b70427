"""The loop around a service: it works while there is work, pauses, waits for unreachable servers, and stops."""

import logging
from collections.abc import Callable, Iterable
from threading import Event

import pytest
from psycopg.errors import DiskFull, InsufficientPrivilege, InternalError_, QueryCanceled, ReadOnlySqlTransaction

from app.errors import BrokerUnavailable, DatabaseUnavailable
from app.metrics.instruments import UndeclaredSeries
from app.metrics.relay import SERVICES
from workers.loop import LONGEST_RETRY_S, RETRY_S, run_repeatedly


class Stop(Event):
    """An event that records the requested waits without waiting. The last step of the script sets it."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []
        self._stopped = False

    def set(self) -> None:
        self._stopped = True

    def is_set(self) -> bool:
        return self._stopped

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout or 0)
        return self._stopped


def scripted(stop: Stop, script: Iterable[int | Exception]) -> Callable[[], int]:
    """Return a service that returns or raises the steps of *script*, and stops the loop with the last one."""
    steps = list(script)

    def run_once() -> int:
        step = steps.pop(0)
        if not steps:
            stop.set()
        if isinstance(step, Exception):
            raise step
        return step

    return run_once


def waits(script: Iterable[int | Exception]) -> list[float]:
    """Return the waits of the loop, in seconds, while its service runs *script*."""
    stop = Stop()
    run_repeatedly(scripted(stop, script), pause_s=0.25, stop=stop, name="relay", metrics=SERVICES)
    return stop.waits


def test_the_loop_does_not_pause_while_there_is_work() -> None:
    assert waits([3, 1, 500]) == []


def test_the_loop_pauses_without_work() -> None:
    assert waits([0, 2, 0, 0]) == [0.25] * 3


@pytest.mark.parametrize("error", [DatabaseUnavailable("PostgreSQL is away."), BrokerUnavailable("Redis is away.")])
def test_the_loop_waits_for_an_unreachable_server_and_logs_it_once(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    assert waits([error, error, error, 1, 0]) == [RETRY_S, RETRY_S, RETRY_S, 0.25]
    assert [record.message for record in caplog.records] == ["service_waiting", "service_resumed"]
    assert caplog.records[0].__dict__["reason"] == str(error)
    assert {record.__dict__["service"] for record in caplog.records} == {"relay"}


def test_the_loop_waits_for_a_database_that_is_too_busy(caplog: pytest.LogCaptureFixture) -> None:
    assert waits([QueryCanceled("canceling statement due to statement timeout"), 1]) == [RETRY_S]
    assert "too busy (QueryCanceled)" in caplog.records[0].__dict__["reason"]


def test_each_outage_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    away = BrokerUnavailable("Redis is away.")

    waits([away, 1, away, away, 0])

    assert [record.message for record in caplog.records] == ["service_waiting", "service_resumed"] * 2


def test_a_bug_does_not_end_the_loop_and_is_logged_once_with_growing_pauses(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    crashed = SERVICES.crashed_rounds.value("relay")

    assert waits([*[ValueError("Ann Lee")] * 8, KeyError("Ann Lee"), 0, 1]) == [
        *(RETRY_S * 2**number for number in range(6)),
        *[LONGEST_RETRY_S] * 3,
        0.25,
    ]
    assert SERVICES.crashed_rounds.value("relay") == crashed + 9
    assert [record.message for record in caplog.records] == ["service_failed"] * 2 + ["service_resumed"]
    assert [type(record.exc_info[1]) for record in caplog.records[:2] if record.exc_info] == [ValueError, KeyError]


@pytest.mark.parametrize("error", [ReadOnlySqlTransaction(), InsufficientPrivilege(), DiskFull(), InternalError_()])
def test_the_loop_waits_for_a_server_that_refuses_work(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    assert waits([error, error, 1]) == [RETRY_S, RETRY_S]
    (record,) = caplog.records
    assert type(error).__name__ in record.__dict__["reason"]


def test_a_stopped_loop_does_not_start() -> None:
    stop = Stop()
    stop.set()

    run_repeatedly(
        lambda: pytest.fail("it ran"),
        pause_s=1,
        stop=stop,
        name="relay",
        metrics=SERVICES,
    )

    assert stop.waits == []


def test_rounds_and_failures_are_counted() -> None:
    rounds, failed = (metric.value("relay") for metric in (SERVICES.rounds, SERVICES.failed_rounds))
    waits([3, BrokerUnavailable("Redis is away."), 0])

    assert SERVICES.rounds.value("relay") == rounds + 2
    assert SERVICES.failed_rounds.value("relay") == failed + 1
    assert SERVICES.last_round.value("relay") > 0


def test_a_service_without_declared_metrics_does_not_run() -> None:
    stop = Stop()

    with pytest.raises(UndeclaredSeries, match="service='unknown'"):
        run_repeatedly(lambda: 1, pause_s=1, stop=stop, name="unknown", metrics=SERVICES)
