"""Checks of the database role of the processes."""

from collections.abc import Iterator, Mapping
from typing import Any

import psycopg
from psycopg.rows import dict_row

from app.db.connections import APP_ROLE
from app.db.queries import load_queries

QUERIES = load_queries(__package__, "roles.sql")

#: Statements for an administrator.
CREATE_ROLE = f"CREATE ROLE {APP_ROLE} NOLOGIN"
GRANT_ROLE = f"GRANT {APP_ROLE} TO "


def find_role_fault(connection: psycopg.Connection[Any]) -> tuple[str, str] | None:
    """Return why the processes cannot use their role, and the remedy, or None; two clauses without a full stop."""
    with connection.cursor(row_factory=dict_row) as cursor:
        (role,) = cursor.execute(QUERIES["read_role"], {"role": APP_ROLE}).fetchall()
    if not role["present"]:
        return (
            f"The server has no role {APP_ROLE}, which the processes use",
            f"run `mergelane migrate`; if it lacks the right, run `{CREATE_ROLE}` as an administrator first",
        )
    if not role["mine"]:
        return (
            f"The user {role['me']} of DATABASE_URL may not use the role {APP_ROLE}, which the processes use",
            f'run `{GRANT_ROLE}"{role["me"]}"` as an administrator',
        )
    if not role["granted"]:
        return (
            f"The role {APP_ROLE}, which the processes use, may not read the tables",
            "run `mergelane migrate` as their owner",
        )
    if role["exempt"]:
        return (
            f"Row-level security does not bind {APP_ROLE}: it is a superuser, has BYPASSRLS or owns the tables",
            f"run `ALTER ROLE {APP_ROLE} NOSUPERUSER NOBYPASSRLS` as an administrator, and give it no tables",
        )
    return None


def find_missing_rights(connection: psycopg.Connection[Any]) -> str | None:
    """Return a sentence with the statements that give the user of *connection* what a migration needs, or None."""
    with connection.cursor(row_factory=dict_row) as cursor:
        (rights,) = cursor.execute(QUERIES["read_rights"], {"role": APP_ROLE}).fetchall()
    if rights["schema"] is None:
        return "The search_path names no schema that exists. Create the schema first, or correct the search_path."
    statements = list(_statements(rights))
    if not statements:
        return None
    return (
        f"The user {rights['me']} of DATABASE_URL lacks a privilege that the migration needs, and nothing was changed."
        f" Have an administrator run in this database: {' '.join(statements)} Then run `mergelane migrate` again."
    )


def _statements(rights: Mapping[str, Any]) -> Iterator[str]:
    """Yield the statements that give the user the missing *rights*."""
    me, schema = rights["me"], rights["schema"]
    creates_role = not rights["role_exists"] and rights["may_create_role"]
    if not rights["role_exists"] and not creates_role:
        yield f"{CREATE_ROLE};"
    if not (creates_role or rights["may_set_role"] or rights["may_grant_role"]):
        yield f"{GRANT_ROLE}{me};"
    if not rights["owns_tables"]:
        yield f"GRANT {rights['owner']} TO {me};"
    if not rights["may_create_tables"]:
        yield f"GRANT CREATE, USAGE ON SCHEMA {schema} TO {me};"
    if not rights["schema_usable"]:
        yield f"GRANT USAGE ON SCHEMA {schema} TO {me} WITH GRANT OPTION;"
