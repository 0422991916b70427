"""Tracebacks that tell where an error came from and of what kind it was, without quoting what it was about.

The text of an error may hold values: PostgreSQL quotes whole rows in its details, int() and KeyError what they were
given. Such values are the personal data of somebody. The lines of code in a traceback are ours and hold none.
"""

import traceback
from collections.abc import Iterator
from typing import Any

from app.errors import Conflict, Gone, MergelaneError, NotFound, Rejected

WITHHELD = "its text is withheld, since it may quote personal data; MERGELANE_LOG_ERROR_TEXTS=true tells it"
CAUSED = "\nThe above exception was the direct cause of the following exception:\n\n"
DURING = "\nDuring handling of the above exception, another exception occurred:\n\n"
#: What a database error says of itself besides its text: names and codes of ours, never values.
DIAGNOSTICS = ("schema_name", "table_name", "column_name", "constraint_name", "datatype_name")
#: Errors whose sentences are for the client who sent the values that they may quote.
CLIENTS = (Rejected, Conflict, NotFound, Gone)


def without_values(error: BaseException) -> str:
    """Return the traceback of *error* and of those that led to it, with kinds in the place of texts."""
    return "".join(_lines(error, set())).rstrip("\n")


def kind(error: BaseException) -> str:
    """Return what can be told of *error* without a value: its type, codes and names, or one of our own sentences."""
    name = type(error).__name__
    if isinstance(error, MergelaneError) and not isinstance(error, CLIENTS):
        return f"{name}: {error}"
    facts = ", ".join(_facts(error))
    return f"{name} ({f'{facts}; ' if facts else ''}{WITHHELD})"


def _facts(error: BaseException) -> Iterator[str]:
    """Yield the codes and names in *error*, of which we know that they are no values."""
    if isinstance(error, OSError) and error.strerror:
        yield error.strerror
    state: Any = getattr(error, "sqlstate", None)
    if isinstance(state, str):
        yield f"SQLSTATE {state}"
        for name in DIAGNOSTICS:
            if value := getattr(getattr(error, "diag", None), name, None):
                yield f"{name.removesuffix('_name')} {value}"


def _lines(error: BaseException, seen: set[int]) -> Iterator[str]:
    """Yield the traceback of *error* after those of the errors that led to it, each of them once."""
    seen.add(id(error))
    cause, context = error.__cause__, None if error.__suppress_context__ else error.__context__
    for earlier, link in ((cause, CAUSED), (context, DURING)):
        if earlier is not None and id(earlier) not in seen:
            yield from _lines(earlier, seen)
            yield link
    if error.__traceback__ is not None:
        yield "Traceback (most recent call last):\n"
        yield from traceback.format_tb(error.__traceback__)
    yield f"{kind(error)}\n"
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _lines(inner, seen)
