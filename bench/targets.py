"""What was promised, as ratios within one run: each target is a row, read from the results."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Results = Mapping[str, Any]
#: The unit of ratios.
TIMES = "times"


@dataclass(frozen=True, slots=True)
class Target:
    """A promise: what is measured, where it stands in a part's results, and the bound that it must keep."""

    name: str
    part: str
    #: Where the figure stands in the part's results.
    read: Callable[[Results], float]
    #: At least this, or at most this.
    bound: float
    at_least: bool
    unit: str = TIMES

    @property
    def told_bound(self) -> str:
        """The bound as it is read."""
        return f"{'≥' if self.at_least else '≤'} {self.bound:.3g} {self.unit}"

    def met_by(self, value: float) -> bool:
        """Tell whether *value* keeps the bound."""
        return value >= self.bound if self.at_least else value <= self.bound


def at_least(name: str, part: str, read: Callable[[Results], float], bound: float, unit: str = TIMES) -> Target:
    """Return a target that is met by *bound* or more."""
    return Target(name, part, read, bound, at_least=True, unit=unit)


def at_most(name: str, part: str, read: Callable[[Results], float], bound: float, unit: str = TIMES) -> Target:
    """Return a target that is met by *bound* or less."""
    return Target(name, part, read, bound, at_least=False, unit=unit)


def _of_medians(other: str, figure: str) -> Callable[[Results], float]:
    """Return what reads how the product compares with *other* in *figure*."""
    return lambda part: float(part["ratios"][other][figure]["of_medians"])


def _post_to_bare_insert(part: Results) -> float:
    """Return how many times as long as the bare insert a POST takes."""
    return float(part["idle"]["post"]["p50"] / part["idle"]["bare_insert"]["p50"])


def _post_tail(part: Results) -> float:
    """Return how many times as long as in the middle a POST takes at its slowest."""
    return float(part["idle"]["post"]["p99"] / part["idle"]["post"]["p50"])


TARGETS = (
    at_least("End to end, against the obvious way", "throughput", _of_medians("obvious", "merges_per_s"), 6),
    at_least("End to end, against procrastinate", "throughput", _of_medians("procrastinate", "merges_per_s"), 2),
    at_least("End to end, against the floor", "throughput", _of_medians("floor", "merges_per_s"), 0.5),
    at_most(
        "Processor time per merge, against the obvious way",
        "throughput",
        _of_medians("obvious", "cpu_ms_per_merge"),
        1 / 6,
    ),
    at_most("POST of 50 updates, idle: p50 against the bare insert of its rows", "latency", _post_to_bare_insert, 2.5),
    at_most("POST of 50 updates, idle: p99 against its own p50", "latency", _post_tail, 5),
    at_most(
        "A lone update, from POST to outcome, p50", "latency", lambda part: part["lone"]["outcome"]["p50"], 50, "ms"
    ),
    at_most("Merging an orphan with 1,000,000 events, against one with 10", "events", lambda part: part["ratio"], 1.3),
    at_most("Undoing the merge of 1,000,000 events, against one of 10", "events", lambda part: part["undo_ratio"], 1.3),
    at_most("Picking one of 100,000 that share an address, against 1", "addresses", lambda part: part["ratio"], 1.5),
    at_least("Rate from a backlog of 500,000, against 5,000", "growth", lambda part: part["backlog"]["ratio"], 0.9),
    at_most(
        "Messages in the broker meanwhile, against its bound",
        "growth",
        lambda part: part["backlog"]["most_messages"] / part["backlog"]["bound"],
        1.1,
    ),
    at_least(
        "Rate at 5,000,000 profiles, against 50,000",
        "growth",
        lambda part: part["profiles"]["ratio"]["of_medians"],
        0.8,
    ),
    at_least(
        "5,000 orphans into one survivor, against pairs apart", "hub", lambda part: part["ratio"]["of_medians"], 0.5
    ),
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a target: the figure, None when it was not measured."""

    target: Target
    value: float | None

    @property
    def word(self) -> str:
        """Met, missed or not measured."""
        if self.value is None:
            return "not measured"
        return "met" if self.target.met_by(self.value) else "missed"

    @property
    def told_value(self) -> str:
        """The figure as it is read."""
        return "" if self.value is None else f"{self.value:.3g} {self.target.unit}"

    def to_json(self) -> dict[str, Any]:
        """Return it as the results hold it."""
        return {
            "target": self.target.name,
            "bound": self.target.bound,
            "at_least": self.target.at_least,
            "unit": self.target.unit,
            "value": self.value,
            "verdict": self.word,
        }


def verdicts(results: Results) -> list[Verdict]:
    """Return what became of every target."""
    return [Verdict(target, _value(target, results["parts"].get(target.part))) for target in TARGETS]


def _value(target: Target, part: Results | None) -> float | None:
    """Return the figure of *target*, None when its part was not run, failed, or did without it."""
    if part is None or "failed" in part:
        return None
    try:
        return target.read(part)
    except KeyError:
        return None
