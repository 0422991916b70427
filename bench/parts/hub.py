"""Thousands of orphans into one survivor, compared with the same number of independent pairs, through the API.

Each ordinary orphan has a device and a push token, so the survivor grows with every merge. Orphans without them measure
the cost of the contention for one row alone.
"""

from collections.abc import Callable
from typing import Any

from app.db.connections import Connection
from bench.contenders import Mergelane, running
from bench.errors import BenchError
from bench.ground import Ground
from bench.sizes import Sizes
from bench.stats import Ratio, Spread
from bench.world import WORKSPACE_ID, World, check, make_world, merged_into, requests, run_query, stock

ORPHANS = 5_000
WARM = 500
ROUNDS = 2
#: Seconds after which the rate is computed from the finished merges: later merges are not faster.
PATIENCE_S = 90.0
PAIRS, HUB, BARE = "pairs apart", "one survivor", "one survivor, no devices"


def run(ground: Ground, sizes: Sizes, log: Callable[[str], None]) -> dict[str, Any]:
    """Measure all three in turn."""
    count, warm = sizes.of(ORPHANS), sizes.of(WARM)
    world, bare = make_world(ground, warm + count), make_world(ground, warm + count)
    with ground.connect(bare.database) as connection:
        run_query(connection, "drop_devices", {"workspace_id": WORKSPACE_ID})
        connection.execute("VACUUM ANALYZE profile", prepare=False)
    worlds = {PAIRS: world, HUB: world, BARE: bare}
    rates: dict[str, list[float]] = {kind: [] for kind in worlds}
    for _ in range(sizes.rounds(ROUNDS)):
        for kind, measured in rates.items():
            measured.append(_rate(ground, worlds[kind], warm=warm, count=count, hub=kind != PAIRS))
            log(f"{kind}: {measured[-1]:,.0f}/s")
    for each in (world, bare):
        ground.drop(each.database)
    return {
        "orphans": count,
        "patience_s": PATIENCE_S,
        "merges_per_s": {kind: Spread.of(measured).to_json() for kind, measured in rates.items()},
        "ratio": Ratio.of(rates[HUB], rates[PAIRS]).to_json(),
        "ratio_without_devices": Ratio.of(rates[BARE], rates[PAIRS]).to_json(),
    }


def _rate(ground: Ground, world: World, *, warm: int, count: int, hub: bool) -> float:
    """Return the merges per second of *count* pairs, or of their orphans into the survivor of the first."""
    product = Mergelane(ground, world, ground.copy(world.database))
    with running(product) as connection:
        before = stock(connection)
        product.prepare(connection, warm=warm, count=count)
        bodies = requests(connection, world, first=warm, count=count)
        ground.checkpoint()
        try:
            rate = count / product.post(merged_into(bodies) if hub else bodies, seconds=PATIENCE_S)
        except BenchError:
            return (_finished(connection) - warm) / PATIENCE_S
        after = stock(connection)
        if hub:
            # A profile has one alias for a label: the survivor keeps its own, and those of the orphans are deleted.
            before["aliases"] = after["aliases"]
        check(before, after, merged=warm + count)
    return rate


def _finished(connection: Connection) -> int:
    """Return the number of finished jobs; raise BenchError if no job is unfinished."""
    (row,) = run_query(connection, "count_finished", {"workspace_id": WORKSPACE_ID})
    (left,) = run_query(connection, "count_unfinished", {"workspace_id": WORKSPACE_ID})
    if not left["unfinished"]:
        raise BenchError("Not all orphans were merged into the one survivor.")
    return int(row["jobs"])
