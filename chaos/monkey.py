"""The monkey injects random faults at random times, decided by its seed. One injected fault is a strike."""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from threading import Event
from time import monotonic

from chaos.faults import FAULTS, Fault
from chaos.installation import Installation

log = logging.getLogger(__name__)

#: Average seconds between two strikes.
GAP_S = 1.6
#: Maximum number of faults at once.
AT_ONCE = 3


@dataclass(frozen=True, slots=True)
class Plan:
    """One planned strike: its fault, and its time in seconds after the start."""

    number: int
    at_s: float
    fault: str


@dataclass(frozen=True, slots=True)
class Strike:
    """One strike: its fault, its start and its end."""

    fault: str
    begun: datetime
    ended: datetime


def plans(seed: str, *, seconds: float, gap_s: float = GAP_S, only: Sequence[str] = ()) -> list[Plan]:
    """Return the planned strikes of *seconds* seconds, always the same for the same arguments."""
    rng = Random(f"{seed} faults")
    names = list(only or FAULTS)
    weights = [FAULTS[name].weight for name in names]
    made: list[Plan] = []
    at_s = gap_s * rng.uniform(0.2, 1.8)
    while at_s < seconds:
        made.append(Plan(len(made), at_s, rng.choices(names, weights)[0]))
        at_s += gap_s * rng.uniform(0.2, 1.8)
    return made


def strike_all(installation: Installation, planned: Sequence[Plan], *, seed: str, seconds: float) -> list[Strike]:
    """Inject every planned fault at its time, in parallel where they overlap; return the strikes after *seconds*."""
    begun, over = monotonic(), Event()
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="monkey") as executor:
        open_strikes = []
        for plan in planned:
            over.wait(max(0.0, begun + plan.at_s - monotonic()))
            open_strikes.append(
                executor.submit(strike_once, installation, FAULTS[plan.fault], Random(f"{seed} {plan.number}"), over)
            )
        over.wait(max(0.0, begun + seconds - monotonic()))
        over.set()
        return [strike.result() for strike in open_strikes]


def strike_once(installation: Installation, fault: Fault, rng: Random, over: Event) -> Strike:
    """Inject *fault* and return the strike after it has ended."""
    begun = datetime.now(UTC)
    log.info("strike", extra={"fault": fault.name})
    fault.harm(installation, rng, over)
    return Strike(fault.name, begun, datetime.now(UTC))
