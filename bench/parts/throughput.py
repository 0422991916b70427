"""Merges per second, processor time and memory of all contenders in turn, round after round."""

from collections.abc import Callable, Sequence
from typing import Any

from bench.contenders import Contender, Floor, Mergelane, Obvious, Pgqueuer, Procrastinate
from bench.ground import Ground
from bench.limit import Limit
from bench.rounds import Round, measure
from bench.sizes import Sizes
from bench.stats import Ratio, Spread
from bench.world import make_world

ROUNDS = 5
WARM = 500
#: Merges of one round at scale 1: about ten seconds of work for each contender.
MERGES: dict[type[Contender], int] = {
    Obvious: 3_000,
    Procrastinate: 4_000,
    Pgqueuer: 4_000,
    Floor: 25_000,
    Limit: 40_000,
    Mergelane: 30_000,
}


def run(ground: Ground, sizes: Sizes, log: Callable[[str], None]) -> dict[str, Any]:
    """Measure all contenders in turn, so that changes of the machine's speed affect all of them."""
    merges = {contender: sizes.of(full) for contender, full in MERGES.items()}
    warm = sizes.of(WARM)
    world = make_world(ground, warm + max(merges.values()))
    rounds: dict[str, list[Round]] = {contender.name: [] for contender in MERGES}
    for number in range(1, sizes.rounds(ROUNDS) + 1):
        for contender, count in merges.items():
            made = measure(contender(ground, world, ground.copy(world.database)), warm=warm, count=count)
            rounds[contender.name].append(made)
            log(f"round {number}: {contender.name} {made.rate:,.0f}/s, {made.cpu_ms:.2f} ms of processor per merge")
    ground.drop(world.database)
    return {"contenders": {name: summary(made) for name, made in rounds.items()}, "ratios": _ratios(rounds)}


def summary(rounds: Sequence[Round]) -> dict[str, Any]:
    """Return the spreads of one contender's rounds."""
    programs = rounds[0].cpu_s
    by_program = {name: Spread.of([each.cpu_ms_by_program[name] for each in rounds]).median for name in programs}
    return {
        "merges_per_s": Spread.of([each.rate for each in rounds]).to_json(),
        "cpu_ms_per_merge": Spread.of([each.cpu_ms for each in rounds]).to_json(),
        "cpu_ms_per_merge_by_program": by_program,
        "memory": {name: used.to_json() for name, used in rounds[-1].memory.items()},
        "rounds": [each.to_json() for each in rounds],
    }


def _ratios(rounds: dict[str, list[Round]]) -> dict[str, Any]:
    """Return the ratios of the product to each other contender."""
    ours = rounds[Mergelane.name]
    return {
        name: {
            "merges_per_s": Ratio.of([one.rate for one in ours], [other.rate for other in theirs]).to_json(),
            "cpu_ms_per_merge": Ratio.of([one.cpu_ms for one in ours], [other.cpu_ms for other in theirs]).to_json(),
        }
        for name, theirs in rounds.items()
        if name != Mergelane.name
    }
