"""Errors that Celery repeats while a broker refuses are logged once."""

import logging
from logging import makeLogRecord

import pytest

from workers import consumer
from workers.consumer import RepeatFilter


def line(message: str, error: Exception | None = None) -> logging.LogRecord:
    """Return a record of *message*, with the traceback of *error*."""
    return makeLogRecord({"msg": message, "exc_info": (type(error), error, None) if error else None})


def test_the_same_error_of_a_timer_is_logged_once_per_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(consumer, "monotonic", lambda: now)
    repeats = RepeatFilter()

    assert repeats.filter(line("Error in timer", ValueError()))
    assert not repeats.filter(line("Error in timer", ValueError()))
    assert repeats.filter(line("Error in timer", KeyError()))
    assert repeats.filter(line("Another", ValueError()))
    now = consumer.REPEATED_S
    assert repeats.filter(line("Error in timer", ValueError()))


def test_errors_of_the_consumer_are_logged_while_it_reconnects() -> None:
    with consumer._quiet:
        assert not consumer._quiet.filter(makeLogRecord({"levelno": logging.WARNING}))
        assert consumer._quiet.filter(makeLogRecord({"levelno": logging.ERROR}))
    assert consumer._quiet.filter(makeLogRecord({"levelno": logging.WARNING}))
