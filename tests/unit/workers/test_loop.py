"""The loop around a service: it works while there is work, pauses, waits out what is away, and stops."""

import logging
from collections.abc import Callable, Iterable

import pytest
from psycopg.errors import QueryCanceled

from app.errors import DatabaseUnavailable, SetupError
from workers.broker import BrokerUnavailable
from workers.loop import AWAY_S, run_repeatedly


class Stop:
    """An event that is never waited for, and notes how long it was to be; set when the script has run out."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        self._set = False

    def set(self) -> None:
        self._set = True

    def is_set(self) -> bool:
        return self._set

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        return self._set


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
    run_repeatedly(scripted(stop, script), pause_s=0.25, stop=stop, name="relay", away_when=(BrokerUnavailable,))  # type: ignore[arg-type]
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

    assert waits([error, error, error, 1, 0]) == [AWAY_S, AWAY_S, AWAY_S, 0.25]
    assert [record.message for record in caplog.records] == ["waiting", "back"]
    assert caplog.records[0].__dict__["reason"] == str(error)
    assert {record.__dict__["service"] for record in caplog.records} == {"relay"}


def test_a_database_that_is_too_busy_is_waited_for_too(caplog: pytest.LogCaptureFixture) -> None:
    assert waits([QueryCanceled("canceling statement due to statement timeout"), 1]) == [AWAY_S]
    assert caplog.records[0].__dict__["reason"] == "QueryCanceled"


def test_every_absence_is_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    away = BrokerUnavailable("Redis is away.")

    waits([away, 1, away, away, 0])

    assert [record.message for record in caplog.records] == ["waiting", "back"] * 2


def test_any_other_error_ends_it() -> None:
    with pytest.raises(SetupError):
        waits([1, SetupError("Something else."), 1])


def test_it_does_not_begin_when_it_is_told_to_stop_before() -> None:
    stop = Stop()
    stop.set()

    run_repeatedly(lambda: pytest.fail("it ran"), pause_s=1, stop=stop, name="relay", away_when=(BrokerUnavailable,))  # type: ignore[arg-type]

    assert stop.waits == []
