"""Logging: one line per event on standard error, as JSON for machines or as text for people.

Every line says what happened in its message and with what in its `extra` fields: ids, counts and durations. An email
address, a phone number or any other thing that tells who a person is never stands in a line.
"""

import logging
import logging.config
from contextvars import ContextVar
from typing import Any

from pythonjsonlogger.orjson import OrjsonFormatter

from app.config import Settings

#: The request that is being answered, "" outside of one.
request_id: ContextVar[str] = ContextVar("request_id", default="")

#: What a record has of itself; all else came in through `extra`.
OWN_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "request_id"}


class RequestId(logging.Filter):
    """Gives every record the id of the request during which it was made."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Note the id and let the record pass."""
        current = request_id.get()
        if current:
            record.request_id = current
        return True


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


def configure(settings: Settings) -> None:
    """Send everything that this process logs to standard error, in the format and from the level of *settings*."""
    logging.config.dictConfig(configuration(settings))


def configuration(settings: Settings) -> dict[str, Any]:
    """Return the configuration in the standard library's own form, for those who apply it themselves."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"request_id": {"()": RequestId}},
        "formatters": {"text": {"()": Text}, "json": {"()": _json_formatter}},
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


def _json_formatter() -> logging.Formatter:
    """Return the formatter of JSON lines: time, level, logger, message, and the `extra` fields beside them."""
    return OrjsonFormatter(
        "%(levelname)s %(name)s %(message)s",
        rename_fields={"levelname": "level", "name": "logger"},
        timestamp=True,
    )
