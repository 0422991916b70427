"""The loop around a service: it works while there is work, pauses, waits out what is away, and stops."""

import logging
from collections.abc import Callable, Iterable
from threading import Event

import pytest
from psycopg.errors import QueryCanceled

from app.errors import BrokerUnavailable, DatabaseUnavailable, SetupError
from app.metrics.instruments import UndeclaredSeries
from app.metrics.relay import SERVICES
from workers.loop import RETRY_S, run_repeatedly


class Stop(Event):
    """An event that is never waited for, and notes how long it was to be; set when the script has run out."""

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
    """Return a service that does or raises what *script* says, and stops the loop with its last step."""
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
    """Return how long the loop waits while its service goes through *script*."""
    stop = Stop()
    run_repeatedly(
        scripted(stop, script), pause_s=0.25, stop=stop, name="relay", metrics=SERVICES, retry_on=(BrokerUnavailable,)
    )
    return stop.waits


def test_it_goes_on_at_once_while_there_is_work() -> None:
    assert waits([3, 1, 500]) == []


def test_it_pauses_when_there_is_none() -> None:
    assert waits([0, 2, 0, 0]) == [0.25] * 3


@pytest.mark.parametrize("error", [DatabaseUnavailable("PostgreSQL is away."), BrokerUnavailable("Redis is away.")])
def test_it_waits_while_what_it_needs_is_away_and_says_so_once(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    assert waits([error, error, error, 1, 0]) == [RETRY_S, RETRY_S, RETRY_S, 0.25]
    assert [record.message for record in caplog.records] == ["service_waiting", "service_resumed"]
    assert caplog.records[0].__dict__["reason"] == str(error)
    assert {record.__dict__["service"] for record in caplog.records} == {"relay"}


def test_a_database_that_is_too_busy_is_waited_for_too(caplog: pytest.LogCaptureFixture) -> None:
    assert waits([QueryCanceled("canceling statement due to statement timeout"), 1]) == [RETRY_S]
    assert caplog.records[0].__dict__["reason"] == "QueryCanceled"


def test_every_absence_is_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    away = BrokerUnavailable("Redis is away.")

    waits([away, 1, away, away, 0])

    assert [record.message for record in caplog.records] == ["service_waiting", "service_resumed"] * 2


def test_any_other_error_ends_it() -> None:
    with pytest.raises(SetupError):
        waits([1, SetupError("Something else."), 1])


def test_it_does_not_begin_when_it_is_told_to_stop_before() -> None:
    stop = Stop()
    stop.set()

    run_repeatedly(
        lambda: pytest.fail("it ran"),
        pause_s=1,
        stop=stop,
        name="relay",
        metrics=SERVICES,
        retry_on=(BrokerUnavailable,),
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
