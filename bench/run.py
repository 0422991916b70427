"""A run: the requested parts, one by one. When a part fails, the results contain its error, and the others run."""

import traceback
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from bench import machine
from bench.ground import Ground, ground
from bench.parts import (
    addresses,
    cancel,
    counts,
    events,
    fresh,
    growth,
    hub,
    idle,
    imports,
    large,
    latency,
    plan,
    soak,
    throughput,
    urgency,
    workers,
    xmin,
)
from bench.progress import Progress
from bench.sizes import Sizes

BenchmarkPart = Callable[[Ground, Sizes, Callable[[str], None]], dict[str, Any]]

#: All parts in the order of their run, the most important ones first.
PARTS: Mapping[str, BenchmarkPart] = {
    "throughput": throughput.run,
    "latency": latency.run,
    "counts": counts.run,
    "idle": idle.run,
    "events": events.run,
    "addresses": addresses.run,
    "hub": hub.run,
    "fresh": fresh.run,
    "workers": workers.run,
    "import": imports.run,
    "large": large.run,
    "urgency": urgency.run,
    "cancel": cancel.run,
    "plan": plan.run,
}
#: Parts that run only if they are named: each takes long.
APART: Mapping[str, BenchmarkPart] = {
    "xmin": xmin.run,
    "soak": soak.run,
    **growth.CURVES,
}
KNOWN: Mapping[str, BenchmarkPart] = {**PARTS, **APART}
#: Seconds after which no further part of a whole run starts.
BUDGET_S = 40 * 60.0


def run_bench(only: Sequence[str], sizes: Sizes, log: Callable[[str], None]) -> dict[str, Any]:
    """Run the parts *only*, or all of PARTS; return the results as JSON."""
    names = list(only or PARTS)
    began = monotonic()
    progress = Progress(names, sizes.scale, log)
    with ground() as lent:
        results: dict[str, Any] = {
            "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "scale": sizes.scale,
            "machine": machine.described(lent),
            "parts": {},
        }
        for name in names:
            progress.begin(name)
            if not only and monotonic() - began > BUDGET_S:
                results["parts"][name] = {
                    "failed": f"not started, because {BUDGET_S / 60:g} minutes had passed",
                    "took_s": 0.0,
                }
                continue
            results["parts"][name] = _attempt(KNOWN[name], lent, sizes, progress.log)
    results["seconds"] = monotonic() - began
    return results


def _attempt(part: BenchmarkPart, lent: Ground, sizes: Sizes, log: Callable[[str], None]) -> dict[str, Any]:
    """Run *part*; return its results or its error, and its duration."""
    began = monotonic()
    try:
        measured = part(lent, sizes, log)
    except Exception as error:  # noqa: BLE001  the results of the other parts must not be lost
        log(traceback.format_exc())
        measured = {"failed": f"{type(error).__name__}: {error}".partition("\n")[0]}
    return {**measured, "took_s": monotonic() - began}
