"""The name of this installation, which keeps two installations on one broker apart.

On plain PostgreSQL it follows from a random id in the database and from the place of the database: the server's
identifier and the database's number there. So a restored copy has another name than the original, and a standby that is
promoted keeps the name. A copy of the whole server keeps both: `mergelane migrate --new-installation` gives it another
id.

On Citus processes may connect to any of the servers, so the name follows from the id alone.
"""

from collections.abc import Callable
from functools import partial
from hashlib import sha256
from time import monotonic
from typing import Any

import psycopg
from psycopg.rows import dict_row
from uuid_utils.compat import uuid7

from app.config import Settings
from app.db.connections import APP_ROLE, Pool, connection_arguments, lend_connection
from app.db.distribution import is_distributed
from app.db.queries import load_queries

QUERIES = load_queries(__package__, "installation.sql")
#: Seconds for which a name that was read is used. It changes when the id is renewed or the database moves.
VALID_S = 60.0
LENGTH = 12


class Installation:
    """The name of the installation, read at its first use and again after VALID_S seconds."""

    def __init__(self, read: Callable[[], str], *, clock: Callable[[], float] = monotonic) -> None:
        """Read the name with *read*."""
        self._read = read
        self._clock = clock
        self._name = ""
        self._read_at = 0.0

    @classmethod
    def in_pool(cls, pool: Pool) -> "Installation":
        """Return the installation of the database of *pool*."""
        return cls(partial(_read_in_pool, pool))

    def name(self) -> str:
        """Return the name. Raises DatabaseUnavailable, or psycopg's errors."""
        if not self._name or self._clock() - self._read_at >= VALID_S:
            self._name, self._read_at = self._read(), self._clock()
        return self._name


def read_name(connection: psycopg.Connection[Any]) -> str:
    """Return the name of the installation, read as the role of the processes, whose rights are the same everywhere."""
    with connection.cursor(row_factory=dict_row) as cursor:
        (own,) = cursor.execute(QUERIES["read_installation"]).fetchall()
        place = [str(own["id"])]
        if not is_distributed(connection):
            server = cursor.execute(QUERIES["read_server"]).fetchall() if own["sees_server"] else []
            place += [str(own["database"]), *(str(row["system_identifier"]) for row in server)]
    return sha256("/".join(place).encode()).hexdigest()[:LENGTH]


def _read_in_pool(pool: Pool) -> str:
    with lend_connection(pool) as connection:
        return read_name(connection)


def connect_and_read_name(settings: Settings) -> str:
    """Return the name over a connection of its own, for a process that may fork and so opens no pool yet."""
    arguments = connection_arguments(settings, name="start", role=APP_ROLE)
    with psycopg.connect(settings.database_url, **arguments) as connection:
        return read_name(connection)


def renew_id(connection: psycopg.Connection[Any]) -> None:
    """Give the installation another id. Messages under its old name are lost, and the rescue requeues their jobs."""
    connection.execute(QUERIES["renew_installation"], {"id": uuid7()})
