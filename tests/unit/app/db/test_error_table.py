"""The table of errors: the response to every error of psycopg and of Mergelane."""

import psycopg
import pytest
from psycopg import errors as postgres

from app.db.errors import BY_SQLSTATE, Response, is_unavailable, response_to, to_unavailable
from app.errors import BrokerUnavailable, DatabaseRefuses, DatabaseUnavailable, Gone, Rejected, SetupError

#: Every error class with its own SQLSTATE, by this SQLSTATE.
BY_STATE = {
    error.sqlstate: error
    for error in vars(postgres).values()
    if isinstance(error, type) and issubclass(error, psycopg.Error) and error.sqlstate is not None
}
#: The SQLSTATE classes whose errors the server's state does not explain.
NOT_THE_SERVER = {"21", "22", "23", "27", "44", "54", "P0"}


def test_the_errors_of_postgresql_are_all_known() -> None:
    assert len(BY_STATE) > 240


@pytest.mark.parametrize("state", sorted(BY_STATE))
def test_every_error_of_postgresql_has_one_response(state: str) -> None:
    error = BY_STATE[state]("Ann Lee of Ulm")
    waits = response_to(error) is Response.WAIT

    assert waits == ((state[:2] not in NOT_THE_SERVER and state != "42601") or state == "23505")
    if waits:
        assert "Ann" not in str(to_unavailable(error))


@pytest.mark.parametrize(
    ("error", "response"),
    [
        (postgres.NumericValueOutOfRange(), Response.REFUSE),
        (postgres.ProgramLimitExceeded(), Response.REFUSE),
        (psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes"), Response.REFUSE),
        (Rejected("No."), Response.REFUSE),
        (Gone("Merged away.", survivor_braze_id="b"), Response.REFUSE),
        (postgres.CheckViolation(), Response.BUG),
        (postgres.RaiseException(), Response.BUG),
        (psycopg.ProgrammingError("the query has 1 placeholder"), Response.BUG),
        (SetupError("Set it."), Response.BUG),
        (KeyError("a"), Response.BUG),
        (DatabaseUnavailable("away"), Response.WAIT),
        (DatabaseRefuses("read-only"), Response.WAIT),
        (BrokerUnavailable("away"), Response.WAIT),
        (psycopg.OperationalError("server closed the connection"), Response.WAIT),
        (psycopg.InternalError("unexpected result FATAL_ERROR from command 'COMMIT'"), Response.WAIT),
        (postgres.PipelineAborted(), Response.WAIT),
        (postgres.UniqueViolation(), Response.WAIT),
    ],
)
def test_the_response_to_an_error(error: Exception, response: Response) -> None:
    assert response_to(error) is response


def test_an_unknown_error_of_postgresql_has_the_response_wait() -> None:
    class Unheard(psycopg.DatabaseError):
        sqlstate = "ZZ123"

    assert response_to(Unheard()) is Response.WAIT


@pytest.mark.parametrize(
    ("error", "kind", "cause"),
    [
        (postgres.ReadOnlySqlTransaction(), DatabaseRefuses, "the server is read-only, SQLSTATE 25006"),
        (postgres.InsufficientPrivilege(), DatabaseRefuses, "the role lacks a privilege, SQLSTATE 42501"),
        (postgres.InternalError_(), DatabaseRefuses, "(SQLSTATE XX000 InternalError_)"),
        (postgres.AdminShutdown(), DatabaseUnavailable, "does not answer"),
        (postgres.LockNotAvailable(), DatabaseUnavailable, "too busy"),
    ],
)
def test_the_cause_is_a_sentence(error: psycopg.Error, kind: type[DatabaseUnavailable], cause: str) -> None:
    unavailable = to_unavailable(error)

    assert type(unavailable) is kind
    assert cause in str(unavailable)


def test_contention_does_not_make_the_server_unavailable() -> None:
    assert not is_unavailable(postgres.QueryCanceled())
    assert not is_unavailable(postgres.UniqueViolation())


def test_the_table_has_beginnings_of_sqlstates() -> None:
    assert all(any(state.startswith(start) for state in BY_STATE) for start in BY_SQLSTATE)
