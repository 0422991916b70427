"""Transactions: each is bound to one workspace, and repeated when PostgreSQL ends it in favour of another."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any, Concatenate, Generic, LiteralString, ParamSpec, Protocol, TypeVar

import psycopg
from psycopg import errors as postgres
from psycopg import sql
from psycopg.rows import DictRow
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from app.db.budget import budget_left_s
from app.db.client_timeout import TimeoutConnection
from app.db.connections import GRACE_S, Pool, lend_connection
from app.db.errors import RETRYABLE_ERRORS
from app.db.local_settings import SET_WORKSPACE, set_plans, set_statement_timeout, set_workspace
from app.db.queries import load_queries
from app.db.repetition import is_stale_plan
from app.errors import ResolutionUnsettled
from app.metrics.database import count_retry

QUERIES = load_queries("app.db", "transactions.sql")

BEGIN = b"BEGIN"
SNAPSHOT = b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
OVER_BUDGET = "The statements of this request take longer than one statement may."
#: How often a transaction is tried when PostgreSQL ends it with one of RETRYABLE_ERRORS.
ATTEMPTS = 5
#: How often a use case is tried when the profiles that it resolved change before it has locked them.
STABLE_ATTEMPTS = 10

Params = ParamSpec("Params")
Result = TypeVar("Result")
Other = TypeVar("Other")


class Deferred(Generic[Result]):
    """The result of a statement that was sent; reading it waits for the answer.

    In a pipeline, statements that are sent before the first read share one round trip.
    """

    def __init__(self, read: Callable[[], Result]) -> None:
        self._read = read

    def result(self) -> Result:
        """Wait for the answer and return it; to be called once."""
        return self._read()

    def map(self, function: Callable[[Result], Other]) -> "Deferred[Other]":
        """Return the deferred result of *function* applied to this one."""
        return Deferred(lambda: function(self._read()))


class Transaction:
    """A transaction of one workspace. Row-level security hides the rows of all others.

    Every statement gets the parameter `workspace_id`.
    """

    def __init__(self, connection: psycopg.Connection[DictRow], workspace_id: int) -> None:
        self.connection = connection
        self.workspace_id = workspace_id
        self._is_slow = False
        self._plans_for_values = False

    def execute(
        self,
        query: LiteralString | sql.Composed,
        parameters: Mapping[str, Any] | None = None,
        *,
        plan_for_values: bool = False,
    ) -> psycopg.Cursor[DictRow]:
        """Send *query* and return its cursor.

        With *plan_for_values*, PostgreSQL plans the query for its actual parameters: see docs/adr/0011.
        """
        values = {"workspace_id": self.workspace_id, **(parameters or {})}
        prepare = False if plan_for_values else None
        self._keep_to_budget()
        if not self._is_slow and plan_for_values == self._plans_for_values:
            return self.connection.execute(query, values, prepare=prepare)
        # Leaving a nested pipeline waits for the statement: the client's timeout is for one of them.
        with self.connection.pipeline():
            self._set_plans(for_values=plan_for_values)
            return self.connection.execute(query, values, prepare=prepare)

    def _keep_to_budget(self) -> None:
        """Let the next statement take no longer than the request has left. Raises QueryCanceled when that is nothing.

        A transaction with a time limit of its own keeps it.
        """
        left_s = None if self._is_slow else budget_left_s()
        if left_s is None:
            return
        milliseconds = round(left_s * 1000)
        if milliseconds <= 0:
            raise postgres.QueryCanceled(OVER_BUDGET)
        set_statement_timeout(self.connection, milliseconds)

    def _set_plans(self, *, for_values: bool) -> None:
        """Let PostgreSQL plan the next statements *for_values*, or for any; in a pipeline at no extra round trip."""
        if for_values != self._plans_for_values:
            statement = set_plans(self.connection, for_values=for_values)
            self._plans_for_values = for_values
            if isinstance(self.connection, TimeoutConnection) and self.connection.reading is not None:
                # A transaction that is begun again keeps its plans.
                self.connection.reading = (*self.connection.reading, statement)

    def defer(
        self,
        query: LiteralString | sql.Composed,
        parameters: Mapping[str, Any] | None = None,
        *,
        read: Callable[[psycopg.Cursor[DictRow]], Result],
    ) -> Deferred[Result]:
        """Send *query* and return its deferred result: what *read* returns for the cursor."""
        cursor = self.execute(query, parameters)
        return Deferred(lambda: read(cursor))

    def set_statement_timeout(self, seconds: float) -> None:
        """Let each of the following statements of this transaction take up to *seconds*.

        The client-side timeout follows, or it would close the connection during a long statement. From now on each
        statement is a round trip of its own.
        """
        set_statement_timeout(self.connection, round(seconds * 1000))
        if isinstance(self.connection, TimeoutConnection):
            self.connection.extended_s = seconds + GRACE_S
            # The timeout would be lost if the transaction were begun again.
            self.connection.reading = None
        self._is_slow = True

    def now(self) -> datetime:
        """Return PostgreSQL's clock in UTC. Read it under the locks, so that later writes have later times."""
        return self.defer_now().result()

    def defer_now(self) -> Deferred[datetime]:
        """Request PostgreSQL's clock without waiting for it."""
        return self.defer(QUERIES["now"], read=_moment)


class Wrapper(Protocol):
    """Adds to a use case what belongs into its transaction."""

    def __call__(
        self, use_case: Callable[Concatenate[Transaction, Params], Result], /
    ) -> Callable[Concatenate[Transaction, Params], Result]:
        """Return the use case with the addition."""


def unchanged(
    use_case: Callable[Concatenate[Transaction, Params], Result], /
) -> Callable[Concatenate[Transaction, Params], Result]:
    """Return *use_case* itself: the Wrapper that adds nothing."""
    return use_case


def _moment(cursor: psycopg.Cursor[DictRow]) -> datetime:
    (row,) = cursor.fetchall()
    moment: datetime = row["now"]
    return moment.astimezone(UTC)


@contextmanager
def open_transaction(pool: Pool, workspace_id: int, *, snapshot: bool = False) -> Iterator[Transaction]:
    """Open a transaction that reads, committed unless an exception leaves it.

    A *snapshot* sees all rows as of one moment and cannot write. Raises DatabaseUnavailable when PostgreSQL does not
    answer.
    """
    with lend_connection(pool, workspace_id) as connection:
        # One round trip.
        with connection.pipeline():
            connection.execute(SNAPSHOT if snapshot else BEGIN, prepare=False)
            set_workspace(connection, workspace_id)
        # A snapshot cannot be taken again: earlier statements have read the first one.
        connection.reading = None if snapshot else (BEGIN, SET_WORKSPACE % workspace_id)
        # The pool ends the transaction when the connection returns.
        yield Transaction(connection, workspace_id)


def run_in_transaction(
    pool: Pool,
    workspace_id: int,
    use_case: Callable[Concatenate[Transaction, Params], Result],
    *args: Params.args,
    **kwargs: Params.kwargs,
) -> Result:
    """Return `use_case(tx, *args, **kwargs)`, run in one transaction and repeated after a retryable error.

    Locks are taken in one order, so deadlocks are rare, but unique indexes can still cause one.
    Raises DatabaseUnavailable when PostgreSQL does not answer: nothing was committed then, unless the connection was
    lost during COMMIT, when the outcome is unknown.
    """

    def retrying() -> Retrying:
        return Retrying(
            retry=retry_if_exception(_is_retryable),
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_random_exponential(multiplier=0.01, max=0.5),
            before_sleep=partial(_prepare_retry, pool),
            reraise=True,
        )

    return _retried(partial(_run_once, pool, workspace_id, lambda tx: use_case(tx, *args, **kwargs)), retrying)


def retry_until_stable(
    pool: Pool,
    workspace_id: int,
    use_case: Callable[Concatenate[Transaction, Params], Result],
    *args: Params.args,
    **kwargs: Params.kwargs,
) -> Result:
    """Do as run_in_transaction, and repeat the transaction when it raises ResolutionUnsettled.

    Raises ResolutionUnsettled after STABLE_ATTEMPTS attempts; nothing was changed then.
    """

    def retrying() -> Retrying:
        return Retrying(
            retry=retry_if_exception_type(ResolutionUnsettled),
            stop=stop_after_attempt(STABLE_ATTEMPTS),
            # A pause lets the merges that keep changing the profiles finish.
            wait=wait_random_exponential(multiplier=0.005, max=0.3),
            reraise=True,
        )

    return _retried(lambda: run_in_transaction(pool, workspace_id, use_case, *args, **kwargs), retrying)


def _retried(work: Callable[[], Result], retrying: Callable[[], Retrying]) -> Result:
    """Return what *work* returns, repeated as *retrying* says, which is called after a failure only.

    To call it for each transaction would cost 40 microseconds.
    """
    try:
        return work()
    except Exception as error:  # noqa: BLE001  retrying raises it again unless it may be repeated
        failed = [error]

    def attempt() -> Result:
        if failed:
            raise failed.pop()
        return work()

    result: Result = retrying()(attempt)
    return result


def _is_retryable(error: BaseException) -> bool:
    """Return whether the same transaction may succeed when it is repeated at once."""
    return isinstance(error, RETRYABLE_ERRORS) or is_stale_plan(error.__cause__)


def _prepare_retry(pool: Pool, state: RetryCallState) -> None:
    """Count the retry. After a stale plan, replace the connections of *pool*: they have prepared the same statement."""
    error = state.outcome.exception() if state.outcome else None
    if error is not None and is_stale_plan(error.__cause__):
        pool.drain()
    count_retry(error)


def _run_once(pool: Pool, workspace_id: int, use_case: Callable[[Transaction], Result]) -> Result:
    """Return what *use_case* returns, run in one transaction.

    Statements are pipelined: they are sent at once, and those between two reads share one round trip. An error is
    raised at the next read, or at the latest when the transaction ends. BEGIN and COMMIT are plain statements, since
    psycopg's transaction() waits for an answer to each; after an error the pool rolls back.
    """
    with lend_connection(pool, workspace_id) as connection, connection.pipeline():
        connection.execute(BEGIN, prepare=False)
        set_workspace(connection, workspace_id)
        result = use_case(Transaction(connection, workspace_id))
        connection.execute("COMMIT", prepare=False)
    return result
