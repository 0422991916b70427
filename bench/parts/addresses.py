"""The most recently updated of many profiles with the same email address, compared with an address of one profile."""

from collections.abc import Callable
from typing import Any

from bench.contenders import last_outcome_at
from bench.ground import Ground
from bench.lanes import Lanes, customer, lanes
from bench.sizes import Sizes
from bench.stats import Spread
from bench.world import ORPHAN, SURVIVOR, empty_world, plant, settle

MILLISECONDS = 1_000
#: Profiles that share an address, at scale 1.
SHARING = 100_000
MERGES = 200
WARM = 20
ADDRESS = "everybody@example.com"


def run(ground: Ground, sizes: Sizes, log: Callable[[str], None]) -> dict[str, Any]:
    """Measure both kinds in turn."""
    sharing, merges = sizes.of(SHARING, least=500), sizes.of(MERGES, least=30, step=1)
    database = empty_world(ground)
    with ground.connect(database) as connection:
        everybody = merges + WARM
        plant(connection, role=ORPHAN, first=0, count=sharing, email=ADDRESS)
        plant(connection, role=ORPHAN, first=sharing, count=everybody)
        # Survivors have addresses of other numbers, so a survivor is never a candidate.
        plant(connection, role=SURVIVOR, first=sharing + everybody, count=2 * everybody)
        settle(connection)
    with lanes(ground, database) as runner:
        taken = _measure(runner, sharing, everybody)
        last_outcome_at(runner.connection)
    ground.drop(database)
    unique, shared = (Spread.of(each[WARM:]) for each in taken)
    log(f"unique: {unique.median:.2f} ms; shared by {sharing:,}: {shared.median:.2f} ms")
    return {
        "sharing": sharing,
        "merges_each": merges,
        "ms": {"1": unique.to_json(), str(sharing): shared.to_json()},
        "ratio": shared.median / unique.median,
    }


def _measure(runner: Lanes, sharing: int, merges: int) -> tuple[list[float], list[float]]:
    """Return the milliseconds of each merge of an orphan with a unique address, and of one with the shared address."""
    taken: tuple[list[float], list[float]] = ([], [])
    for number in range(merges):
        for place, address in enumerate((f"ada.lovelace{sharing + number}@example.com", ADDRESS)):
            orphan = {"email": address, "prioritization": ["most_recently_updated"]}
            survivor = customer(sharing + merges + 2 * number + place)
            taken[place].append(runner.merge(orphan=orphan, survivor=survivor) * MILLISECONDS)
    return taken
