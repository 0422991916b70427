"""The time of an urgent merge while very many jobs of its workspace wait."""

from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any, ClassVar

from bench.backlog import BACKLOG, backlog_world
from bench.client import ApiConnection, timed_post
from bench.contenders import Mergelane, running
from bench.ground import Ground
from bench.sizes import Sizes
from bench.stats import tails
from bench.world import requests

#: Measured urgent merges, at scale 1.
URGENT = 300
WARM = 20
MILLISECONDS = 1_000


class LargeBound(Mergelane):
    """The product with a bound of waiting jobs above the backlog."""

    settings: ClassVar[Mapping[str, str]] = {"MERGELANE_WAITING_BOUND": str(2 * BACKLOG)}


def run(ground: Ground, sizes: Sizes, log: Callable[[str], None]) -> dict[str, Any]:
    """Post merges with `Priority: u=0`, one after another, beside a backlog of ordinary jobs."""
    backlog, urgent = sizes.of(BACKLOG), sizes.of(URGENT, least=30, step=1)
    world = backlog_world(ground, sizes)
    product = LargeBound(ground, world, ground.copy(world.database))
    with running(product) as connection:
        bodies = requests(connection, world, first=0, count=WARM + urgent, size=1)
        product.start()
        with closing(ApiConnection(product.port)) as api:
            times = [timed_post(api, body, Priority="u=0", Prefer="wait=30") * MILLISECONDS for body in bodies]
    measured = tails(times[WARM:])
    log(f"urgent merge beside {backlog:,} jobs: p50 {measured['p50']:.0f} ms, p99 {measured['p99']:.0f} ms")
    return {"backlog": backlog, "outcome": measured}
