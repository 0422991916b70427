"""Rates as the tables grow: many profiles compared with few, and a large backlog with a small one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from time import time
from typing import Any

from app.config import Settings
from app.db.connections import Connection
from bench.bulk import make_big_world
from bench.contenders import Mergelane
from bench.errors import BenchError
from bench.ground import Ground
from bench.running import wait_until
from bench.sizes import Sizes
from bench.stats import Ratio, Spread
from bench.usage import cpu_seconds, spent
from bench.world import WORKSPACE_ID, World, make_world, plant_backlog, run_query

#: Pairs of profiles at scale 1: fifty thousand profiles and five million.
FEW, MANY = 25_000, 2_500_000
#: Merges of one round.
MERGES = 8_000
ROUNDS = 3
WARM = 500
#: Jobs of the small backlog and of the large one, and the number of jobs of the large one that are run.
SMALL, GREAT, DRAINED = 5_000, 500_000, 100_000
#: Seconds that a drain may take.
DRAIN_S = 180.0
MILLISECONDS = 1_000
#: Seconds between two checks of the broker and of the progress.
CHECK_S = 0.1


def run(ground: Ground, sizes: Sizes, log: Callable[[str], None]) -> dict[str, Any]:
    """Measure rates by the number of profiles, then by the size of the backlog on the many."""
    few = make_world(ground, max(sizes.of(FEW), sizes.of(MERGES) + sizes.of(WARM)))
    began = time()
    many = make_big_world(ground, sizes.of(MANY))
    log(f"{2 * many.pairs:,} profiles were created in {time() - began:.0f} s")
    field = Field(ground, many)
    profiles = _by_profiles(ground, field, few, sizes, log)
    backlog = _by_backlog(field, sizes, log)
    for world in (few, many):
        ground.drop(world.database)
    return {"profiles": profiles, "backlog": backlog}


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """The measurements of a drained backlog."""

    #: Merges per second of each section of the backlog.
    rates: Sequence[float]
    #: Maximum number of messages in the broker.
    most_messages: int
    #: Processor milliseconds per merge of all programs since they were ready, including the warm-up.
    cpu_ms: float = 0.0


class Field:
    """A database whose pairs are merged in order. The product starts for each drain."""

    def __init__(self, ground: Ground, world: World) -> None:
        self.ground = ground
        self.world = world
        self._next = 0

    def drain(self, *, warm: int, count: int, backlog: int | None = None, stretch: int | None = None) -> Drain:
        """Merge *warm* pairs as a warm-up, then *count* pairs from a backlog of *backlog* jobs, by default *count*.

        The backlog is written before the product starts. Returns the rate of each *stretch* merges, or of all.
        """
        product = Mergelane(self.ground, self.world, self.world.database)
        with self.ground.connect(self.world.database) as connection:
            self.ground.empty_broker()
            began_with = _finished(connection)
            self._plant(connection, warm + (backlog or count))
            self.ground.checkpoint()
            try:
                product.start_backstage()
                ours = {connection.info.backend_pid}
                used, done = cpu_seconds(product.everything, without=ours), _finished(connection)
                drain = self._watch(connection, began_with, marks=range(warm, warm + count + 1, stretch or count))
                took = spent(used, cpu_seconds(product.everything, without=ours))
                merges = _finished(connection) - done
                return replace(drain, cpu_ms=sum(took.values()) * MILLISECONDS / merges)
            finally:
                product.stop()

    def clear(self) -> None:
        """Delete the unfinished jobs."""
        with self.ground.connect(self.world.database) as connection:
            run_query(connection, "drop_waiting", {"workspace_id": WORKSPACE_ID})
            connection.execute("VACUUM ANALYZE job, batch", prepare=False)

    def _plant(self, connection: Connection, count: int) -> None:
        """Write the requests for the next *count* pairs into the ledger."""
        if self._next + count > self.world.pairs:
            raise BenchError(f"The database has {self.world.pairs:,} pairs, too few for {count:,} more merges.")
        plant_backlog(connection, self.world, first=self._next, count=count)
        self._next += count

    def _watch(self, connection: Connection, began_with: int, *, marks: Sequence[int]) -> Drain:
        """Wait until the last of *marks* further jobs have finished; return the rates between marks."""
        began, most, checks = time(), 0, 0

        def drained() -> bool:
            nonlocal most, checks
            checks += 1
            most = max(most, self.ground.messages())
            # A count is expensive, so it runs once a second. The ledger has the exact end of each job.
            return checks % 10 == 0 and _finished(connection) - began_with >= marks[-1]

        wait_until(drained, seconds=DRAIN_S, every=CHECK_S, what=f"{marks[-1]:,} jobs to be drained")
        ends = [self._end_of(connection, nth, since=began) for nth in marks]
        rates = [
            (later - earlier) / (end - start)
            for (earlier, later), (start, end) in zip(pairwise(marks), pairwise(ends), strict=True)
        ]
        return Drain(rates=rates, most_messages=most)

    def _end_of(self, connection: Connection, nth: int, *, since: float) -> float:
        """Return the end of the *nth* job that finished after *since*, both in seconds since 1970."""
        values = {"workspace_id": WORKSPACE_ID, "began": since, "before_it": nth - 1}
        (row,) = run_query(connection, "nth_finished_at", values)
        return float(row["at"])


def _by_profiles(ground: Ground, many: Field, few: World, sizes: Sizes, log: Callable[[str], None]) -> dict[str, Any]:
    """Return the rates among few and among many profiles, in turn."""
    merges, warm = sizes.of(MERGES), sizes.of(WARM)
    rates: dict[int, list[float]] = {2 * few.pairs: [], 2 * many.world.pairs: []}
    for _ in range(sizes.rounds(ROUNDS)):
        copy = World(ground.copy(few.database), few.pairs)
        for field, measured in zip((Field(ground, copy), many), rates.values(), strict=True):
            measured.extend(field.drain(warm=warm, count=merges).rates)
            log(f"{2 * field.world.pairs:,} profiles: {measured[-1]:,.0f}/s")
        ground.drop(copy.database)
    small, great = rates.values()
    return {
        "merges_per_s": {str(profiles): Spread.of(measured).to_json() for profiles, measured in rates.items()},
        "ratio": Ratio.of(great, small).to_json(),
    }


def _by_backlog(field: Field, sizes: Sizes, log: Callable[[str], None]) -> dict[str, Any]:
    """Return the rates from a small backlog, before and after the large one, and from the large one."""
    small, great, drained, warm = (sizes.of(full) for full in (SMALL, GREAT, DRAINED, WARM))
    rates: dict[int, list[float]] = {small: [], great: []}
    most = 0
    for backlog in (small, small, small, great, small, small):
        drain = field.drain(warm=warm, count=min(backlog, drained), backlog=backlog, stretch=small)
        rates[backlog].extend(drain.rates)
        most = max(most, drain.most_messages)
        field.clear()
        rate = Spread.of(drain.rates)
        log(f"backlog of {backlog:,}: {rate.median:,.0f}/s ({rate.low:,.0f} to {rate.high:,.0f})")
    medians = [Spread.of(measured).median for measured in rates.values()]
    return {
        "merges_per_s": {str(backlog): Spread.of(measured).to_json() for backlog, measured in rates.items()},
        "drained_of_the_great": drained,
        "most_messages": most,
        # The bound is for waiting messages. Unacknowledged ones are additional.
        "bound": Settings().broker_bound,
        "ratio": medians[1] / medians[0],
    }


def _finished(connection: Connection) -> int:
    """Return the number of finished jobs."""
    (row,) = run_query(connection, "count_finished", {"workspace_id": WORKSPACE_ID})
    return int(row["jobs"])
