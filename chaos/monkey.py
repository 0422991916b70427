"""The monkey: strikes at moments, and with faults, that its seed decides."""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from threading import Event
from time import monotonic

from chaos.faults import FAULTS
from chaos.house import House

log = logging.getLogger(__name__)

#: Seconds between two strikes, on average.
GAP_S = 1.6
#: Faults that may be open at once.
AT_ONCE = 3


@dataclass(frozen=True, slots=True)
class Plan:
    """One strike to come: how many seconds after the beginning, by which fault."""

    number: int
    at_s: float
    fault: str


@dataclass(frozen=True, slots=True)
class Strike:
    """One strike that was made: by which fault, from when until when."""

    fault: str
    begun: datetime
    ended: datetime


def plans(seed: str, *, seconds: float, gap_s: float = GAP_S, only: Sequence[str] = ()) -> list[Plan]:
    """Return the strikes of *seconds* seconds; the same ones for the same arguments."""
    rng = Random(f"{seed} faults")
    names = list(only or FAULTS)
    weights = [FAULTS[name].weight for name in names]
    made: list[Plan] = []
    at_s = gap_s * rng.uniform(0.2, 1.8)
    while at_s < seconds:
        made.append(Plan(len(made), at_s, rng.choices(names, weights)[0]))
        at_s += gap_s * rng.uniform(0.2, 1.8)
    return made


def strike_all(house: House, planned: Sequence[Plan], *, seed: str, seconds: float) -> list[Strike]:
    """Make every strike at its time, several at once where they overlap; return them when the time is up."""
    begun, over = monotonic(), Event()
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="monkey") as hands:
        open_strikes = []
        for plan in planned:
            over.wait(max(0.0, begun + plan.at_s - monotonic()))
            open_strikes.append(hands.submit(_strike, house, plan, Random(f"{seed} {plan.number}"), over))
        over.wait(max(0.0, begun + seconds - monotonic()))
        over.set()
        return [strike.result() for strike in open_strikes]


def _strike(house: House, plan: Plan, rng: Random, over: Event) -> Strike:
    """Make one strike."""
    begun = datetime.now(UTC)
    log.info("strike", extra={"fault": plan.fault, "at_s": plan.at_s})
    FAULTS[plan.fault].harm(house, rng, over)
    return Strike(plan.fault, begun, datetime.now(UTC))
