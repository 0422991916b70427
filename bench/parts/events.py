"""Orphans with a million events, compared with orphans with ten: history never moves, so both should cost the same.

A profile with its history is merged into a new profile, this one into the next, and so on: the orphan of each link of
the chain has all events. A chain with ten events has the same number of links, and both chains take turns, so they
differ only in the number of events. Then the chains are undone, link by link from their ends.
"""

from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from bench.contenders import last_outcome_at
from bench.ground import Ground
from bench.lanes import Lanes, customer, lanes
from bench.sizes import Sizes
from bench.stats import Spread
from bench.world import SURVIVOR, empty_world, first_id, plant, plant_events, settle

MILLISECONDS = 1_000
#: Events of an orphan with a long history, at scale 1, and of one with a short history.
MANY, FEW = 1_000_000, 10
#: Chains of either kind, and merges in each.
CHAINS, LINKS = 3, 40
WARM = 30


def run(ground: Ground, sizes: Sizes, log: Callable[[str], None]) -> dict[str, Any]:
    """Measure both kinds in turn."""
    many, links = sizes.of(MANY, least=1_000), sizes.of(LINKS, least=10, step=1)
    database = empty_world(ground)
    with ground.connect(database) as connection:
        # One chain after the other. The first one is the warm-up.
        plant(connection, role=SURVIVOR, first=0, count=WARM + 1 + 2 * CHAINS * (links + 1))
        for chain in range(2 * CHAINS):
            origin_id = first_id(SURVIVOR) + _head(chain, links)
            plant_events(connection, origin_id=origin_id, count=many if chain % 2 else FEW)
        settle(connection)
    with lanes(ground, database) as runner:
        for link in range(WARM):
            _merge(runner, link)
        last_outcome_at(runner.connection)
        merges = {(chain, link): uuid7() for link in range(links) for chain in range(2 * CHAINS)}
        taken = _measure(
            merges, lambda chain, link: _merge(runner, _head(chain, links) + link, job_id=merges[chain, link])
        )
        last_outcome_at(runner.connection)
        # Only the last merge of a chain can be undone.
        undone = _measure(reversed(merges), lambda chain, link: runner.undo(merges[chain, link]))
    ground.drop(database)
    (few, lots), (few_undone, lots_undone) = taken, undone
    log(f"{FEW} events: {few.median:.2f} ms; {many:,} events: {lots.median:.2f} ms")
    log(f"undone, {FEW} events: {few_undone.median:.2f} ms; {many:,} events: {lots_undone.median:.2f} ms")
    return {
        "events": [FEW, many],
        "ms": {str(FEW): few.to_json(), str(many): lots.to_json()},
        "undo_ms": {str(FEW): few_undone.to_json(), str(many): lots_undone.to_json()},
        "merges_each": CHAINS * links,
        "ratio": lots.median / few.median,
        "undo_ratio": lots_undone.median / few_undone.median,
    }


def _measure(places: Iterable[tuple[int, int]], act: Callable[[int, int], float]) -> tuple[Spread, Spread]:
    """Return the milliseconds of *act* at each of *places*, (chain, link): with few events, and with many."""
    taken: tuple[list[float], list[float]] = ([], [])
    for chain, link in places:
        taken[chain % 2].append(act(chain, link) * MILLISECONDS)
    return Spread.of(taken[0]), Spread.of(taken[1])


def _head(chain: int, links: int) -> int:
    """Return the number of the first profile of *chain*."""
    return WARM + 1 + chain * (links + 1)


def _merge(runner: Lanes, number: int, job_id: UUID | None = None) -> float:
    """Merge the profile *number* into the next; return the seconds."""
    return runner.merge(orphan=customer(number), survivor=customer(number + 1), job_id=job_id)
