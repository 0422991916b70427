"""The reason why PostgreSQL refuses a connection: the server's message, without the quoted names."""

from collections.abc import Iterator

import psycopg
import pytest

from app.db import connect_failures
from app.db.errors import to_unavailable

PLACE = 'connection failed: connection to server at "10.0.0.1", port 5432 failed: '


@pytest.fixture(autouse=True)
def nothing_refused() -> Iterator[None]:
    connect_failures.record_success()
    yield
    connect_failures.record_success()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"{PLACE}FATAL:  sorry, too many clients already", "sorry, too many clients already"),
        (
            f'{PLACE}FATAL:  password authentication failed for user "ann"\n',
            "password authentication failed for user …",
        ),
        (f"{PLACE}FATAL:  Datenbank „ann“ existiert nicht", "Datenbank … existiert nicht"),
        (f'{PLACE}SSL error\n{PLACE}FATAL:  database "a" does not exist', "database … does not exist"),
    ],
)
def test_the_reason_of_a_refusal_quotes_nothing(text: str, reason: str) -> None:
    connect_failures.record_failure(psycopg.OperationalError(text))

    assert connect_failures.last_reason() == reason
    unavailable = to_unavailable(psycopg.OperationalError("couldn't get a connection after 1.00 sec"))
    assert reason in str(unavailable)
    assert unavailable.cause == "connection_refused"


def test_a_server_that_does_not_answer_has_no_reason() -> None:
    connect_failures.record_failure(psycopg.OperationalError(f"{PLACE}Connection refused\n\tIs the server running?"))

    assert connect_failures.last_reason() is None
    assert to_unavailable(psycopg.OperationalError("x")).cause == "no_answer"


def test_a_connection_that_opened_ends_the_refusal() -> None:
    connect_failures.record_failure(psycopg.OperationalError(f"{PLACE}FATAL:  x"))
    connect_failures.record_success()

    assert connect_failures.last_reason() is None
