"""Connections to PostgreSQL: the pool, and the settings with which every connection opens."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import Any, ClassVar, Self

import orjson
import psycopg
from psycopg import adapters as postgres_adapters
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.rows import DictRow, dict_row
from psycopg.types.json import set_json_dumps
from psycopg_pool import ConnectionPool

from app.config import Settings
from app.database_url import complete_arguments, connection_failure
from app.db.client_timeout import ClientTimeout, ServerProbe, TimeoutConnection, check_alive
from app.db.clock import SERVER_CLOCK
from app.db.errors import WORKSPACE_CLOSED, is_unavailable, to_unavailable
from app.db.repetition import RepeatingCursor
from app.db.session_settings import connection_parameters, override_environment, planning
from app.errors import SetupError
from app.metrics.database import POOL_LIMIT, MeasuredLoan
from app.process_group import ProcessGroup
from app.shares import ConnectionShares
from schemas.addresses import COMPARISON

LOG = logging.getLogger(__name__)


class Connection(TimeoutConnection[DictRow]):
    """A connection with our session settings, whatever the environment says."""

    #: Whether Citus distributes the tables.
    is_distributed: bool = False

    @classmethod
    def connect(cls, *args: Any, **kwargs: Any) -> Self:
        """Open a connection with the arguments of `connection_arguments`."""
        connection = super().connect(*args, **kwargs)
        try:
            override_environment(connection)
        except BaseException:
            connection.close()
            raise
        return connection


class Pool(ConnectionPool[Connection]):
    """A pool of connections. With *shares*, a workspace uses only a part of them at once."""

    shares: ConnectionShares | None = None


#: The role of web, relay, sender and workers. It owns no table, so row-level security applies to it: a transaction
#: sees the rows of its workspace only, and a transaction without a workspace sees none.
APP_ROLE = "mergelane_app"
#: Without these, clients of a PostgreSQL whose machine or network is gone wait for hours. Seconds of silence before
#: the kernel sends a probe, seconds between probes, unanswered probes before it gives up; milliseconds that sent data
#: may stay unacknowledged. Unix sockets ignore them.
LIVENESS = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 20_000}
#: Seconds beyond its own statement timeout that PostgreSQL has for reporting the cancellation.
GRACE_S = 5.0

set_json_dumps(orjson.dumps)


class JsonLoader(Loader):
    """Parses JSON in place. psycopg's own loader copies the bytes first, which costs six times as much."""

    def load(self, data: Buffer) -> Any:
        return orjson.loads(data)


for _name in ("json", "jsonb"):
    postgres_adapters.register_loader(_name, JsonLoader)


class PoolConnection(Connection):
    """A connection of a pool. The process logs once why none can be opened, since the pool does not say it."""

    _logged_reason: ClassVar[str] = ""

    @classmethod
    def connect(cls, conninfo: str = "", **kwargs: Any) -> Self:
        """Open a connection; raises and logs as libpq says."""
        try:
            connection = super().connect(conninfo, **kwargs)
        except psycopg.Error as error:
            reason = connection_failure(error)
            if reason != PoolConnection._logged_reason:
                LOG.warning("database_connection_failed", extra={"reason": reason})
            PoolConnection._logged_reason = reason
            raise
        PoolConnection._logged_reason = ""
        return connection


class ReplicaConnection(Connection):
    """A connection to a standby. Its failures say nothing about the primary, and its clock is another one."""

    is_primary = False


def open_pool(
    settings: Settings,
    *,
    name: str,
    probe_server: bool = False,
    group: ProcessGroup | None = None,
    connection_class: type[Connection] = PoolConnection,
) -> Pool:
    """Return a pool whose connections open on demand and work as APP_ROLE; *name* becomes their application name.

    With a *group* of processes that serve workspaces, it lends a workspace only its share of the connections at once.

    With *probe_server*, a statement that takes longer than MERGELANE_SILENCE_S makes the connection check on a second
    connection whether PostgreSQL still answers. Raises SetupError when DATABASE_URL is not set.
    """
    if not settings.database_url:
        raise SetupError("DATABASE_URL is not set; set it, or start everything with `mergelane up`.")
    if connection_class.is_primary:
        POOL_LIMIT.set(settings.pool_size)
    pool = Pool(
        settings.database_url,
        connection_class=connection_class,
        configure=client_timeouts(settings, probe_server=probe_server),
        kwargs=connection_arguments(settings, name=name, role=APP_ROLE),
        min_size=0,
        max_size=settings.pool_size,
        timeout=settings.pool_timeout_s,
        reconnect_timeout=settings.pool_timeout_s,
        check=check_alive,
        name=name,
        open=True,
    )
    if group is not None:
        pool.shares = ConnectionShares(
            pool_size=settings.pool_size,
            percent=settings.workspace_share_percent,
            beside_others_percent=settings.workspace_share_beside_others_percent,
            wait_s=settings.pool_timeout_s,
            group=group,
        )
    return pool


def connection_arguments(
    settings: Settings, *, name: str, role: str | None = None, database_url: str | None = None
) -> dict[str, Any]:
    """Return the arguments of every connection: rows as dicts, and timeouts that bound each wait.

    *database_url* is the URL of the connection when it is not that of *settings*.

    With a *role*, the session starts with that role, and RESET ROLE returns to the URL's user. Without, it stays the
    URL's user, and a query that row-level security would filter raises an error instead of returning fewer rows.
    """
    own = {
        "row_factory": dict_row,
        "cursor_factory": RepeatingCursor,
        "autocommit": True,
        # Prepare at the first execution, or never. A prepared statement is parsed and planned once.
        "prepare_threshold": 0 if settings.prepared_statements else None,
        # The number says how old the process is: see app/profiles/recomputation.py.
        "application_name": f"mergelane-{name}/{COMPARISON}",
        "connect_timeout": max(2, round(settings.pool_timeout_s)),
        **LIVENESS,
        **connection_parameters(session_options(settings, role=role)),
    }
    return complete_arguments(database_url or settings.database_url, own)


def session_options(settings: Settings, *, role: str | None = None) -> dict[str, object]:
    """Return the session settings of a connection, besides those of `MEANING`."""
    return {
        "statement_timeout": settings.statement_timeout_ms,
        "lock_timeout": settings.lock_timeout_ms,
        "idle_in_transaction_session_timeout": settings.idle_timeout_ms,
        **planning(distributed=settings.database_distributed),
        **({"row_security": "on", "role": role} if role else {"row_security": "off"}),
    }


def client_timeouts(settings: Settings, *, probe_server: bool) -> Callable[[Connection], None]:
    """Return a function that sets the client-side timeouts of a new connection and reads PostgreSQL's clock.

    PostgreSQL's own timeouts need a server that still runs.
    """
    limit_s = max(settings.statement_timeout_ms, settings.lock_timeout_ms) / 1000 + GRACE_S
    client_timeout = ClientTimeout(
        limit_s=limit_s,
        probe_after_s=settings.silence_s if probe_server else None,
        probe=ServerProbe(settings.database_url),
    )

    def configure(connection: Connection) -> None:
        connection.is_distributed = settings.database_distributed
        connection.client_timeout = client_timeout
        if connection.is_primary:
            # A server that refuses this statement refuses the next one too, and that one reports why.
            with suppress(psycopg.Error):
                SERVER_CLOCK.read(connection)

    return configure


@contextmanager
def lend_connection(pool: Pool, workspace_id: int | None = None) -> Iterator[Connection]:
    """Lend a connection in autocommit mode and without a workspace, for statements that concern all workspaces.

    With *workspace_id*, the connection is one of the share of this workspace.

    Raises DatabaseUnavailable when PostgreSQL is away or refuses work. A connection that it refused work on is closed:
    the next one may lead to another server, and has no plans or settings of the old one.
    """
    try:
        shares = nullcontext() if pool.shares is None or workspace_id is None else pool.shares.lend(workspace_id)
        with shares as left_s, MeasuredLoan() as lending, pool.connection(timeout=left_s) as connection:
            lending.lent()
            try:
                yield connection
            except psycopg.Error as error:
                if is_unavailable(error) and error.sqlstate != WORKSPACE_CLOSED:
                    connection.close()
                raise
            finally:
                connection.extended_s = 0.0
                connection.reading = None
    except psycopg.Error as error:
        if is_unavailable(error):
            raise to_unavailable(error) from error
        raise
