"""The circuit breaker: after a failure only one caller at a time tries the server."""

import pytest

from app.rates.breaker import CircuitBreaker


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> CircuitBreaker:
    return CircuitBreaker(2, clock=clock)


def test_every_caller_may_try_a_working_server(breaker: CircuitBreaker) -> None:
    assert [breaker.may_try() for _ in range(3)] == [True, True, True]


def test_after_a_failure_no_caller_may_try_during_the_pause(breaker: CircuitBreaker, clock: Clock) -> None:
    breaker.failed()
    clock.now += 1.9

    assert not breaker.may_try()


def test_after_the_pause_only_one_caller_may_try(breaker: CircuitBreaker, clock: Clock) -> None:
    breaker.failed()
    clock.now += 2

    assert [breaker.may_try() for _ in range(3)] == [True, False, False]


def test_a_failed_try_starts_another_pause(breaker: CircuitBreaker, clock: Clock) -> None:
    breaker.failed()
    clock.now += 2
    breaker.may_try()
    breaker.failed()
    clock.now += 1.9

    assert not breaker.may_try()


def test_after_a_success_every_caller_may_try(breaker: CircuitBreaker) -> None:
    breaker.failed()
    breaker.worked()

    assert [breaker.may_try() for _ in range(2)] == [True, True]


def test_only_the_first_failure_and_the_first_success_report_a_change(breaker: CircuitBreaker) -> None:
    assert not breaker.worked()
    assert [breaker.failed(), breaker.failed()] == [True, False]
    assert [breaker.worked(), breaker.worked()] == [True, False]
