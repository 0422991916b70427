"""Curves of the cost of a merge: rate and processor time against workers, profiles, history, workspaces and batch size.

Each curve is a separate part. The sizes of a curve take turns, round after round.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import perf_counter, process_time
from typing import Any

from bench.bulk import make_big_world
from bench.contenders import Mergelane
from bench.curves import PREFIX
from bench.ground import Ground
from bench.lanes import Lanes, customer, lanes
from bench.parts.large import Field
from bench.parts.spread import drain_workspaces, make_spread_world
from bench.rounds import measure
from bench.sizes import Sizes
from bench.stats import Spread
from bench.usage import cpu_seconds, spent
from bench.world import SURVIVOR, empty_world, first_id, make_world, plant, plant_events, settle

Log = Callable[[str], None]

WORKERS, WORKER_MERGES = (1, 2, 4), 12_000
PAIRS, PROFILE_MERGES = (25_000, 250_000, 2_500_000), 7_000
EVENTS, LINKS = (0, 1_000, 10_000, 100_000, 1_000_000), 150
WORKSPACES, WORKSPACE_MERGES = (1, 100, 10_000), 20_000
BATCHES, BATCH_MERGES = (1, 10, 50), 6_000
WARM, ROUNDS = 500, 3
MILLISECONDS = 1_000


@dataclass
class Curve:
    """Merges per second, and processor milliseconds per merge, of each round at each size."""

    log: Log
    rates: dict[int, list[float]] = field(default_factory=dict)
    costs: dict[int, list[float]] = field(default_factory=dict)

    def add(self, size: int, rate: float, cpu_ms: float) -> None:
        """Add the result of one round."""
        self.rates.setdefault(size, []).append(rate)
        self.costs.setdefault(size, []).append(cpu_ms)
        self.log(f"{size:,}: {rate:,.0f}/s, {cpu_ms:.3f} ms of processor")

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON for the results."""
        return {
            "merges_per_s": {str(size): Spread.of(values).to_json() for size, values in self.rates.items()},
            "cpu_ms_per_merge": {str(size): Spread.of(values).to_json() for size, values in self.costs.items()},
        }


def by_workers(ground: Ground, sizes: Sizes, log: Log) -> dict[str, Any]:
    """Measure one, two and four workers."""
    count, warm, curve = sizes.of(WORKER_MERGES), sizes.of(WARM), Curve(log)
    world = make_world(ground, warm + count)
    for _ in range(sizes.rounds(ROUNDS)):
        for number in WORKERS:
            made = measure(
                Mergelane(ground, world, ground.copy(world.database), workers=number), warm=warm, count=count
            )
            curve.add(number, made.rate, made.cpu_ms)
    ground.drop(world.database)
    return curve.to_json()


def by_batch(ground: Ground, sizes: Sizes, log: Log) -> dict[str, Any]:
    """Measure requests of one, ten and fifty updates."""
    count, warm, curve = sizes.of(BATCH_MERGES), sizes.of(WARM), Curve(log)
    world = make_world(ground, warm + count)
    for _ in range(sizes.rounds(ROUNDS)):
        for size in BATCHES:
            product = Mergelane(ground, world, ground.copy(world.database))
            product.batch = size
            made = measure(product, warm=warm, count=count)
            curve.add(size, made.rate, made.cpu_ms)
    ground.drop(world.database)
    return curve.to_json()


def by_profiles(ground: Ground, sizes: Sizes, log: Log) -> dict[str, Any]:
    """Measure the same merges among increasing numbers of profiles."""
    count, warm, curve = sizes.of(PROFILE_MERGES), sizes.of(WARM), Curve(log)
    rounds = sizes.rounds(ROUNDS)
    fields = []
    for pairs in sorted({max(sizes.of(full), rounds * (warm + count)) for full in PAIRS}):
        fields.append(Field(ground, make_big_world(ground, pairs)))
        log(f"{2 * pairs:,} profiles were created")
    for _ in range(rounds):
        for each in fields:
            drain = each.drain(warm=warm, count=count)
            curve.add(2 * each.world.pairs, drain.rates[0], drain.cpu_ms)
    for each in fields:
        ground.drop(each.world.database)
    return curve.to_json()


def by_workspaces(ground: Ground, sizes: Sizes, log: Log) -> dict[str, Any]:
    """Measure the same merges in one workspace and in many."""
    count, warm, curve = sizes.of(WORKSPACE_MERGES), sizes.of(WARM), Curve(log)
    # Each workspace has two pairs at least.
    worlds = {}
    for workspaces in sorted({min(full, (warm + count) // 2) for full in WORKSPACES}):
        worlds[workspaces] = make_spread_world(ground, pairs=warm + count, workspaces=workspaces)
        log(f"{workspaces:,} workspaces were created")
    for _ in range(sizes.rounds(ROUNDS)):
        for workspaces, world in worlds.items():
            rate, cpu_ms = drain_workspaces(ground, world, warm=warm)
            curve.add(workspaces, rate, cpu_ms)
    for world in worlds.values():
        ground.drop(world.database)
    return curve.to_json()


def by_history(ground: Ground, sizes: Sizes, log: Log) -> dict[str, Any]:
    """Measure merges of orphans with increasing numbers of events, in this process, as chains."""
    curve, links = Curve(log), sizes.of(LINKS, least=20, step=1)
    rounds = sizes.rounds(ROUNDS)
    many = sorted({min(full, sizes.of(full, least=1_000)) for full in EVENTS})
    database = empty_world(ground)
    with ground.connect(database) as connection:
        # The warm-up of each chain has as many links as a round.
        length = links * (rounds + 1) + 1
        plant(connection, role=SURVIVOR, first=0, count=len(many) * length)
        for chain, events in enumerate(many):
            if events:
                plant_events(connection, origin_id=first_id(SURVIVOR) + chain * length, count=events)
        settle(connection)
    log(f"{sum(many):,} events were created")
    with lanes(ground, database) as runner:
        for number in range(rounds + 1):
            for chain, events in enumerate(many):
                rate, cpu_ms = _chain(ground, runner, first=chain * length + number * links, links=links)
                if number:
                    curve.add(events, rate, cpu_ms)
    ground.drop(database)
    return curve.to_json()


def _chain(ground: Ground, runner: Lanes, *, first: int, links: int) -> tuple[float, float]:
    """Merge the profile *first* into the next, this one into the next, and so on; return rate and processor time."""
    used, own, began = cpu_seconds([ground.postgres]), process_time(), perf_counter()
    for link in range(first, first + links):
        runner.merge(orphan=customer(link), survivor=customer(link + 1))
    took = perf_counter() - began
    cpu_s = process_time() - own + sum(spent(used, cpu_seconds([ground.postgres])).values())
    return links / took, cpu_s * MILLISECONDS / links


#: Part → the function that measures its curve.
CURVES: Mapping[str, Callable[[Ground, Sizes, Log], dict[str, Any]]] = {
    f"{PREFIX}workers": by_workers,
    f"{PREFIX}profiles": by_profiles,
    f"{PREFIX}history": by_history,
    f"{PREFIX}workspaces": by_workspaces,
    f"{PREFIX}batch": by_batch,
}
