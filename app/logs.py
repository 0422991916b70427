"""Logging: one line per event on standard error, as JSON for machines or as text for people.

Every line says what happened in its message and with what in its `extra` fields: ids, counts and durations. An email
address, a phone number or any other thing that tells who a person is never stands in a line; therefore tracebacks leave
out the texts of errors, unless MERGELANE_LOG_ERROR_TEXTS asks for them.
"""

import logging
import logging.config
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import Any

from pythonjsonlogger.orjson import OrjsonFormatter

from app.config import Settings
from app.errors import MergelaneError
from app.redaction import without_values

LOG = logging.getLogger(__name__)

#: The request that is being answered, "" outside of one.
request_id: ContextVar[str] = ContextVar("request_id", default="")

#: What a record has of itself; all else came in through `extra`.
OWN_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "request_id"}


@contextmanager
def bearing(requests: Sequence[str]) -> Iterator[None]:
    """Let the lines of the block bear the id of the request for which it works, when that is but one of *requests*."""
    token = request_id.set(requests[0] if len(requests) == 1 else "")
    try:
        yield
    finally:
        request_id.reset(token)


class RequestId(logging.Filter):
    """Gives every record the id of the request during which it was made, unless it names another itself."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Note the id and let the record pass."""
        current = request_id.get()
        if current and not hasattr(record, "request_id"):
            record.request_id = current
        return True


class WithoutValues(logging.Formatter):
    """A formatter whose tracebacks quote no value."""

    def formatException(self, ei: Any) -> str:  # noqa: N802  the standard library's name
        """Return the traceback of the error in *ei*."""
        error: BaseException | None = ei[1]
        return "" if error is None else without_values(error)


class Text(logging.Formatter):
    """Lines for people: time, level, logger, message, then the `extra` fields as name=value."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  the standard library's name
        """Return the line without a traceback."""
        fields = {name: value for name, value in vars(record).items() if name not in OWN_FIELDS}
        if hasattr(record, "request_id"):
            fields["request_id"] = record.request_id
        return " ".join([super().formatMessage(record), *(f"{name}={value}" for name, value in fields.items())])


class TextWithoutValues(WithoutValues, Text):
    """Lines for people, whose tracebacks quote no value."""


class Json(OrjsonFormatter):
    """Lines for machines: time, level, logger, message, and the `extra` fields beside them."""

    def __init__(self) -> None:
        super().__init__(
            "%(levelname)s %(name)s %(message)s",
            rename_fields={"levelname": "level", "name": "logger"},
            timestamp=True,
        )


class JsonWithoutValues(WithoutValues, Json):
    """Lines for machines, whose tracebacks quote no value."""


def configure(settings: Settings) -> None:
    """Send everything that this process logs to standard error, in the format and from the level of *settings*.

    What nobody catches is logged as well, instead of being printed by Python with all its values.
    """
    logging.config.dictConfig(configuration(settings))
    catch_the_uncaught()


def configuration(settings: Settings) -> dict[str, Any]:
    """Return the configuration in the standard library's own form, for those who apply it themselves."""
    plain = settings.log_error_texts
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"request_id": {"()": RequestId}},
        "formatters": {
            "text": {"()": Text if plain else TextWithoutValues},
            "json": {"()": Json if plain else JsonWithoutValues},
        },
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "stream": "ext://sys.stderr",
                "formatter": settings.log_format,
                "filters": ["request_id"],
            },
        },
        "root": {"level": settings.log_level, "handlers": ["stderr"]},
        # A pool that cannot connect says so every few seconds; the front door and the relay tell it once, in context.
        "loggers": {"psycopg.pool": {"level": "ERROR"}},
    }


def catch_the_uncaught() -> None:
    """Have errors that nobody catches logged, those of threads too."""
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Log the error that ends this process: as a sentence when it is one of ours, else with its traceback."""
    if not isinstance(error, Exception):
        sys.__excepthook__(kind, error, trace)
    elif isinstance(error, MergelaneError):
        LOG.critical("%s", error)
    else:
        LOG.critical("The process ends: nobody caught an error", exc_info=error)


def _uncaught_in_thread(arguments: threading.ExceptHookArgs) -> None:
    """Log the error that ends a thread."""
    if arguments.exc_value is not None and not isinstance(arguments.exc_value, SystemExit):
        LOG.critical("A thread ends: nobody caught an error", exc_info=arguments.exc_value)
