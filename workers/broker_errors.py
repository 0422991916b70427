"""Why the broker does not take work, in a word and in a sentence without values."""

import re
from collections.abc import Iterator

from redis.exceptions import RedisError, ResponseError

from app.errors import NO_ANSWER, BrokerUnavailable

#: The first word of an error reply of Redis, such as OOM; a reply without one counts as ERR.
PREFIX = re.compile(r"[A-Z][A-Z0-9_]*(?= |\Z)")
NO_PREFIX = "ERR"
#: What redis-py writes before the reply to a command of a pipeline.
IN_PIPELINE = "caused error: "
#: The reply to a command of a script, within that of the script, before Redis 7.
IN_SCRIPT = re.compile(r"(?<=@user_script: \d: -)[A-Z][A-Z0-9_]*(?= )")
#: Refusals in words, by the first word of Redis's reply or by RabbitMQ's code.
REASONS = {
    "ASK": "it is a cluster, which Mergelane does not support",
    "BUSY": "a script runs for too long",
    "CLUSTERDOWN": "its cluster is down",
    "LOADING": "it is loading its data",
    "MASTERDOWN": "its primary is down",
    "MISCONF": "it cannot save its data",
    "MOVED": "it is a cluster, which Mergelane does not support",
    "NOAUTH": "it requires a password",
    "NOPERM": "the user lacks a permission",
    "NOREPLICAS": "it has too few replicas",
    "OOM": "its memory is full",
    "READONLY": "it is a read-only replica",
    "UNBLOCKED": "it has just become a replica",
    "WRONGPASS": "the user or the password is wrong",
    "403": "access refused",
    "405": "a resource is locked by another connection",
    "530": "not allowed",
}


def cause_of(error: BaseException) -> str:
    """Return the first word of the reply with which the broker refused, or NO_ANSWER."""
    return next((cause for each in _chain(error) if (cause := _refusal(each)) is not None), NO_ANSWER)


def to_broker_unavailable(error: BaseException, what: str) -> BrokerUnavailable:
    """Return the error to wait for; *what* says in its sentence what the broker does not do."""
    cause = cause_of(error)
    if cause == NO_ANSWER:
        message = f"The broker {what} ({type(error).__name__}); is it running at BROKER_URL?"
    else:
        reason = f", {REASONS[cause]}" if cause in REASONS else ""
        message = f"The broker {what}: it refuses ({cause}{reason})."
    return BrokerUnavailable(message, cause=cause)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield *error* and its causes: kombu wraps the errors of the client libraries."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _refusal(error: BaseException) -> str | None:
    """Return the word of a refusal, or None when *error* is none."""
    if isinstance(error, RedisError) and (error.status_code or isinstance(error, ResponseError)):
        in_script = IN_SCRIPT.search(str(error))
        found = in_script or PREFIX.match(error.status_code or str(error).rpartition(IN_PIPELINE)[2])
        return found[0] if found else NO_PREFIX
    code = getattr(error, "reply_code", None)
    return str(code) if code else None
