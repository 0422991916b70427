"""Merges that are planned and then applied, compared with the same merges posted directly.

Each page of a plan depends on the effects of the pages before it, so a single client sends the pages in order.
"""

from collections.abc import Callable
from contextlib import closing
from time import perf_counter, time
from typing import Any

from bench.client import ApiConnection
from bench.contenders import Mergelane, last_outcome_at, running, wait_for_rest
from bench.ground import Ground
from bench.sizes import Sizes
from bench.stats import Ratio, Spread
from bench.world import World, check, make_world, requests, stock

#: Pairs of a round, and merges before them that are not measured.
PAIRS, WARM = 10_000, 500
ROUNDS = 3
PLANNED, DIRECT = "planned and applied", "direct"
SECONDS = 300.0


def run(ground: Ground, sizes: Sizes, log: Callable[[str], None]) -> dict[str, Any]:
    """Measure both in turn."""
    count, warm = sizes.of(PAIRS), sizes.of(WARM)
    world = make_world(ground, warm + count)
    rates: dict[str, list[float]] = {PLANNED: [], DIRECT: []}
    applied: list[float] = []
    for _ in range(sizes.rounds(ROUNDS)):
        rate, answered_s = _planned_rate(ground, world, warm=warm, count=count)
        rates[PLANNED].append(rate)
        applied.append(answered_s * 1_000)
        rates[DIRECT].append(_direct_rate(ground, world, warm=warm, count=count))
        for kind, measured in rates.items():
            log(f"{kind}: {measured[-1]:,.0f}/s")
    ground.drop(world.database)
    return {
        "pairs": count,
        "pairs_per_s": {kind: Spread.of(measured).to_json() for kind, measured in rates.items()},
        "apply_ms": Spread.of(applied).to_json(),
        "ratio": Ratio.of(rates[PLANNED], rates[DIRECT]).to_json(),
    }


def _direct_rate(ground: Ground, world: World, *, warm: int, count: int) -> float:
    """Return the merges per second of *count* pairs that are posted."""
    product = Mergelane(ground, world, ground.copy(world.database))
    with running(product) as connection:
        before = stock(connection)
        product.prepare(connection, warm=warm, count=count)
        ground.checkpoint()
        rate = count / product.merge()
        check(before, stock(connection), merged=warm + count)
    return rate


def _planned_rate(ground: Ground, world: World, *, warm: int, count: int) -> tuple[float, float]:
    """Return the pairs per second that are planned and applied, and the seconds until the response to the apply."""
    product = Mergelane(ground, world, ground.copy(world.database))
    with running(product) as connection:
        before = stock(connection)
        product.prepare(connection, warm=warm, count=count)
        bodies = requests(connection, world, first=warm, count=count)
        ground.checkpoint()
        began = time()
        with closing(ApiConnection(product.port)) as api:
            plan_id = api.plan(bodies[0])
            for body in bodies[1:]:
                api.extend_plan(plan_id, body)
            apply_began = perf_counter()
            run_id = api.apply_plan(plan_id)
            answered_s = perf_counter() - apply_began
            api.await_run(run_id, seconds=SECONDS)
        wait_for_rest(connection)
        rate = count / (last_outcome_at(connection) - began)
        check(before, stock(connection), merged=warm + count)
    return rate, answered_s
