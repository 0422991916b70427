"""A run: the parts that were asked for, one after the other; one that fails tells so, and the others go on."""

import traceback
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from bench import machine
from bench.ground import Ground, ground
from bench.parts import addresses, counts, events, growth, hub, latency, throughput, workers
from bench.sizes import Sizes

Part = Callable[[Ground, Sizes, Callable[[str], None]], dict[str, Any]]

#: Every part, in the order of their run: what matters most comes first.
PARTS: Mapping[str, Part] = {
    "throughput": throughput.run,
    "latency": latency.run,
    "counts": counts.run,
    "events": events.run,
    "addresses": addresses.run,
    "hub": hub.run,
    "workers": workers.run,
    "growth": growth.run,
}
#: Seconds after which no further part is begun.
BUDGET_S = 40 * 60.0


def run(only: Sequence[str], sizes: Sizes, tell: Callable[[str], None]) -> dict[str, Any]:
    """Run the parts *only*, or all of them; return the results as they are kept."""
    began = monotonic()
    with ground() as lent:
        results: dict[str, Any] = {
            "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "scale": sizes.scale,
            "machine": machine.described(lent),
            "parts": {},
        }
        for name in only or PARTS:
            tell(f"== {name}")
            if monotonic() - began > BUDGET_S:
                results["parts"][name] = {
                    "failed": f"not begun, since {BUDGET_S / 60:g} minutes had passed",
                    "took_s": 0.0,
                }
                continue
            results["parts"][name] = _attempt(PARTS[name], lent, sizes, tell)
    results["seconds"] = monotonic() - began
    return results


def _attempt(part: Part, lent: Ground, sizes: Sizes, tell: Callable[[str], None]) -> dict[str, Any]:
    """Return what *part* measured, and how long that took; or how it failed."""
    began = monotonic()
    try:
        measured = part(lent, sizes, tell)
    except Exception as error:  # noqa: BLE001  whatever one part fails with, the others are worth having
        tell(traceback.format_exc())
        measured = {"failed": f"{type(error).__name__}: {error}".partition("\n")[0]}
    return {**measured, "took_s": monotonic() - began}
