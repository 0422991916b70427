"""The first merges of an installation: tables without statistics, compared with tables that have been in use.

PostgreSQL plans the statements of a new installation for empty tables. A plan that suits only these makes the first
thousands of merges slow.
"""

from collections.abc import Callable
from typing import Any

from bench.contenders import Mergelane, running
from bench.ground import Ground
from bench.sizes import Sizes
from bench.stats import Ratio, Spread
from bench.world import ORPHAN, SURVIVOR, World, check, empty_world, make_world, plant, stock

MERGES = 10_000
ROUNDS = 3
FRESH, USED = "fresh", "in use"
#: Merges before the measured ones, where the tables are in use.
WARM = 500


def run(ground: Ground, sizes: Sizes, log: Callable[[str], None]) -> dict[str, Any]:
    """Measure both in turn."""
    count = sizes.of(MERGES)
    world = make_world(ground, WARM + count)
    rates: dict[str, list[float]] = {FRESH: [], USED: []}
    for _ in range(sizes.rounds(ROUNDS)):
        rates[FRESH].append(_rate(ground, _planted(ground, count), warm=0, count=count))
        rates[USED].append(_rate(ground, World(ground.copy(world.database), world.pairs), warm=WARM, count=count))
        for kind, measured in rates.items():
            log(f"{kind}: {measured[-1]:,.0f}/s")
    ground.drop(world.database)
    return {
        "merges": count,
        "merges_per_s": {kind: Spread.of(measured).to_json() for kind, measured in rates.items()},
        "ratio": Ratio.of(rates[FRESH], rates[USED]).to_json(),
    }


def _planted(ground: Ground, pairs: int) -> World:
    """Return a new database with *pairs* pairs of profiles, and no statistics of them."""
    database = empty_world(ground)
    with ground.connect(database) as connection:
        for role in (SURVIVOR, ORPHAN):
            plant(connection, role=role, first=0, count=pairs)
    return World(database, pairs)


def _rate(ground: Ground, world: World, *, warm: int, count: int) -> float:
    """Return the merges per second of *count* pairs of *world*, after *warm* others, and drop the database."""
    product = Mergelane(ground, world, world.database)
    with running(product) as connection:
        ground.empty_broker()
        before = stock(connection)
        product.prepare(connection, warm=warm, count=count)
        ground.checkpoint()
        rate = count / product.merge()
        check(before, stock(connection), merged=warm + count)
    return rate
