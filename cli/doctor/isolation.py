"""Checks of the isolation of workspaces: the database role of the processes, and row-level security."""

from collections.abc import Iterator

from app.config import Settings
from app.db import roles
from app.db.connections import APP_ROLE, Connection, connection_arguments
from app.db.queries import load_queries
from app.db.readiness import require_writable
from app.errors import DatabaseUnavailable
from cli.doctor.findings import Finding, fine, wrong

QUERIES = load_queries("cli.doctor", "isolation.sql")

CHECK = "row security"


def check_isolation(connection: Connection, settings: Settings) -> Iterator[Finding]:
    """Yield the findings; *connection* belongs to the owner of the tables, not to a process."""
    if unprotected := [row["name"] for row in connection.execute(QUERIES["open_tables"])]:
        yield wrong(
            CHECK,
            f"Row-level security or its policy is missing for {', '.join(unprotected)}. Only the queries"
            f" themselves isolate"
            " workspaces there.",
            "For each: `ALTER TABLE … ENABLE ROW LEVEL SECURITY`, and `CREATE POLICY own_workspace ON … USING"
            " (workspace_id = current_workspace())` where it is missing.",
        )
    if found := roles.find_role_fault(connection):
        sentence, remedy = found
        yield wrong(CHECK, f"{sentence}.", f"{remedy[0].upper()}{remedy[1:]}.")
    elif (user := _unrestricted_user(settings)) is not None:
        yield wrong(
            CHECK,
            f"The processes connect as {user} instead of the role {APP_ROLE}, so row-level security does not"
            f" apply to them.",
            "Point DATABASE_URL at PostgreSQL itself or at a pooler that forwards the `options` of connections, or run"
            f' `ALTER ROLE "{user}" SET role = {APP_ROLE}` as an administrator, with a user that no migration uses.',
        )
    elif not unprotected:
        yield fine(CHECK, "A transaction of the processes sees one workspace only.")


def check_writes(settings: Settings) -> Iterator[Finding]:
    """Yield a finding when PostgreSQL refuses writes to the role of the processes."""
    arguments = connection_arguments(settings, name="doctor", role=APP_ROLE)
    try:
        with Connection.connect(settings.database_url, **arguments) as connection:
            require_writable(connection)
    except DatabaseUnavailable as error:
        yield wrong(
            "postgres",
            f"{str(error).partition(';')[0]}: requests get 503, and no job runs.",
            "End the cause. The processes wait, and continue without a restart.",
        )


def _unrestricted_user(settings: Settings) -> str | None:
    """Return the user of a connection of the processes, if row-level security does not apply to it; else None."""
    arguments = connection_arguments(settings, name="doctor", role=APP_ROLE)
    with Connection.connect(settings.database_url, **arguments) as connection:
        (row,) = connection.execute(QUERIES["in_force"], {"role": APP_ROLE}).fetchall()
    return None if row["in_force"] else str(row["me"])
