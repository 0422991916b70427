"""The time until workers refuse jobs of a cancelled queue, and the rate at which the jobs get their outcome."""

from collections.abc import Callable
from contextlib import closing
from time import perf_counter
from typing import Any

from app.db.queries import load_queries
from bench.backlog import BACKLOG, backlog_world
from bench.client import ApiConnection
from bench.contenders import Mergelane, running
from bench.ground import Ground
from bench.running import wait_until
from bench.sizes import Sizes
from bench.world import WORKSPACE_ID

QUERIES = load_queries("bench", "cancel.sql")

#: Jobs that are finished before the cancellation: the workers are busy then.
FIRST = 200
SETTLED_S = 1_200.0


def run(ground: Ground, sizes: Sizes, log: Callable[[str], None]) -> dict[str, Any]:
    """Cancel a backlog that workers have begun to merge."""
    world = backlog_world(ground, sizes)
    product = Mergelane(ground, world, ground.copy(world.database))
    with running(product) as connection:
        scope = {"workspace_id": WORKSPACE_ID}

        def progress() -> dict[str, Any]:
            (row,) = connection.execute(QUERIES["read_progress"], scope).fetchall()
            return row

        product.start()
        wait_until(lambda: progress()["ended"] >= FIRST, seconds=60, what="the first jobs")
        with closing(ApiConnection(product.port)) as api:
            began = perf_counter()
            api.cancel_queue()
            answered = perf_counter() - began
        wait_until(lambda: progress()["settled"], seconds=SETTLED_S, what="the cancelled jobs", every=0.5)
        seconds = perf_counter() - began
        (row,) = connection.execute(QUERIES["read_cancelled"], scope).fetchall()
    measured = {
        "backlog": sizes.of(BACKLOG),
        "answered_ms": answered * 1_000,
        "refused_after_s": max(0.0, row["last_begun_s"]),
        "cancelled": row["cancelled"],
        "cancelled_per_s": row["cancelled"] / seconds,
    }
    log(f"{row['cancelled']:,} jobs cancelled, {measured['cancelled_per_s']:,.0f}/s")
    return measured
