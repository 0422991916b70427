"""The connection of a command: a refused statement is one sentence with the remedy."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from app.config import Settings
from app.db.connections import Connection
from app.errors import DatabaseUnavailable, SetupError
from cli.database import connected, session

#: PostgreSQL refuses it with 0A000, as Citus refuses statements that are planned for a plain database.
REFUSED = "SELECT count(*) FROM workspace FOR UPDATE"


@pytest.mark.parametrize("connect", [connected, session])
def test_a_refused_statement_names_a_wrong_setting_of_the_distribution(
    database_url: str, connect: Callable[..., AbstractContextManager[Connection]]
) -> None:
    settings = Settings(database_url=database_url, database_distributed=True)

    wrong = pytest.raises(SetupError, match=r"DATABASE_DISTRIBUTED is on, but .* set DATABASE_DISTRIBUTED=off")
    with wrong, connect(settings, database_url, name="test") as connection:
        connection.execute(REFUSED)


def test_a_refused_statement_names_the_sqlstate_if_the_setting_is_right(database_url: str) -> None:
    settings = Settings(database_url=database_url)

    refused = pytest.raises(DatabaseUnavailable, match="SQLSTATE 0A000 FeatureNotSupported")
    with refused, connected(settings, database_url, name="test") as connection:
        connection.execute(REFUSED)
