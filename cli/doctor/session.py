"""Checks that the connections of the processes have our session settings, also behind a pooler."""

from collections.abc import Iterable, Iterator, Mapping

from psycopg import sql

from app.config import Settings
from app.database_url import sets_search_path
from app.db.connections import APP_ROLE, Connection, connection_arguments, session_options
from app.db.queries import load_queries
from app.db.session_settings import MEANING
from cli.doctor.findings import Finding, fine, wrong

QUERIES = load_queries("cli.doctor", "session.sql")

CHECK = "session settings"


def check_session(settings: Settings) -> Iterator[Finding]:
    """Yield the findings about a connection that is opened as the processes open theirs."""
    # The check of row-level security reports another role.
    needed = {**MEANING, **session_options(settings, role=APP_ROLE)}
    del needed["role"]
    if sets_search_path(settings.database_url):
        del needed["search_path"]
    arguments = connection_arguments(settings, name="doctor", role=APP_ROLE)
    with Connection.connect(settings.database_url, **arguments) as connection:
        found, expected = _read(connection, needed)
        (session,) = connection.execute(QUERIES["session"], prepare=False).fetchall()
        differing = {name: value for name, value in found.items() if value != expected[name]}
        statements = [_alter_role(session["login"], name, expected[name]).as_string(connection) for name in differing]
    if differing:
        effective = ", ".join(f"{name} = {value!r}" for name, value in differing.items())
        yield wrong(
            CHECK,
            f"The connections of the processes have other settings than they need: {effective}. A pooler does not"
            " forward the `options` of connections.",
            f"Run as an administrator: {' '.join(statements)} Then let the pooler reconnect.",
        )
    if session["replication_role"] != "origin":
        yield wrong(
            CHECK,
            f"session_replication_role is {session['replication_role']}: triggers do not protect the audit.",
            "Reset it as an administrator, with ALTER ROLE … RESET, ALTER DATABASE … RESET or in postgresql.conf.",
        )
    if not differing and session["replication_role"] == "origin":
        yield fine(CHECK, "The connections of the processes have all their settings.")


def _read(connection: Connection, needed: Mapping[str, object]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the effective and the *needed* value of each setting, both in PostgreSQL's notation."""
    found = _values(connection, needed)
    with connection.transaction(force_rollback=True):
        # It would put the name of a schema in quotation marks.
        connection.execute("SET LOCAL quote_all_identifiers = off")
        for name, value in needed.items():
            connection.execute(sql.SQL("SET LOCAL {} = {}").format(sql.SQL(name), sql.Literal(str(value))))
        expected = _values(connection, needed)
    return found, expected


def _values(connection: Connection, names: Iterable[str]) -> dict[str, str]:
    rows = connection.execute(QUERIES["read_settings"], {"names": list(names)}, prepare=False)
    return {row["name"]: row["value"] or "" for row in rows}


def _alter_role(login: str, name: str, value: str) -> sql.Composed:
    """Return the statement that gives every session of *login* the *value*."""
    return sql.SQL("ALTER ROLE {} SET {} = {};").format(sql.Identifier(login), sql.SQL(name), sql.Literal(value))
