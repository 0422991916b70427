"""The way to PostgreSQL: named queries, pools, and transactions that are retried when the database asks for it."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import resources
from typing import Any, LiteralString, TypeVar, cast

import orjson
import psycopg
from psycopg import adapters as postgres_adapters
from psycopg import errors as postgres
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.rows import DictRow, dict_row
from psycopg.types.json import set_json_dumps
from psycopg_pool import ConnectionPool, PoolTimeout
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from app.config import Settings
from app.errors import DatabaseUnavailable, SetupError
from app.metrics.database import POOL_LIMIT, Lending, count_retry
from app.db.client_timeout import Patience, PatientConnection, Pulse, check

Connection = PatientConnection[DictRow]
Pool = ConnectionPool[Connection]
Result = TypeVar("Result")
#: An answer to a statement that was sent: to be called once, which waits for it. What is sent in between travels along.
Later = Callable[[], Result]

HEADING = re.compile(r"^-- name: ([a-z_]+)$", re.MULTILINE)
#: Errors by which PostgreSQL lets others go first, or has had no time.
CONTENDED = (
    postgres.DeadlockDetected,
    postgres.LockNotAvailable,
    postgres.QueryCanceled,
    postgres.SerializationFailure,
)
#: Errors after which the same transaction, made again, may well succeed.
#: A unique violation is one of them: somebody else took an identifier between the look and the write.
TRANSIENT = (
    postgres.DeadlockDetected,
    postgres.LockNotAvailable,
    postgres.SerializationFailure,
    postgres.UniqueViolation,
)
ATTEMPTS = 5
#: SQLSTATE classes of a server that is away: connection lost, out of connections, shutting down or starting up; and
#: of one that ended our connection because this process was held up for too long in the middle of a transaction.
AWAY = ("08", "53", "57P", "25P03")

set_json_dumps(orjson.dumps)


class JsonLoader(Loader):
    """Parses JSON where it lies. psycopg's own copies it first, which costs six times as much as parsing it."""

    def load(self, data: Buffer) -> Any:
        """Return what *data*, a text, says."""
        return orjson.loads(data)


for _name in ("json", "jsonb"):
    postgres_adapters.register_loader(_name, JsonLoader)


def load_queries(package: str, file: str) -> dict[str, LiteralString]:
    """Return the named queries of *file* in the folder sql/ of *package*, by name.

    Raises SetupError when a name is given twice.
    """
    text = (resources.files(package) / "sql" / file).read_text(encoding="utf-8")
    _, *parts = HEADING.split(text)
    names, bodies = parts[::2], parts[1::2]
    if len(set(names)) < len(names):
        raise SetupError(f"The file {file} of {package} names a query twice; give each a name of its own.")
    # The text comes from a file of this package and from nowhere else, so it is as literal as code.
    return {name: cast("LiteralString", body.strip()) for name, body in zip(names, bodies, strict=True)}


QUERIES = load_queries(__package__, "transactions.sql")


def open_pool(settings: Settings, *, name: str, uneasy: bool = False) -> Pool:
    """Return a pool of connections that open as they are needed; *name* is what PostgreSQL shows them under.

    They work as APP_ROLE from the first statement on. Those who must answer soon are *uneasy*: when a statement takes
    longer than usual, they look whether PostgreSQL is still there. Raises SetupError when no DATABASE_URL is set.
    """
    if not settings.database_url:
        raise SetupError("DATABASE_URL is not set; set it, or start everything with `mergelane up`.")
    POOL_LIMIT.put(settings.pool_size)
    return ConnectionPool(
        settings.database_url,
        connection_class=Connection,
        configure=patient(settings, uneasy=uneasy),
        kwargs=connection_arguments(settings, name=name, role=APP_ROLE),
        min_size=0,
        max_size=settings.pool_size,
        timeout=settings.pool_timeout_s,
        reconnect_timeout=settings.pool_timeout_s,
        check=check,
        name=name,
        open=True,
    )


#: The role under which web, relay and workers work. It owns no table, so that row-level security holds for it: a
#: transaction sees the workspace that it was told and no other, and one that was told none sees nothing.
APP_ROLE = "mergelane_app"
#: How a transaction that reads begins and is told its workspace: one message, so that telling costs no round trip. `%d`
#: takes a number and nothing else.
BEGIN = b"BEGIN; SET LOCAL mergelane.workspace_id = %d"
SNAPSHOT = b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL mergelane.workspace_id = %d"
#: Plans are made for any values, and times come back in UTC wherever the server believes it stands. A plan for the very
#: values trusts statistics that may be older than a workspace's rows, and then reads the whole workspace to find one;
#: queries whose best plan hangs on their values are executed with `prepare=False`. A page costs the same wherever it
#: lies: PostgreSQL's guess of four times as much is that of a turning disk, and has a table of thousands of rows read
#: whole rather than an index probed a hundred times.
PLANNING = {"plan_cache_mode": "force_generic_plan", "random_page_cost": 1, "TimeZone": "UTC"}
#: A PostgreSQL whose machine or network is gone says no word about it. Without these its clients would wait for hours:
#: seconds of silence before the kernel asks, between two questions, and how many may stay unanswered; milliseconds
#: that something sent may stay unacknowledged. A unix socket does without.
LIVENESS = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 20_000}


def connection_arguments(settings: Settings, *, name: str, role: str | None = None) -> dict[str, Any]:
    """Return the arguments with which every connection opens: rows as dicts, and timeouts that bound each wait.

    With a *role* it works as that from the start; RESET ROLE leads back to it. Without, it is the URL's user, who sees
    every row or, when they are not all theirs to see, is refused instead of shown a part.
    """
    options = {
        "statement_timeout": settings.statement_timeout_ms,
        "lock_timeout": settings.lock_timeout_ms,
        "idle_in_transaction_session_timeout": settings.idle_timeout_ms,
        **PLANNING,
        **({"role": role} if role else {"row_security": "off"}),
    }
    return {
        "row_factory": dict_row,
        "autocommit": True,
        # From the first execution on: only a prepared statement has a plan for any values.
        "prepare_threshold": 0,
        "application_name": f"mergelane-{name}",
        "connect_timeout": max(2, round(settings.pool_timeout_s)),
        **LIVENESS,
        "options": " ".join(f"-c {option}={value}" for option, value in options.items()),
    }


def tell(connection: psycopg.Connection[Any], workspace_id: int) -> None:
    """Tell the transaction on *connection* its workspace, until it ends; in a pipeline that costs no round trip."""
    connection.execute(QUERIES["tell"], {"workspace_id": workspace_id})


#: Seconds that PostgreSQL is given, beyond its own timeout of a statement, to say that it has cancelled it.
GRACE_S = 5.0


def patient(settings: Settings, *, uneasy: bool) -> Callable[[Connection], None]:
    """Return what gives each new connection its patience: PostgreSQL's own timeouts need a server that still runs."""
    longest_s = max(settings.statement_timeout_ms, settings.lock_timeout_ms) / 1000 + GRACE_S
    uneasy_s = settings.silence_s if uneasy else None
    patience = Patience(longest_s=longest_s, uneasy_s=uneasy_s, pulse=Pulse(settings.database_url))

    def configure(connection: Connection) -> None:
        connection.patience = patience

    return configure


@contextmanager
def borrow(pool: Pool, *, workspace_id: int | None = None, snapshot: bool = False) -> Iterator[Connection]:
    """Lend a connection in one transaction that sees a workspace and nothing else; committed unless an error leaves it.

    A *snapshot* sees it as it stands at one moment, and writes nothing. Without a workspace the connection is in
    autocommit mode, for what belongs to none. Raises DatabaseUnavailable when PostgreSQL does not answer.
    """
    try:
        # The pool ends the transaction when it gets the connection back.
        with Lending() as lending, pool.connection() as connection:
            lending.lent()
            if workspace_id is not None:
                connection.execute((SNAPSHOT if snapshot else BEGIN) % workspace_id, prepare=False)
            yield connection
    except (PoolTimeout, psycopg.OperationalError, postgres.IdleInTransactionSessionTimeout) as error:
        if is_away(error):
            raise DatabaseUnavailable("PostgreSQL does not answer; try again in a few seconds.") from error
        raise


def is_away(error: psycopg.Error) -> bool:
    """Return whether *error* says that PostgreSQL is away, rather than that it refused or cancelled a statement."""
    return error.sqlstate is None or error.sqlstate.startswith(AWAY)


def in_transaction(pool: Pool, work: Callable[[Connection], Result], *, workspace_id: int) -> Result:
    """Return what *work* returns, run in one transaction of a workspace; made again when it had to give way.

    Locks are taken in one order, so deadlocks are rare; those that unique indexes can still cause end here. Raises
    DatabaseUnavailable when PostgreSQL does not answer: then nothing has happened, unless it went away while it was
    asked to commit, when nobody can tell.
    """
    retrying = Retrying(
        retry=retry_if_exception_type(TRANSIENT),
        stop=stop_after_attempt(ATTEMPTS),
        wait=wait_random_exponential(multiplier=0.01, max=0.5),
        before_sleep=_count,
        reraise=True,
    )
    result: Result = retrying(_once, pool, work, workspace_id)
    return result


def _count(state: RetryCallState) -> None:
    """Count that a transaction is made again."""
    count_retry(state.outcome.exception() if state.outcome else None)


def _once(pool: Pool, work: Callable[[Connection], Result], workspace_id: int) -> Result:
    """Return what *work* returns, run in one transaction of a workspace.

    Its statements go through a pipeline: they are sent at once and wait for no answer until one is read, so that those
    between two reads share one round trip. An error is raised where the next answer is read, at the end of the
    transaction at the latest. It begins and ends by statements of its own, since psycopg's transaction() waits for an
    answer to each; when an error leaves it, the pool rolls it back.
    """
    with borrow(pool) as connection, connection.pipeline():
        connection.execute("BEGIN", prepare=False)
        tell(connection, workspace_id)
        result = work(connection)
        connection.execute("COMMIT", prepare=False)
    return result
