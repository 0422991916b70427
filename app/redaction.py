"""Redacted tracebacks: code lines and the type of each error, without its text.

The text of an error can contain personal data: PostgreSQL quotes whole rows, int() and KeyError quote their argument.
The code lines of a traceback contain none.
"""

import traceback
from collections.abc import Iterator
from typing import Any

from app.errors import Conflict, Gone, MergelaneError, NotFound, Rejected

WITHHELD = "text withheld, because it can contain personal data; MERGELANE_LOG_ERROR_TEXTS=true logs it"
CAUSED = "\nThe above exception was the direct cause of the following exception:\n\n"
DURING = "\nDuring handling of the above exception, another exception occurred:\n\n"
#: Attributes of a database error that contain names of our schema, never values.
DIAGNOSTICS = ("schema_name", "table_name", "column_name", "constraint_name", "datatype_name")
#: Errors whose message may quote values of the client that gets it.
CLIENTS = (Rejected, Conflict, NotFound, Gone)


def redacted_traceback(error: BaseException) -> str:
    """Return the traceback of *error* and of its causes, with descriptions in place of texts."""
    return "".join(_lines(error, set())).rstrip("\n")


def describe_error(error: BaseException) -> str:
    """Return the type of *error* with its codes and names, or with its message if that is ours and has no values."""
    name = type(error).__name__
    if isinstance(error, MergelaneError) and not isinstance(error, CLIENTS):
        return f"{name}: {error}"
    facts = ", ".join(_facts(error))
    return f"{name} ({f'{facts}; ' if facts else ''}{WITHHELD})"


def _facts(error: BaseException) -> Iterator[str]:
    """Yield the codes and names of *error* that cannot be values."""
    if isinstance(error, OSError) and error.strerror:
        yield error.strerror
    state: Any = getattr(error, "sqlstate", None)
    if isinstance(state, str):
        yield f"SQLSTATE {state}"
        for name in DIAGNOSTICS:
            if value := getattr(getattr(error, "diag", None), name, None):
                yield f"{name.removesuffix('_name')} {value}"


def _lines(error: BaseException, seen: set[int]) -> Iterator[str]:
    """Yield the tracebacks of the causes of *error*, each once, then its own."""
    seen.add(id(error))
    cause, context = error.__cause__, None if error.__suppress_context__ else error.__context__
    for earlier, link in ((cause, CAUSED), (context, DURING)):
        if earlier is not None and id(earlier) not in seen:
            yield from _lines(earlier, seen)
            yield link
    if error.__traceback__ is not None:
        yield "Traceback (most recent call last):\n"
        yield from traceback.format_tb(error.__traceback__)
    yield f"{describe_error(error)}\n"
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _lines(inner, seen)
