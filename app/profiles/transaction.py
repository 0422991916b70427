"""The transaction in which a request writes profiles: made again when they changed between look and lock."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from app.db import Connection, Pool, in_transaction, load_queries
from app.errors import ResolutionUnsettled

QUERIES = load_queries("app.profiles", "clock.sql")

#: Times that identifiers may come to mean something else between look and lock before a request is given up.
ATTEMPTS = 10

Result = TypeVar("Result")


def until_settled(pool: Pool, work: Callable[[Connection], Result], *, workspace_id: int) -> Result:
    """Return what *work* returns, run in one transaction of a workspace; made again when it raises ResolutionUnsettled.

    Raises ResolutionUnsettled when that happens ATTEMPTS times; nothing was changed then.
    """
    retrying = Retrying(
        retry=retry_if_exception_type(ResolutionUnsettled),
        stop=stop_after_attempt(ATTEMPTS),
        # A pause lets the merges that keep changing the profiles get through.
        wait=wait_random_exponential(multiplier=0.005, max=0.3),
        reraise=True,
    )
    result: Result = retrying(in_transaction, pool, work, workspace_id=workspace_id)
    return result


def the_time(connection: Connection) -> datetime:
    """Return the time by the database's clock; to be asked under the locks, so that later writes have later times."""
    (row,) = connection.execute(QUERIES["the_time"]).fetchall()
    moment: datetime = row["now"]
    return moment.astimezone(UTC)
