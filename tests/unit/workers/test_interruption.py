"""An error of a signal handler does not count as an error of the interrupted lane."""

import signal
from collections.abc import Iterator

import pytest
from celery.platforms import Signals, signals

from workers.interruption import LaneInterrupted, guard_handler, guard_signals, interruptible


def fail(*_: object) -> None:
    raise NotImplementedError


@pytest.fixture
def guarded() -> Iterator[None]:
    """Guard Celery's function that installs handlers, and restore the handler of SIGUSR1 after the test."""
    install, former = Signals.__setitem__, signal.getsignal(signal.SIGUSR1)
    guard_signals()
    try:
        yield
    finally:
        Signals.__setitem__ = install
        signal.signal(signal.SIGUSR1, former)


def test_an_error_of_a_handler_interrupts_the_lane_as_ctrl_c_would() -> None:
    with pytest.raises(KeyboardInterrupt), interruptible():
        guard_handler(fail)(1, None)


def test_an_error_of_a_handler_between_two_lanes_is_not_changed() -> None:
    with interruptible():
        pass
    with pytest.raises(NotImplementedError):
        guard_handler(fail)(1, None)


@pytest.mark.usefixtures("guarded")
def test_every_handler_that_celery_installs_is_guarded() -> None:
    signals["SIGUSR1"] = fail

    with pytest.raises(LaneInterrupted), interruptible():
        signal.raise_signal(signal.SIGUSR1)


@pytest.mark.usefixtures("guarded")
def test_a_signal_can_still_be_ignored() -> None:
    signals.ignore("SIGUSR1")

    assert signal.getsignal(signal.SIGUSR1) is signal.SIG_IGN
