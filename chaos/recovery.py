"""How long it took after a fault until the last job that was under way at its beginning was finished."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.db.connections import Connection
from app.db.queries import load_queries
from chaos.monkey import Strike

QUERIES = load_queries("chaos", "recovery.sql")


@dataclass(frozen=True, slots=True)
class Recovery:
    """All strikes of one fault: how many, how many jobs they met under way, and the slowest end of one, in seconds."""

    strikes: int
    jobs: int
    slowest_s: float
    #: The same, counted from the end of the fault: what was stopped had to be started first.
    slowest_after_s: float


def recoveries(connection: Connection, strikes: Sequence[Strike]) -> Mapping[str, Recovery]:
    """Return, for each fault, how its strikes were recovered from; those that overlap have each other's delays."""
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
