"""The memory of each kind of process under steady load for an hour: a line is fitted after the warm-up.

The load is below the capacity of the machine, so the number of merges does not depend on the machine. Meanwhile,
metrics, the queue and lists are read.
"""

from collections.abc import Callable
from contextlib import closing
from time import monotonic
from typing import Any

from bench.bulk import make_big_world
from bench.client import ApiConnection
from bench.contenders import Mergelane, free_port, running
from bench.errors import BenchError
from bench.ground import Ground
from bench.load import Load, keeping_busy
from bench.memory_use import MIB, Line, Usage, usage_by_kind
from bench.running import pause
from bench.sizes import Sizes
from bench.world import BATCH, all_requests
from cli.up import commands

#: Seconds of load at scale 1, and the part of them that is the warm-up.
SOAK_S, WARM_PART = 3_600, 0.25
#: Requests of 50 merges in a second.
BATCHES_A_SECOND = 5
#: Samples of the whole time, and lines of progress.
SAMPLES, LINES = 240, 20
WARM = 500
#: Tasks that Flower keeps, about 20 kB each; `mergelane up` allows 10,000. Few are complete before the warm-up ends.
FLOWER_TASKS = 500
#: Smaller growth counts as none: allocators and caches need a long time to settle.
FLAT_MIB = 1.0
#: The pages that are read at each sample.
PAGES = ("/metrics", "/merge/queue", "/merge/batches?limit=20")


def run(ground: Ground, sizes: Sizes, log: Callable[[str], None]) -> dict[str, Any]:
    """Measure all kinds of processes during the load."""
    seconds = sizes.of(SOAK_S, least=30, step=1)
    # A tenth more than needed, so that the pairs last until the end.
    world = make_big_world(ground, WARM + round(1.1 * seconds * BATCHES_A_SECOND) * BATCH)
    log(f"{2 * world.pairs:,} profiles were created")
    product = Mergelane(ground, world, ground.copy(world.database))
    with running(product) as connection:
        product.prepare(connection, warm=WARM, count=BATCH)
        product.run("sender", commands.sender()).wait_for("sender_started")
        product.run("flower", [*commands.flower(port=free_port()), f"--max-tasks={FLOWER_TASKS}"])
        bodies = all_requests(connection, world)[WARM // BATCH :]
        with (
            keeping_busy(product, bodies, batches_per_s=BATCHES_A_SECOND) as load,
            closing(ApiConnection(product.port)) as api,
        ):
            samples = _sample(product, api, load, seconds, log)
        merges = (len(bodies) - load.left) * BATCH
    ground.drop(world.database)
    return {"seconds": seconds, "warm_part": WARM_PART, "merges": merges, "kinds": _kinds(samples)}


def _sample(
    product: Mergelane, api: ApiConnection, load: Load, seconds: int, log: Callable[[str], None]
) -> list[tuple[float, dict[str, Usage]]]:
    """Return up to SAMPLES samples: the second, and the memory by kind. There are fewer if a sample takes long."""
    began, samples = monotonic(), []
    logged_at = due = began
    while due < began + seconds:
        due = max(due + seconds / SAMPLES, monotonic())
        pause(due - monotonic())
        if load.spent:
            load.verify()
            raise BenchError("All pairs were merged before the time was over.")
        for page in PAGES:
            api.read(page)
        samples.append((monotonic() - began, usage_by_kind(product.everything)))
        if monotonic() - logged_at > seconds / LINES:
            logged_at = monotonic()
            total = sum(used.anon for used in samples[-1][1].values()) / MIB
            log(f"{samples[-1][0]:.0f} of {seconds} s: {total:,.0f} MiB of anonymous memory")
    return samples


def _kinds(samples: list[tuple[float, dict[str, Usage]]]) -> dict[str, Any]:
    """Return the memory of each kind after the warm-up and at the end, in MiB, and the fitted growth in an hour."""
    warm = samples[round(len(samples) * WARM_PART) :]
    times = [at for at, _ in warm]
    found = {}
    for kind in warm[0][1]:
        first, last = warm[0][1][kind], warm[-1][1][kind]
        line = Line.through(times, [used[kind].anon / MIB for _, used in warm])
        found[kind] = {
            "rss_mib": [first.rss / MIB, last.rss / MIB],
            "pss_mib": [first.pss / MIB, last.pss / MIB],
            "anon_mib": [first.anon / MIB, last.anon / MIB],
            "growth_mib_per_hour": line.per_hour,
            "growth_percent_per_hour": 0.0 if line.per_hour < FLAT_MIB else line.percent_per_hour,
            "curve": [[round(at, 1), round(used[kind].anon / MIB, 2)] for at, used in samples],
        }
    return found
