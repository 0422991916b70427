"""What keeps workspaces apart in the database: the role of the processes, and row-level security."""

from collections.abc import Iterator

import psycopg

from app.config import Settings
from app.db import APP_ROLE, Connection, connection_arguments, load_queries, roles
from cli.doctor.findings import Finding, fine, wrong

QUERIES = load_queries("cli.doctor", "isolation.sql")

CHECK = "row security"


def examine(connection: Connection, settings: Settings) -> Iterator[Finding]:
    """Yield what is to be said about row-level security; *connection* is the administrator's, not a process's."""
    if unprotected := [row["name"] for row in connection.execute(QUERIES["open_tables"])]:
        yield wrong(
            CHECK,
            f"Row-level security or its policy is off for {', '.join(unprotected)}: nothing but the queries themselves"
            " keeps workspaces apart there.",
            "For each: `ALTER TABLE … ENABLE ROW LEVEL SECURITY`, and `CREATE POLICY own_workspace ON … USING"
            " (workspace_id = current_workspace())` where that is missing.",
        )
    if found := roles.fault(connection):
        sentence, way_out = found
        yield wrong(CHECK, f"{sentence}.", f"{way_out[0].upper()}{way_out[1:]}.")
    elif (me := _works_as(settings)) is not None:
        yield wrong(
            CHECK,
            f"Connections of the processes work as {me} and not as the role {APP_ROLE}, so that row-level security does"
            " not hold for them.",
            "Let DATABASE_URL lead to PostgreSQL itself, or to a pooler that passes on the `options` of connections.",
        )
    elif not unprotected:
        yield fine(CHECK, "A transaction of the processes sees its own workspace and no other.")


def _works_as(settings: Settings) -> str | None:
    """Return as whom a connection opened as the processes open theirs works, when it is not bound by the policies."""
    arguments = connection_arguments(settings, name="doctor", role=APP_ROLE)
    with psycopg.connect(settings.database_url, **arguments) as connection:
        (row,) = connection.execute(QUERIES["in_force"], {"role": APP_ROLE}).fetchall()
    return None if row["in_force"] else str(row["me"])
