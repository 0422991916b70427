"""Checks of the database role of the processes."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import psycopg
from psycopg.rows import dict_row

from app.db.connections import APP_ROLE
from app.db.queries import load_queries
from app.errors import SetupError

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


def ensure_login(connection: psycopg.Connection[Any], name: str, password: str) -> None:
    """Create the login *name* in the processes' role, or give an existing one that role and *password*.

    It gets no password when *password* is empty. Raises SetupError when the user of *connection* may not do so, and
    when *name* has more rights than the processes' role.
    """
    with connection.cursor(row_factory=dict_row) as cursor:
        (login,) = cursor.execute(QUERIES["read_login"], {"name": name, "role": APP_ROLE}).fetchall()
    if login["exempt"]:
        raise SetupError(
            f"The user {name} of PostgreSQL has more rights than the processes need: it is a superuser, may create"
            " roles, has BYPASSRLS or owns the tables. Choose another name in MERGELANE_PROCESS_USER."
        )
    statements = []
    if password:
        # Digested here, so that the server's log has no password.
        digest = connection.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()
        statements.append(f"ALTER ROLE \"{name}\" LOGIN PASSWORD '{digest}'")
    if not login["member"]:
        statements.append(f'{GRANT_ROLE}"{name}"')
    try:
        if not login["present"]:
            # Another database of this server may be migrated at the same time.
            with suppress(psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation), connection.transaction():
                connection.execute(f'CREATE ROLE "{name}" LOGIN'.encode())
        with connection.transaction():
            for statement in statements:
                connection.execute(statement.encode())
    except psycopg.errors.InsufficientPrivilege as error:
        if login["member"]:
            return  # an administrator created it, and keeps its password
        raise SetupError(
            f"The user of DATABASE_URL may not create the user {name} for the processes. Have an administrator run:"
            f' CREATE ROLE "{name}" LOGIN PASSWORD \'…\'; {GRANT_ROLE}"{name}";'
        ) from error


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
