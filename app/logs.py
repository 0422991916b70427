"""Logging: one line per event on standard error, as JSON for machines or as text for people.

The message names the event; ids, counts and durations are `extra` fields. No line contains an email address, a phone
number or other personal data; so tracebacks leave out the texts of errors, unless MERGELANE_LOG_ERROR_TEXTS is set.
"""

import json  # noqa: TID251  a log line must also show what orjson refuses
import logging
import logging.config
import re
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
from app.redaction import redacted_traceback

LOG = logging.getLogger(__name__)

#: The id of the current request, "" outside of one.
request_id: ContextVar[str] = ContextVar("request_id", default="")

#: A valid request id of a client: it cannot break a log line or a header.
VALID_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")

#: Fields that every record has; all others come from `extra`.
OWN_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "request_id"}


@contextmanager
def request_context(requests: Sequence[str]) -> Iterator[None]:
    """Log the block under the request id of *requests* if there is exactly one."""
    token = request_id.set(requests[0] if len(requests) == 1 else "")
    try:
        yield
    finally:
        request_id.reset(token)


def escape_controls(text: str) -> str:
    """Return *text* with an escape in place of every character that is not printable, line separators included."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


class RequestIdFilter(logging.Filter):
    """Adds the current request id to records that have none."""

    def filter(self, record: logging.LogRecord) -> bool:
        current = request_id.get()
        if current and not hasattr(record, "request_id"):
            record.request_id = current
        return True


class RedactedFormatter(logging.Formatter):
    """A formatter whose tracebacks contain no values."""

    def formatException(self, ei: Any) -> str:  # noqa: N802  the standard library's name
        error: BaseException | None = ei[1]
        return "" if error is None else redacted_traceback(error)


class TextFormatter(logging.Formatter):
    """Lines for people: time, level, logger, message, then `extra` fields as name=value.

    No value can begin a line of its own: control characters and line separators are escaped, and the lines of a
    traceback are indented.
    """

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        first, *traceback = super().format(record).split("\n")
        return "\n".join([first, *(f"  {escape_controls(line)}" for line in traceback)])

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  the standard library's name
        fields = {name: value for name, value in vars(record).items() if name not in OWN_FIELDS}
        if hasattr(record, "request_id"):
            fields["request_id"] = record.request_id
        line = " ".join([super().formatMessage(record), *(f"{name}={value}" for name, value in fields.items())])
        return escape_controls(line)


class RedactedTextFormatter(RedactedFormatter, TextFormatter):
    """Lines for people, with redacted tracebacks."""


class JsonFormatter(OrjsonFormatter):
    """Lines for machines: time, level, logger, message and the `extra` fields."""

    def __init__(self) -> None:
        super().__init__(
            "%(levelname)s %(name)s %(message)s",
            rename_fields={"levelname": "level", "name": "logger"},
            timestamp=True,
        )

    def jsonify_log_record(self, log_data: Any) -> str:
        """Return *log_data* as JSON whose characters that are not printable are escaped, line separators included."""
        try:
            text = super().jsonify_log_record(log_data)
        except TypeError:  # orjson takes neither lone surrogates nor integers beyond 64 bits
            text = json.dumps(log_data, default=self.json_default, skipkeys=True)
        if text.isprintable():
            return text
        return "".join(each if each.isprintable() else json.dumps(each)[1:-1] for each in text)


class RedactedJsonFormatter(RedactedFormatter, JsonFormatter):
    """Lines for machines, with redacted tracebacks."""


def configure_logging(settings: Settings) -> None:
    """Log to standard error, in the format and from the level of *settings*.

    Uncaught errors are logged as well, instead of being printed by Python with all their values.
    """
    logging.config.dictConfig(logging_configuration(settings))
    log_uncaught_errors()


def logging_configuration(settings: Settings) -> dict[str, Any]:
    """Return the configuration for `logging.config.dictConfig`, for a caller that applies it itself."""
    plain = settings.log_error_texts
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"request_id": {"()": RequestIdFilter}},
        "formatters": {
            "text": {"()": TextFormatter if plain else RedactedTextFormatter},
            "json": {"()": JsonFormatter if plain else RedactedJsonFormatter},
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
        # A pool that cannot connect logs every few seconds; web and relay log the same once, with its context.
        "loggers": {"psycopg.pool": {"level": "ERROR"}},
    }


def log_uncaught_errors() -> None:
    """Log uncaught errors of this process and its threads."""
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Log an error of our own as its sentence, and any other with its traceback."""
    if not isinstance(error, Exception):
        sys.__excepthook__(kind, error, trace)
    elif isinstance(error, MergelaneError):
        LOG.critical("%s", error)
    else:
        LOG.critical("uncaught_error", exc_info=error)


def _uncaught_in_thread(arguments: threading.ExceptHookArgs) -> None:
    if arguments.exc_value is not None and not isinstance(arguments.exc_value, SystemExit):
        LOG.critical("uncaught_error_in_thread", exc_info=arguments.exc_value)
