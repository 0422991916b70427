"""Rate limits of single workspaces, which replace those of the installation."""

from collections.abc import Iterable, Mapping
from typing import Any

import psycopg
from psycopg.rows import dict_row

from app.db.queries import load_queries
from app.errors import SetupError
from app.rates.buckets import Bucket, Limit, parse_limit

Connection = psycopg.Connection[Any]

QUERIES = load_queries(__package__, "rates.sql")


def read_workspace_limits(connection: Connection, *, workspace: str) -> tuple[Limit, ...]:
    """Return the limits of *workspace* itself; raise SetupError when there is no such workspace."""
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(QUERIES["read_rate_limits"], {"workspace": workspace}).fetchone()
    if row is None:
        raise _unknown(workspace)
    return parse_stored_limits(row["rate_limits"])


def set_workspace_limit(connection: Connection, *, workspace: str, limit: Limit) -> None:
    """Set a limit of *workspace*, from its next request on; raise SetupError when there is no such workspace."""
    values = {"workspace": workspace, "bucket": limit.bucket, "limit": str(limit)}
    if connection.execute(QUERIES["set_rate_limit"], values).fetchone() is None:
        raise _unknown(workspace)


def unset_workspace_limit(connection: Connection, *, workspace: str, bucket: Bucket) -> None:
    """Remove the limit of *workspace* for *bucket*; raise SetupError when there is no such workspace."""
    values = {"workspace": workspace, "bucket": bucket}
    if connection.execute(QUERIES["delete_rate_limit"], values).fetchone() is None:
        raise _unknown(workspace)


def parse_stored_limits(stored: Mapping[str, str]) -> tuple[Limit, ...]:
    """Return the limits *stored* by bucket; buckets of other versions of Mergelane are skipped."""
    known: Iterable[tuple[str, str]] = (pair for pair in stored.items() if pair[0] in set(Bucket))
    return tuple(parse_limit(bucket, text) for bucket, text in known)


def _unknown(workspace: str) -> SetupError:
    return SetupError(f"There is no workspace {workspace!r}; it begins with its first key: `mergelane keys create`.")
