"""A workspace moves between two cells with all of its rows, and no change is lost on the way."""

from collections.abc import Callable

import pytest
from psycopg import sql
from psycopg.types.json import Jsonb

from app.config import Settings
from app.db.connections import Connection, open_pool
from app.moving.copying import QUERIES, copy_differences
from app.moving.moving import Move
from app.moving.tables import list_tables
from tests.support.every_table import furnish
from tests.support.factories import Factory

#: What differs on purpose: transaction ids of one server.
OF_THE_SERVER = ("snapshot", "checkpoint_xids", "checkpoint_times", "horizon", "checked_at", "resume_at")


def rows_of(connection: Connection, table: str, workspace_id: int) -> list[object]:
    """Return the rows of a workspace in *table*, as JSON."""
    query = sql.SQL(
        "SELECT to_jsonb(each) - %s::text[] AS row FROM {} AS each WHERE workspace_id = %s ORDER BY to_jsonb(each)"
    )
    shown = connection.execute(query.format(sql.Identifier(table)), [list(OF_THE_SERVER), workspace_id])
    return [row["row"] for row in shown]


@pytest.fixture
def filled(here: Connection, database_url: str) -> Factory:
    """A workspace with a row in every table."""
    factory = Factory(here)
    with open_pool(Settings(database_url=database_url), name="test") as pool:
        furnish(factory, pool)
    here.execute("DELETE FROM workspace_move")
    here.execute("UPDATE identity_feed SET last_number = 1")
    here.execute("UPDATE api_key SET hint = 'ml_' || route_label || '_' FROM workspace")
    return factory


def close_there(here: Connection, there: Connection, factory: Factory) -> None:
    """Make the closed workspace in the other cell."""
    (row,) = here.execute("SELECT * FROM workspace WHERE workspace_id = %s", [factory.workspace_id]).fetchall()
    there.execute(QUERIES["add_arriving"], {**row, "rate_limits": Jsonb(row["rate_limits"])})


def name_of(factory: Factory) -> str:
    (row,) = factory.rows("SELECT name FROM workspace WHERE workspace_id = %s")
    name: str = row["name"]
    return name


def test_every_table_arrives_row_by_row(
    make_move: Callable[..., Move], filled: Factory, here: Connection, there: Connection
) -> None:
    tables = [table.name for table in list_tables(here, filled.workspace_id)]
    before = {name: rows_of(here, name, filled.workspace_id) for name in tables}

    moved = make_move(workspace=name_of(filled)).run()

    assert [name for name in tables if not before[name]] == []
    assert {name: rows_of(there, name, filled.workspace_id) for name in tables} == {
        name: rows_of(here, name, filled.workspace_id) for name in tables
    }
    assert {name: digest.rows for name, digest in moved.tables.items()} == {
        name: len(rows_of(there, name, filled.workspace_id)) for name in tables
    }
    assert moved.cell == "eu-2"


def test_a_name_is_free_for_another_profile_between_two_passes(here: Connection, there: Connection) -> None:
    """A unique external_id that two profiles exchange is copied, and so are deletions and new rows."""
    factory = Factory(here)
    one, two, gone = (factory.profile(name) for name in ("one", "two", "gone"))
    close_there(here, there, factory)
    first = copy_differences(here, there, factory.workspace_id)
    factory.rows("UPDATE profile SET external_id = NULL WHERE workspace_id = %s AND id = %s RETURNING 1", one.id)
    for profile, name in ((two, "one"), (one, "two")):
        here.execute(
            "UPDATE profile SET external_id = %s WHERE workspace_id = %s AND id = %s",
            [name, factory.workspace_id, profile.id],
        )
    factory.rows("DELETE FROM profile WHERE workspace_id = %s AND id = %s RETURNING 1", gone.id)
    factory.profile("new", user_aliases={"shop": "7"})
    copy_differences(here, there, factory.workspace_id)

    assert first >= 3
    for table in ("profile", "user_alias"):
        assert rows_of(there, table, factory.workspace_id) == rows_of(here, table, factory.workspace_id)
    assert copy_differences(here, there, factory.workspace_id) == 0
