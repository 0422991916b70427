"""Resources shared by all requests: the settings, and a pool of connections that opens on first use."""

import atexit
from collections.abc import Callable
from threading import Lock
from typing import TypeVar

from flask import Flask, current_app

from app.config import Settings
from app.db.connections import Pool, open_pool
from app.db.installation import Installation
from app.db.replica import Replica
from app.db.transaction import Transaction, open_transaction
from app.process_group import ProcessGroup

NAME = "mergelane"

Result = TypeVar("Result")


class Resources:
    """The settings and the pool of one application.

    The pool opens with the first request: a server may create the application and then fork, and processes must not
    share connections.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        #: The processes of this server; of an application without a server, this process.
        self.group = ProcessGroup()
        self.replica = Replica(settings, name="web", group=self.group)
        self._pool: Pool | None = None
        self._lock = Lock()
        self._installation_name = ""

    @property
    def pool(self) -> Pool:
        """The pool, opened on first use and closed when the process ends."""
        with self._lock:
            if self._pool is None:
                self._pool = open_pool(self.settings, name="web", probe_server=True, group=self.group)
                atexit.register(self.close)
            return self._pool

    def installation_name(self) -> str:
        """Return the name of the installation, read once.

        Raises DatabaseUnavailable, or psycopg's errors: a request that waited for it in vain waits for nothing more.
        """
        if not self._installation_name:
            self._installation_name = Installation.in_pool(self.pool).name()
        return self._installation_name

    def close(self) -> None:
        """Close the pool; the next request opens it again."""
        self.replica.close()
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            atexit.unregister(self.close)
            pool.close()


def set_resources(flask: Flask, settings: Settings) -> None:
    flask.extensions[NAME] = Resources(settings)


def resources_of(flask: Flask) -> Resources:
    resources: Resources = flask.extensions[NAME]
    return resources


def pool() -> Pool:
    return resources_of(current_app).pool


def reading_pool() -> Pool:
    """Return the pool for an answer that is streamed: the standby's if it can answer, else the primary's."""
    resources = resources_of(current_app)
    return resources.replica.choose_pool(resources.pool)


def read_for_workspace(
    workspace_id: int, use_case: Callable[[Transaction], Result], *, snapshot: bool = False
) -> Result:
    """Return what *use_case* reads in a transaction of the workspace, from where read_anywhere reads."""

    def use(pool: Pool) -> Result:
        with open_transaction(pool, workspace_id, snapshot=snapshot) as tx:
            return use_case(tx)

    return read_anywhere(use)


def read_anywhere(use: Callable[[Pool], Result]) -> Result:
    """Return what *use* reads from the standby, or from the primary if the standby cannot answer; see Replica.read."""
    resources = resources_of(current_app)
    return resources.replica.read(resources.pool, use)


def settings() -> Settings:
    return resources_of(current_app).settings
