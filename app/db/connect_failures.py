"""Why PostgreSQL last refused a connection. The pool reports only that it got none in time.

libpq has no SQLSTATE for a refused connection, so the reason is the server's sentence, without the names that it
quotes.
"""

import re
from dataclasses import dataclass
from time import monotonic

import psycopg

#: Seconds for which the last refusal explains why the pool has no connection.
VALID_S = 60.0
#: libpq separates the severity, in the server's language, from the sentence by two spaces.
SENTENCE = re.compile(r"\b[^\s:]+:  (?P<sentence>[^\n]+)\Z")
QUOTED = re.compile(r"\"[^\"]*\"|«[^»]*»|„[^“]*“")


@dataclass(slots=True)
class _LastFailure:
    """The last failure to connect; its reason is None when the server did not answer."""

    reason: str | None = None
    at: float = -VALID_S


_last = _LastFailure()


def record_failure(error: psycopg.Error) -> None:
    """Record that a connection could not be opened."""
    found = SENTENCE.search(str(error).strip())
    _last.reason = None if found is None else QUOTED.sub("…", found["sentence"])
    _last.at = monotonic()


def record_success() -> None:
    """Record that a connection was opened."""
    _last.reason = None


def last_reason() -> str | None:
    """Return why the server refuses connections; None when it does not answer, or has not refused any."""
    return _last.reason if monotonic() - _last.at < VALID_S else None
