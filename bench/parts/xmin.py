"""A transaction that holds xmin for ten minutes under full load, compared with the same load without it.

PostgreSQL keeps every dead row version that an old transaction could still see. A query that finds the next job must
read the dead versions of all jobs before it, unless its design avoids this.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from time import time
from typing import Any

from bench.bulk import make_big_world
from bench.contenders import Mergelane, running
from bench.errors import BenchError
from bench.ground import Ground
from bench.load import Load, keeping_busy
from bench.running import pause
from bench.sizes import Sizes
from bench.stats import Ratio, Spread
from bench.usage import cpu_seconds, spent
from bench.world import BATCH, WORKSPACE_ID, World, all_requests, run_query

#: Seconds for which the transaction is open at scale 1, and the number of slices of this time.
HELD_S, SLICES = 600, 20
#: Pairs for each second: more than the machine can merge.
PAIRS_A_SECOND = 2_500
WARM = 2_000
FREE, HELD = "without", "with"
MILLISECONDS = 1_000


def run(ground: Ground, sizes: Sizes, log: Callable[[str], None]) -> dict[str, Any]:
    """Measure the load without the transaction, and with it."""
    seconds = sizes.of(HELD_S, least=20, step=1)
    world = make_big_world(ground, WARM + seconds * PAIRS_A_SECOND)
    log(f"{2 * world.pairs:,} profiles were created")
    found = {kind: _measure(ground, world, seconds, held=kind == HELD, log=log) for kind in (FREE, HELD)}
    ground.drop(world.database)
    held, free = (found[kind].pop("rates") for kind in (HELD, FREE))
    return {
        "seconds": seconds,
        "load": found,
        "ratio": Ratio.of(held, free).to_json(),
        # The number of dead versions is highest at the end.
        "ratio_at_the_end": sum(held[-SLICES // 4 :]) / sum(free[-SLICES // 4 :]),
    }


def _measure(ground: Ground, world: World, seconds: int, *, held: bool, log: Callable[[str], None]) -> dict[str, Any]:
    """Return the rate of each slice of *seconds* under full load, and the cost of a merge."""
    kind = HELD if held else FREE
    product = Mergelane(ground, world, ground.copy(world.database))
    with running(product) as connection:
        product.prepare(connection, warm=WARM, count=BATCH)
        bodies = all_requests(connection, world)
        ground.checkpoint()
        with (
            _old_transaction(product) if held else nullcontext(),
            keeping_busy(product, bodies[WARM // BATCH :]) as load,
        ):
            used, began = cpu_seconds(product.everything), time()
            for number in range(1, SLICES + 1):
                _wait(load, until=began + number * seconds / SLICES)
                log(f"{kind} an old transaction: {number * seconds / SLICES:.0f} of {seconds} s")
            took = spent(used, cpu_seconds(product.everything))
        slices = {"workspace_id": WORKSPACE_ID, "began": began, "slice_s": seconds / SLICES}
        counted = {row["slice"]: row["merges"] for row in run_query(connection, "finished_by_slice", slices)}
        dead = {row["name"]: row["dead"] for row in run_query(connection, "read_versions", {}) if row["dead"]}
    rates = [counted.get(number, 0) * SLICES / seconds for number in range(SLICES)]
    merges = sum(rates) * seconds / SLICES
    log(f"{kind} an old transaction: {rates[0]:,.0f}/s at first, {rates[-1]:,.0f}/s at last")
    return {
        "rates": rates,
        "merges_per_s": Spread.of(rates).to_json(),
        "cpu_ms_per_merge": sum(took.values()) * MILLISECONDS / merges,
        "cpu_ms_per_merge_by_program": {name: each * MILLISECONDS / merges for name, each in took.items()},
        "dead_versions": dead,
    }


def _wait(load: Load, *, until: float) -> None:
    """Wait until a time; raise BenchError if the load ends before it."""
    while (left := until - time()) > 0:
        if load.spent:
            load.verify()
            raise BenchError("All pairs were merged before the time was over.")
        pause(min(left, 0.5))


@contextmanager
def _old_transaction(product: Mergelane) -> Iterator[None]:
    """Keep open a transaction that has read once, so that PostgreSQL removes no version that it could see."""
    with product.ground.connect(product.database) as connection:
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ", prepare=False)
        connection.execute("SELECT count(*) FROM workspace", prepare=False)
        yield
