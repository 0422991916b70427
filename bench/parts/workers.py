"""The rate of one, two, three and four workers on this machine."""

from collections.abc import Callable
from typing import Any

from bench.contenders import Mergelane
from bench.ground import Ground
from bench.rounds import Round, measure
from bench.sizes import Sizes
from bench.stats import Spread
from bench.world import make_world

WORKERS = (1, 2, 3, 4)
MERGES = 12_000
WARM = 500
ROUNDS = 3


def run(ground: Ground, sizes: Sizes, log: Callable[[str], None]) -> dict[str, Any]:
    """Measure each number of workers in turn."""
    count, warm = sizes.of(MERGES), sizes.of(WARM)
    world = make_world(ground, warm + count)
    rounds: dict[int, list[Round]] = {number: [] for number in WORKERS}
    for _ in range(sizes.rounds(ROUNDS)):
        for number, made in rounds.items():
            product = Mergelane(ground, world, ground.copy(world.database), workers=number)
            made.append(measure(product, warm=warm, count=count))
            log(f"{number} workers: {made[-1].rate:,.0f}/s")
    ground.drop(world.database)
    return {
        "workers": {
            str(number): {
                "merges_per_s": Spread.of([each.rate for each in made]).to_json(),
                "cpu_ms_per_merge": Spread.of([each.cpu_ms for each in made]).to_json(),
            }
            for number, made in rounds.items()
        }
    }
