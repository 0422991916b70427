"""Keeps the rate limits that a workspace has of its own, beside those of the installation."""

from collections.abc import Iterable, Mapping
from typing import Any

import psycopg
from psycopg.rows import dict_row

from app.db.queries import load_queries
from app.errors import SetupError
from app.rates.buckets import Bucket, Limit, read_limit

Connection = psycopg.Connection[Any]

QUERIES = load_queries(__package__, "rates.sql")


def own_limits(connection: Connection, *, workspace: str) -> tuple[Limit, ...]:
    """Return the limits that *workspace* has of its own; raise SetupError when there is no such workspace."""
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(QUERIES["own_limits"], {"workspace": workspace}).fetchone()
    if row is None:
        raise _unknown(workspace)
    return read_stored(row["rate_limits"])


def set_limit(connection: Connection, *, workspace: str, limit: Limit) -> None:
    """Give *workspace* a limit of its own, from the next request on; raise SetupError when there is none such."""
    values = {"workspace": workspace, "bucket": limit.bucket, "limit": str(limit)}
    if connection.execute(QUERIES["set_limit"], values).fetchone() is None:
        raise _unknown(workspace)


def unset_limit(connection: Connection, *, workspace: str, bucket: Bucket) -> None:
    """Let the installation's limit for *bucket* hold for *workspace* again; raise SetupError when there is no such."""
    values = {"workspace": workspace, "bucket": bucket}
    if connection.execute(QUERIES["unset_limit"], values).fetchone() is None:
        raise _unknown(workspace)


def read_stored(stored: Mapping[str, str]) -> tuple[Limit, ...]:
    """Return the limits that are *stored* by bucket; a bucket of another version of Mergelane is passed over."""
    known: Iterable[tuple[str, str]] = (pair for pair in stored.items() if pair[0] in set(Bucket))
    return tuple(read_limit(bucket, text) for bucket, text in known)


def _unknown(workspace: str) -> SetupError:
    """Return the error of a workspace that there is not."""
    return SetupError(f"There is no workspace {workspace!r}; it begins with its first key: `mergelane keys create`.")
