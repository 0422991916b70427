"""The role under which the processes work: there, theirs to take, given what it needs, and bound by the policies."""

from typing import Any

import psycopg
from psycopg.rows import dict_row

from app.db.connections import APP_ROLE
from app.db.queries import load_queries

QUERIES = load_queries(__package__, "roles.sql")

#: What is to be done by somebody who may make and give roles.
MAKE = f"CREATE ROLE {APP_ROLE} NOLOGIN"
GIVE = f"GRANT {APP_ROLE} TO "


def fault(connection: psycopg.Connection[Any]) -> tuple[str, str] | None:
    """Return why processes on the database of *connection* cannot work under their role, and the way out; else None."""
    with connection.cursor(row_factory=dict_row) as cursor:
        (role,) = cursor.execute(QUERIES["role"], {"role": APP_ROLE}).fetchall()
    if not role["present"]:
        return (
            f"The role {APP_ROLE}, under which the processes work, is missing on this server",
            f"run `mergelane migrate` or, when that may not make it, `{MAKE}` as an administrator and migrate then",
        )
    if not role["mine"]:
        return (
            f"The user {role['me']} of DATABASE_URL may not become the role {APP_ROLE}, under which the processes work",
            f'have an administrator run `{GIVE}"{role["me"]}"`',
        )
    if not role["granted"]:
        return (
            f"The role {APP_ROLE}, under which the processes work, may not read the tables",
            "run `mergelane migrate` as their owner",
        )
    if role["exempt"]:
        return (
            f"The role {APP_ROLE} is a superuser, has BYPASSRLS or owns the tables: no policy binds it",
            f"have an administrator run `ALTER ROLE {APP_ROLE} NOSUPERUSER NOBYPASSRLS`, and give it no tables",
        )
    return None
