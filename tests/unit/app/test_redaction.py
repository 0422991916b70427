"""Tracebacks: what they tell of an error, and that no value is among it."""

from typing import NoReturn

import pytest
from psycopg import errors as postgres

from app.errors import Conflict, DatabaseUnavailable, SetupError
from app.redaction import describe_error, redacted_traceback

PERSON = "jane@example.com"


def told(error: BaseException) -> str:
    """Return what is told of *error* after it was raised."""
    with pytest.raises(type(error)) as caught:
        raise error
    return redacted_traceback(caught.value)


def lookup() -> NoReturn:
    raise KeyError(PERSON)


def chained(*, suppress: bool = False) -> Exception:
    """Return an error that came of another, explicitly or not."""
    try:
        try:
            lookup()
        except KeyError as error:
            raise ValueError(PERSON) from (None if suppress else error)
    except ValueError as error:
        return error


def test_a_traceback_has_the_lines_of_code_and_the_class_of_the_error() -> None:
    told_of = redacted_traceback(chained())

    assert "Traceback (most recent call last):" in told_of
    assert "in lookup" in told_of
    assert "raise KeyError(PERSON)" in told_of
    assert "KeyError (text withheld" in told_of
    assert PERSON not in told_of


def test_the_causes_of_an_error_come_first() -> None:
    told_of = redacted_traceback(chained())

    assert told_of.index("KeyError (") < told_of.index("was the direct cause of") < told_of.index("ValueError (")


def test_a_traceback_has_the_error_during_which_it_occurred() -> None:
    try:
        try:
            lookup()
        except KeyError:
            int(PERSON)
    except ValueError as error:
        told_of = redacted_traceback(error)

    assert told_of.index("KeyError (") < told_of.index("another exception occurred") < told_of.index("ValueError (")


def test_a_traceback_omits_a_suppressed_cause() -> None:
    assert "KeyError" not in redacted_traceback(chained(suppress=True)).replace("raise KeyError(PERSON)", "")


def test_notes_are_withheld_too() -> None:
    error = ValueError("x")
    error.add_note(PERSON)

    assert PERSON not in told(error)


def test_a_traceback_lists_the_errors_of_a_group() -> None:
    told_of = told(ExceptionGroup(PERSON, [KeyError(PERSON), OSError(28, "No space left on device", PERSON)]))

    assert "ExceptionGroup (text withheld" in told_of
    assert "KeyError (text withheld" in told_of
    assert "OSError (No space left on device; text withheld" in told_of
    assert PERSON not in told_of


def test_a_traceback_of_errors_that_cause_each_other_is_finite() -> None:
    first, second = ValueError(PERSON), KeyError(PERSON)
    first.__cause__, second.__context__ = second, first

    assert told(first).count("ValueError (") == 1


def test_a_traceback_has_the_code_of_a_database_error() -> None:
    assert describe_error(postgres.UniqueViolation(f"Key (email)=({PERSON}) already exists.")).startswith(
        "UniqueViolation (SQLSTATE 23505; text withheld"
    )


@pytest.mark.parametrize("error", [SetupError("Set it."), DatabaseUnavailable("PostgreSQL does not answer.")])
def test_a_traceback_has_the_messages_of_our_own_errors(error: Exception) -> None:
    assert describe_error(error) == f"{type(error).__name__}: {error}"


def test_messages_for_clients_are_withheld() -> None:
    assert PERSON not in describe_error(Conflict(f"{PERSON} is taken."))
