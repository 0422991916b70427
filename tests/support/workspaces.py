"""Reads all rows of a workspace and revokes its keys, directly in the database."""

from hashlib import sha256

from psycopg import sql

from app import keys
from app.db.connections import Connection
from cli.database import connected
from tests.support.client import Client
from tests.support.system import System

#: Tables that `holdings` leaves out: the workspace and its keys, and tables that relays fill later from other tables.
ELSEWHERE = ("workspace", "api_key", "identity_feed", "identity_change", "run_progress")


def holdings(system: System, workspace: str) -> dict[str, tuple[int, str]]:
    """Return for each table the number of rows of *workspace* and a digest of their values."""
    with connected(system.settings, system.database_url, name="test") as connection:
        return {table: _digest(connection, table, workspace) for table in _tables(connection)}


def revoke_keys(system: System, client: Client) -> None:
    """Revoke every key of the client's workspace."""
    with connected(system.settings, system.database_url, name="test") as connection:
        for key in keys.list_keys(connection, workspace=client.workspace):
            keys.revoke_key(connection, key_id=key.key_id)


def _tables(connection: Connection) -> list[str]:
    """Return the tables with a workspace_id, except ELSEWHERE."""
    rows = connection.execute(
        """
        SELECT table_name AS name FROM information_schema.columns
        WHERE table_schema = 'public' AND column_name = 'workspace_id' ORDER BY table_name
        """
    )
    return [row["name"] for row in rows if row["name"] not in ELSEWHERE]


def _digest(connection: Connection, table: str, workspace: str) -> tuple[int, str]:
    """Return the number of rows of *workspace* in *table*, and a digest of them."""
    query = sql.SQL(
        """
        SELECT each::text AS row FROM {} AS each
        WHERE workspace_id = (SELECT workspace_id FROM workspace WHERE name = %s) ORDER BY 1
        """
    ).format(sql.Identifier(table))
    rows = [row["row"] for row in connection.execute(query, [workspace])]
    return len(rows), sha256("\n".join(rows).encode()).hexdigest()
