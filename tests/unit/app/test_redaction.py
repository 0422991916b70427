"""Redacted tracebacks: they describe an error without its values."""

from typing import NoReturn

import pytest
from psycopg import errors as postgres

from app.errors import Conflict, DatabaseUnavailable, SetupError
from app.redaction import describe_error, redacted_traceback

PERSON = "jane@example.com"


def traceback_of(error: BaseException) -> str:
    """Raise *error* and return its redacted traceback."""
    with pytest.raises(type(error)) as caught:
        raise error
    return redacted_traceback(caught.value)


def lookup() -> NoReturn:
    raise KeyError(PERSON)


def chained(*, suppress: bool = False) -> Exception:
    """Return an error with another error as its cause, or with *suppress* as its suppressed context."""
    try:
        try:
            lookup()
        except KeyError as error:
            raise ValueError(PERSON) from (None if suppress else error)
    except ValueError as error:
        return error


def test_a_traceback_has_the_lines_of_code_and_the_class_of_the_error() -> None:
    text = redacted_traceback(chained())

    assert "Traceback (most recent call last):" in text
    assert "in lookup" in text
    assert "raise KeyError(PERSON)" in text
    assert "KeyError (text withheld" in text
    assert PERSON not in text


def test_the_causes_of_an_error_come_first() -> None:
    text = redacted_traceback(chained())

    assert text.index("KeyError (") < text.index("was the direct cause of") < text.index("ValueError (")


def test_a_traceback_has_the_error_during_which_it_occurred() -> None:
    try:
        try:
            lookup()
        except KeyError:
            int(PERSON)
    except ValueError as error:
        text = redacted_traceback(error)

    assert text.index("KeyError (") < text.index("another exception occurred") < text.index("ValueError (")


def test_a_traceback_omits_a_suppressed_cause() -> None:
    assert "KeyError" not in redacted_traceback(chained(suppress=True)).replace("raise KeyError(PERSON)", "")


def test_notes_are_withheld_too() -> None:
    error = ValueError("x")
    error.add_note(PERSON)

    assert PERSON not in traceback_of(error)


def test_a_traceback_lists_the_errors_of_a_group() -> None:
    text = traceback_of(ExceptionGroup(PERSON, [KeyError(PERSON), OSError(28, "No space left on device", PERSON)]))

    assert "ExceptionGroup (text withheld" in text
    assert "KeyError (text withheld" in text
    assert "OSError (No space left on device; text withheld" in text
    assert PERSON not in text


def test_a_traceback_of_errors_that_cause_each_other_is_finite() -> None:
    first, second = ValueError(PERSON), KeyError(PERSON)
    first.__cause__, second.__context__ = second, first

    assert traceback_of(first).count("ValueError (") == 1


def test_a_traceback_has_the_code_of_a_database_error() -> None:
    assert describe_error(postgres.UniqueViolation(f"Key (email)=({PERSON}) already exists.")).startswith(
        "UniqueViolation (SQLSTATE 23505; text withheld"
    )


@pytest.mark.parametrize("error", [SetupError("Set it."), DatabaseUnavailable("PostgreSQL does not answer.")])
def test_a_traceback_has_the_messages_of_our_own_errors(error: Exception) -> None:
    assert describe_error(error) == f"{type(error).__name__}: {error}"


def test_messages_for_clients_are_withheld() -> None:
    assert PERSON not in describe_error(Conflict(f"{PERSON} is taken."))
