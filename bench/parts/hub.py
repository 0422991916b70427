"""Thousands of orphans into one survivor against as many pairs apart, both through the front door."""

from collections.abc import Callable
from typing import Any

from bench.contenders import Mergelane, running
from bench.ground import Ground
from bench.sizes import Sizes
from bench.stats import Ratio, Spread
from bench.world import World, check, make_world, merged_into, requests, stock

ORPHANS = 5_000
WARM = 500
ROUNDS = 3


def run(ground: Ground, sizes: Sizes, tell: Callable[[str], None]) -> dict[str, Any]:
    """Measure both in turn."""
    count, warm = sizes.of(ORPHANS), sizes.of(WARM)
    world = make_world(ground, warm + count)
    rates: dict[str, list[float]] = {"pairs": [], "one survivor": []}
    for _ in range(sizes.rounds(ROUNDS)):
        for kind, measured in rates.items():
            measured.append(_rate(ground, world, warm=warm, count=count, hub=kind != "pairs"))
            tell(f"{kind}: {measured[-1]:,.0f}/s")
    ground.drop(world.database)
    return {
        "orphans": count,
        "merges_per_s": {kind: Spread.of(measured).to_json() for kind, measured in rates.items()},
        "ratio": Ratio.of(rates["one survivor"], rates["pairs"]).to_json(),
    }


def _rate(ground: Ground, world: World, *, warm: int, count: int, hub: bool) -> float:
    """Return the merges per second of *count* pairs, or of their orphans into the survivor of the first."""
    product = Mergelane(ground, world, ground.copy(world.database))
    with running(product) as connection:
        before = stock(connection)
        product.prepare(connection, warm=warm, count=count)
        bodies = requests(connection, world, first=warm, count=count)
        ground.checkpoint()
        rate = count / product.post(merged_into(bodies) if hub else bodies)
        after = stock(connection)
        if hub:
            # A profile has one alias for a label: the survivor keeps its own and the orphans' go.
            before["aliases"] = after["aliases"]
        check(before, after, merged=warm + count)
    return rate
