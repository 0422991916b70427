"""Performance targets, mostly ratios within one run. Each target is a row and reads its figure from the results."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Results = Mapping[str, Any]
#: The unit of ratios.
TIMES = "times"


@dataclass(frozen=True, slots=True)
class Target:
    """A target: a figure in the results of a part, and its bound."""

    name: str
    part: str
    #: Reads the figure from the part's results.
    read: Callable[[Results], float]
    #: Minimum or maximum of the figure.
    bound: float
    at_least: bool
    unit: str = TIMES

    @property
    def formatted_bound(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.bound:.3g} {self.unit}"

    def met_by(self, value: float) -> bool:
        """Return whether *value* meets the bound."""
        return value >= self.bound if self.at_least else value <= self.bound


def at_least(name: str, part: str, read: Callable[[Results], float], bound: float, unit: str = TIMES) -> Target:
    """Return a target that is met by *bound* or more."""
    return Target(name, part, read, bound, at_least=True, unit=unit)


def at_most(name: str, part: str, read: Callable[[Results], float], bound: float, unit: str = TIMES) -> Target:
    """Return a target that is met by *bound* or less."""
    return Target(name, part, read, bound, at_least=False, unit=unit)


def _of_medians(other: str, figure: str) -> Callable[[Results], float]:
    """Return a function that reads the ratio of the product to *other* in *figure*."""
    return lambda part: float(part["ratios"][other][figure]["of_medians"])


def _post_to_bare_insert(part: Results) -> float:
    """Return the ratio of a POST to the bare insert."""
    return float(part["idle"]["post"]["p50"] / part["idle"]["bare_insert"]["p50"])


def _post_tail(part: Results) -> float:
    """Return the ratio of p99 to p50 of a POST."""
    return float(part["idle"]["post"]["p99"] / part["idle"]["post"]["p50"])


TARGETS = (
    at_least("End to end, against the obvious way", "throughput", _of_medians("obvious", "merges_per_s"), 6),
    at_least("End to end, against procrastinate", "throughput", _of_medians("procrastinate", "merges_per_s"), 2),
    at_least("End to end, against the floor", "throughput", _of_medians("floor", "merges_per_s"), 0.5),
    at_least("End to end, against the limit", "throughput", _of_medians("limit", "merges_per_s"), 0.5),
    at_most(
        "Processor time per merge, against the obvious way",
        "throughput",
        _of_medians("obvious", "cpu_ms_per_merge"),
        1 / 6,
    ),
    at_most("Processor time per merge, against the limit", "throughput", _of_medians("limit", "cpu_ms_per_merge"), 2),
    at_most("POST of 50 updates, idle: p50 against the bare insert of its rows", "latency", _post_to_bare_insert, 2.5),
    at_most("POST of 50 updates, idle: p99 against its own p50", "latency", _post_tail, 5),
    at_most(
        "A lone update, from POST to outcome, p50", "latency", lambda part: part["lone"]["outcome"]["p50"], 50, "ms"
    ),
    at_most("Processor time with nothing to do, all processes and servers", "idle", lambda part: part["total"], 2, "%"),
    at_most("Merging an orphan with 1,000,000 events, against one with 10", "events", lambda part: part["ratio"], 1.3),
    at_most("Undoing the merge of 1,000,000 events, against one of 10", "events", lambda part: part["undo_ratio"], 1.3),
    at_most("Picking one of 100,000 that share an address, against 1", "addresses", lambda part: part["ratio"], 1.5),
    at_least("Import of whole profiles, against `/users/track`", "import", lambda part: part["ratio"]["of_medians"], 5),
    at_least(
        "Import of whole profiles, end to end",
        "import",
        lambda part: part["profiles_per_s"]["import"]["median"],
        5_000,
        "/s",
    ),
    at_least("Rate from a backlog of 500,000, against 5,000", "large", lambda part: part["backlog"]["ratio"], 0.9),
    at_most(
        "Messages in the broker meanwhile, against its bound",
        "large",
        lambda part: part["backlog"]["most_messages"] / part["backlog"]["bound"],
        1.1,
    ),
    at_least(
        "Rate at 5,000,000 profiles, against 50,000",
        "large",
        lambda part: part["profiles"]["ratio"]["of_medians"],
        0.8,
    ),
    at_most(
        "An urgent merge beside 1,000,000 waiting jobs, p99", "urgency", lambda part: part["outcome"]["p99"], 250, "ms"
    ),
    at_most("Workers begin jobs of a cancelled queue for", "cancel", lambda part: part["refused_after_s"], 1, "s"),
    at_least(
        "Pairs that are planned and applied, against direct merges",
        "plan",
        lambda part: part["ratio"]["of_medians"],
        0.4,
    ),
    at_least(
        "5,000 orphans into one survivor, against pairs apart", "hub", lambda part: part["ratio"]["of_medians"], 0.5
    ),
    at_least(
        "The first 10,000 merges of a new installation, against tables in use",
        "fresh",
        lambda part: part["ratio"]["of_medians"],
        0.9,
    ),
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A target with its figure, None when it was not measured."""

    target: Target
    value: float | None

    @property
    def word(self) -> str:
        """Met, missed or not measured."""
        if self.value is None:
            return "not measured"
        return "met" if self.target.met_by(self.value) else "missed"

    @property
    def formatted_value(self) -> str:
        return "" if self.value is None else f"{self.value:.3g} {self.target.unit}"

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON for the results."""
        return {
            "target": self.target.name,
            "bound": self.target.bound,
            "at_least": self.target.at_least,
            "unit": self.target.unit,
            "value": self.value,
            "verdict": self.word,
        }


def verdicts(results: Results) -> list[Verdict]:
    """Return every target with its figure."""
    return [Verdict(target, _value(target, results["parts"].get(target.part))) for target in TARGETS]


def _value(target: Target, part: Results | None) -> float | None:
    """Return the figure of *target*, None when its part did not run, failed, or has no such figure."""
    if part is None or "failed" in part:
        return None
    try:
        return target.read(part)
    except KeyError:
        return None
