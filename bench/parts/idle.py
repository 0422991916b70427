"""The processor time of an idle installation, and the time of a single update that wakes it."""

from collections.abc import Callable
from contextlib import closing
from time import perf_counter
from typing import Any

from bench.client import ApiConnection
from bench.contenders import Mergelane, free_port, running
from bench.ground import Ground
from bench.parts.latency import wait_for_outcome
from bench.running import pause
from bench.sizes import Sizes
from bench.stats import tails
from bench.usage import cpu_seconds, spent
from bench.world import make_world, requests
from cli.up import commands
from workers.sleeper import AWAKE_S

#: Measured seconds of idleness, and single updates that wake the relay, at scale 1.
IDLE_S, WAKING = 60, 25
WARM = 20
#: Seconds after which every process is idle.
CALM_S = AWAKE_S + 1.0
#: Milliseconds of a second, and percent of a core.
MILLISECONDS, PERCENT = 1_000, 100


def run(ground: Ground, sizes: Sizes, log: Callable[[str], None]) -> dict[str, Any]:
    """Measure both, with all five processes."""
    seconds, waking = sizes.of(IDLE_S, least=15, step=1), sizes.of(WAKING, least=5, step=1)
    world = make_world(ground, WARM + 2 * waking)
    product = Mergelane(ground, world, ground.copy(world.database))
    with running(product) as connection:
        product.start()
        product.run("sender", commands.sender()).wait_for("sender_started")
        product.run("flower", commands.flower(port=free_port()))
        bodies = requests(connection, world, first=0, count=WARM + 2 * waking, size=1)
        with closing(ApiConnection(product.port)) as api:

            def outcome_ms(body: bytes, *, after_s: float = 0.0) -> float:
                pause(after_s)
                began = perf_counter()
                wait_for_outcome(connection, api.post(body)["batch_id"])
                return (perf_counter() - began) * MILLISECONDS

            # First one after another without a pause, then each after the relay has fallen asleep.
            awake = [outcome_ms(body) for body in bodies[: WARM + waking]][WARM:]
            asleep = [outcome_ms(body, after_s=CALM_S) for body in bodies[WARM + waking :]]
        ground.checkpoint()
        pause(CALM_S)
        before = cpu_seconds(product.everything)
        pause(seconds)
        used = spent(before, cpu_seconds(product.everything))
    ground.drop(world.database)
    percent = {name: share / seconds * PERCENT for name, share in used.items()}
    total, waking_ms = sum(percent.values()), tails(asleep)
    log(f"idle: {total:.2f} % of a core; a single update that wakes the relay: p50 {waking_ms['p50']:.1f} ms")
    return {
        "seconds": seconds,
        "percent": percent,
        "total": total,
        "awake": tails(awake),
        "asleep": waking_ms,
    }
