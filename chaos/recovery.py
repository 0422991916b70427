"""Recovery time of a fault: seconds until the last job that was in progress at its start was finished."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.db.connections import Connection
from app.db.queries import load_queries
from chaos.monkey import Strike

QUERIES = load_queries("chaos", "recovery.sql")


@dataclass(frozen=True, slots=True)
class Recovery:
    """All strikes of one fault: their number, the number of jobs in progress, and the slowest recovery in seconds."""

    strikes: int
    jobs: int
    slowest_s: float
    #: The same, counted from the end of the fault, when a stopped process can start again.
    slowest_after_s: float


def count_unfinished(connection: Connection, strike: Strike) -> int:
    """Return the number of jobs that existed when *strike* ended and are not finished yet."""
    (row,) = connection.execute(QUERIES["unfinished_since"], {"moment": strike.ended}).fetchall()
    jobs: int = row["jobs"]
    return jobs


def recoveries(connection: Connection, strikes: Sequence[Strike]) -> Mapping[str, Recovery]:
    """Return the recovery of each fault; overlapping strikes include each other's delays."""
    found: dict[str, Recovery] = {}
    for strike in strikes:
        (row,) = connection.execute(QUERIES["slowest_since"], {"moment": strike.begun}).fetchall()
        open_s = (strike.ended - strike.begun).total_seconds()
        former = found.get(strike.fault, Recovery(0, 0, 0.0, 0.0))
        found[strike.fault] = Recovery(
            former.strikes + 1,
            former.jobs + row["jobs"],
            max(former.slowest_s, row["slowest_s"]),
            max(former.slowest_after_s, row["slowest_s"] - open_s),
        )
    return found
