"""The messages that a worker accepts.

A broker may hold messages that the relay did not publish: everyone who reaches it can write to it. A worker acts only
on the message of a lane, in the form in which the relay publishes it. Of Celery's headers it uses the id, the number of
retries and a start time within the longest pause between two retries; all others get the values of the relay.
"""

import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Any, TypeGuard

from kombu import compression

from app.logs import VALID_REQUEST_ID
from schemas.urgency import DEFAULT_PRIORITY

log = logging.getLogger(__name__)

#: The one task.
LANE_TASK = "mergelane.lane"
#: The header of a repeated message with the attempts, by job id, that PostgreSQL refused and did not uncount.
REFUSED_ATTEMPTS = "refused_attempts"


class Urgency(IntEnum):
    """The urgency of a message: a worker takes the more urgent ones first."""

    URGENT = 0
    ORDINARY = 1
    BACKGROUND = 2

    @classmethod
    def of_jobs(cls, priority: int) -> "Urgency":
        """Return the urgency of jobs with *priority*."""
        if priority == DEFAULT_PRIORITY:
            return cls.ORDINARY
        return cls.URGENT if priority < DEFAULT_PRIORITY else cls.BACKGROUND


#: kombu keeps a list for each of these in Redis, and workers read the first one that has messages.
REDIS_PRIORITIES = {Urgency.URGENT: 0, Urgency.ORDINARY: 3, Urgency.BACKGROUND: 6}
#: A quorum queue of RabbitMQ 4 distinguishes priorities above 4 from the others.
AMQP_PRIORITIES = {Urgency.URGENT: 9, Urgency.ORDINARY: 0, Urgency.BACKGROUND: 0}
#: The most bytes of a message: the ids of the jobs of the largest lane, twice, in base64.
MAX_BYTES = 4 * 2**20
#: Retries up to which the pause before the next one grows.
MAX_RETRIES = 30
#: The longest text in the headers, which Flower shows.
MAX_TEXT = 2_048
MAX_INTEGER = 2**31 - 1
MAX_ATTEMPTS = 2**15 - 1

UUID_TEXT = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

NO_HEADERS = "it has no headers"
NO_LANE = "it names another task"
NO_ID = "its id is not a UUID"
NO_JSON = "its body is not JSON"
NO_JOBS = "its arguments are not a workspace and job ids"
TOO_LONG = f"it is longer than {MAX_BYTES:,} bytes"
COMPRESSED = "it is compressed"


class MessageRefused(Exception):
    """The message is not one of the relay. The text is a constant: nothing of the message."""


def log_refusal(reason: str) -> None:
    """Log that a message was refused."""
    log.warning("message_refused", extra={"reason": reason})


def refuse_compression() -> None:
    """Let kombu decompress no message here: the relay compresses none, and a kilobyte can become gigabytes."""
    for content_type in compression.encoders():
        encode, _ = compression.get_encoder(content_type)
        compression.register(encode, _refuse_to_decompress, content_type)


def _refuse_to_decompress(_: bytes) -> bytes:
    raise MessageRefused(COMPRESSED)


def check_lane_message(message: Any, *, longest_pause_s: float) -> None:
    """Give the kombu *message* of a lane the relay's headers and properties; raise MessageRefused for any other."""
    headers = message.headers
    if not isinstance(headers, Mapping):
        raise MessageRefused(NO_HEADERS)
    if headers.get("task") != LANE_TASK:
        raise MessageRefused(NO_LANE)
    if not _is_uuid(headers.get("id")):
        raise MessageRefused(NO_ID)
    if len(message.body or b"") > MAX_BYTES:
        raise MessageRefused(TOO_LONG)
    job_ids = _check_body(_decode(message))
    message.headers = _clean_headers(headers, jobs=len(job_ids), longest_pause_s=longest_pause_s)
    message.properties = {"correlation_id": headers["id"], "reply_to": ""}


def _decode(message: Any) -> Any:
    if message.content_type != "application/json" or message.content_encoding not in ("utf-8", None):
        raise MessageRefused(NO_JSON)
    try:
        return message.payload
    except Exception as error:
        raise MessageRefused(NO_JSON) from error


def _check_body(body: Any) -> list[str]:
    """Return the job ids of *body*: arguments, keyword arguments and callbacks. A lane has no callbacks."""
    if not isinstance(body, list | tuple) or len(body) != 3:  # noqa: PLR2004
        raise MessageRefused(NO_JOBS)
    arguments, keywords, callbacks = body
    has_callbacks = not isinstance(callbacks, dict) or any(each is not None for each in callbacks.values())
    if has_callbacks or keywords != {} or not isinstance(arguments, list) or len(arguments) != 2:  # noqa: PLR2004
        raise MessageRefused(NO_JOBS)
    workspace_id, job_ids = arguments
    if (
        not _is_integer(workspace_id, 1, MAX_INTEGER)
        or not isinstance(job_ids, list)
        or not all(map(_is_uuid, job_ids))
    ):
        raise MessageRefused(NO_JOBS)
    return job_ids


def _clean_headers(headers: Mapping[str, Any], *, jobs: int, longest_pause_s: float) -> dict[str, Any]:
    retries = headers.get("retries")
    requests = headers.get("request_ids")
    refused = headers.get(REFUSED_ATTEMPTS)
    clean = {
        "lang": "py",
        "task": LANE_TASK,
        "id": headers["id"],
        "root_id": headers["id"],
        "parent_id": None,
        "group": None,
        "shadow": None,
        "eta": _near_eta(headers.get("eta"), longest_pause_s),
        "expires": None,
        "retries": min(retries, MAX_RETRIES) if _is_integer(retries, 0, MAX_INTEGER) else 0,
        "timelimit": [None, None],
        "argsrepr": _short_text(headers.get("argsrepr")) or f"{jobs} jobs",
        "kwargsrepr": "{}",
        "origin": _short_text(headers.get("origin")),
        "ignore_result": True,
        "installation": _request_id(headers.get("installation")),
        "request_ids": [each for each in requests if _request_id(each)] if isinstance(requests, list) else [],
    }
    if isinstance(refused, dict):
        pairs = refused.items()
        clean[REFUSED_ATTEMPTS] = {k: v for k, v in pairs if _is_uuid(k) and _is_integer(v, 1, MAX_ATTEMPTS)}
    return clean


def _near_eta(text: Any, longest_pause_s: float) -> str | None:
    """Return the start time *text* of a retry; None when it is past, too far or no time: the lane starts at once."""
    try:
        eta = datetime.fromisoformat(text)
        ahead = (eta if eta.tzinfo else eta.replace(tzinfo=UTC)) - datetime.now(UTC)
    except (TypeError, ValueError, OverflowError):
        return None
    return text if timedelta() < ahead <= timedelta(seconds=longest_pause_s) else None


def _is_uuid(value: Any) -> bool:
    return isinstance(value, str) and UUID_TEXT.fullmatch(value) is not None


def _is_integer(value: Any, least: int, most: int) -> TypeGuard[int]:
    return type(value) is int and least <= value <= most


def _short_text(value: Any) -> str:
    return value if isinstance(value, str) and len(value) <= MAX_TEXT else ""


def _request_id(value: Any) -> str:
    return value if isinstance(value, str) and VALID_REQUEST_ID.fullmatch(value) else ""
