"""Performance targets, mostly ratios within one run. Each target is a row and reads its figure from the results."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bench.tables import number

Results = Mapping[str, Any]
#: A figure, or a ratio of medians with the smallest and the largest of a round.
Figure = float | Mapping[str, float]
Read = Callable[[Results], Figure]
#: The unit of ratios.
TIMES = "times"


@dataclass(frozen=True, slots=True)
class Target:
    """A target: a figure in the results of a part, and its bound."""

    name: str
    part: str
    #: Reads the figure from the part's results.
    read: Read
    #: Minimum or maximum of the figure.
    bound: float
    at_least: bool
    unit: str = TIMES

    @property
    def formatted_bound(self) -> str:
        if math.isinf(self.bound):
            return "reported"
        return f"{'≥' if self.at_least else '≤'} {number(self.bound)} {self.unit}"

    def met_by(self, value: float) -> bool:
        """Return whether *value* meets the bound."""
        return value >= self.bound if self.at_least else value <= self.bound


def at_least(name: str, part: str, read: Read, bound: float, unit: str = TIMES) -> Target:
    """Return a target that is met by *bound* or more."""
    return Target(name, part, read, bound, at_least=True, unit=unit)


def at_most(name: str, part: str, read: Read, bound: float, unit: str = TIMES) -> Target:
    """Return a target that is met by *bound* or less."""
    return Target(name, part, read, bound, at_least=False, unit=unit)


def reported(name: str, part: str, read: Read, unit: str = TIMES) -> Target:
    """Return a figure without a bound."""
    return Target(name, part, read, math.inf, at_least=False, unit=unit)


def _of_medians(other: str, figure: str) -> Read:
    """Return a function that reads the ratio of the product to *other* in *figure*."""
    return lambda part: part["ratios"][other][figure]


def _post_to_bare_insert(part: Results) -> float:
    """Return the ratio of a POST to the bare insert."""
    return float(part["idle"]["post"]["p50"] / part["idle"]["bare_insert"]["p50"])


def _post_tail(part: Results) -> float:
    """Return the ratio of p99 to p50 of a POST."""
    return float(part["idle"]["post"]["p99"] / part["idle"]["post"]["p50"])


def _lone(figure: str) -> Callable[[Results], float]:
    """Return a function that reads a figure of a lone update in milliseconds."""
    return lambda part: float(part["lone"]["outcome"][figure])


def _lone_to_empty_task(part: Results) -> float:
    """Return the ratio of a lone update to an empty Celery task, both p50."""
    return float(part["lone"]["outcome"]["p50"] / part["lone"]["empty_task"]["p50"])


def _wal_of_a_merge(part: Results) -> float:
    """Return the bytes of WAL of a merge without the images of whole pages."""
    counted = part["per_thousand"]
    return float(counted["wal_bytes"] - counted["wal_image_bytes"]) / 1_000


def _ratio(part: Results) -> Mapping[str, float]:
    """Return the ratio of a part."""
    return part["ratio"]  # type: ignore[no-any-return]


def _growth_of_memory(part: Results) -> float:
    """Return the growth of the kind of process that grows most, in percent an hour."""
    return max(float(each["growth_percent_per_hour"]) for each in part["kinds"].values())


#: Compared with the limit, the obvious design and the other queues.
THROUGHPUT = (
    at_most("Processor time per merge, against the limit", "throughput", _of_medians("limit", "cpu_ms_per_merge"), 2),
    at_least("End to end, against the limit", "throughput", _of_medians("limit", "merges_per_s"), 0.5),
    at_least("End to end, against the obvious way", "throughput", _of_medians("obvious", "merges_per_s"), 9),
    at_most(
        "Processor time per merge, against the obvious way",
        "throughput",
        _of_medians("obvious", "cpu_ms_per_merge"),
        0.13,
    ),
    at_least("End to end, against procrastinate", "throughput", _of_medians("procrastinate", "merges_per_s"), 2),
    at_least("End to end, against pgqueuer", "throughput", _of_medians("pgqueuer", "merges_per_s"), 2),
    at_least("End to end, against the floor", "throughput", _of_medians("floor", "merges_per_s"), 0.5),
    at_most("WAL of a merge without images of whole pages", "counts", _wal_of_a_merge, 8_000, "bytes"),
)
LATENCY = (
    at_most("POST of 50 updates, idle: p50 against the bare insert of its rows", "latency", _post_to_bare_insert, 2),
    at_most("POST of 50 updates, idle: p99 against its own p50", "latency", _post_tail, 5),
    at_most("A lone update, from POST to outcome, p50", "latency", _lone("p50"), 15, "ms"),
    at_most("A lone update, from POST to outcome, p99", "latency", _lone("p99"), 40, "ms"),
    reported("A lone update, p50 against an empty Celery task", "latency", _lone_to_empty_task),
    at_most(
        "An urgent merge beside 1,000,000 waiting jobs, p99", "urgency", lambda part: part["outcome"]["p99"], 250, "ms"
    ),
    at_most("Workers begin jobs of a cancelled queue for", "cancel", lambda part: part["refused_after_s"], 1, "s"),
)
#: Places where the rate could fall.
CLIFFS = (
    at_least(
        "Rate at 5,000,000 profiles, against 50,000",
        "large",
        lambda part: part["profiles"]["ratio"],
        0.95,
    ),
    at_least("Rate from a backlog of 500,000, against 5,000", "large", lambda part: part["backlog"]["ratio"], 0.95),
    at_most(
        "Messages in the broker meanwhile, against its bound",
        "large",
        lambda part: part["backlog"]["most_messages"] / part["backlog"]["bound"],
        1.1,
    ),
    at_least("5,000 orphans with devices into one survivor, against pairs apart", "hub", _ratio, 0.8),
    at_least("The first 10,000 merges of a new installation, against tables in use", "fresh", _ratio, 0.9),
    at_least("Ten minutes beside an old transaction, against the same without it", "xmin", _ratio, 0.9),
    at_most("Merging an orphan with 1,000,000 events, against one with 10", "events", lambda part: part["ratio"], 1.3),
    at_most("Undoing the merge of 1,000,000 events, against one of 10", "events", lambda part: part["undo_ratio"], 1.3),
    at_most("Picking one of 100,000 that share an address, against 1", "addresses", lambda part: part["ratio"], 1.5),
)
OTHERS = (
    at_most("Processor time with nothing to do, all processes and servers", "idle", lambda part: part["total"], 2, "%"),
    at_most("Growth of memory of any kind of process, an hour", "soak", _growth_of_memory, 3, "%"),
    at_least("Import of whole profiles, against `/users/track`", "import", _ratio, 5),
    at_least(
        "Import of whole profiles, end to end",
        "import",
        lambda part: part["profiles_per_s"]["import"]["median"],
        5_000,
        "/s",
    ),
    at_least("Pairs that are planned and applied, against direct merges", "plan", _ratio, 0.4),
)
TARGETS = (*THROUGHPUT, *LATENCY, *CLIFFS, *OTHERS)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A target with its figure, None when it was not measured."""

    target: Target
    value: float | None
    #: The smallest and the largest ratio of a round, if there were rounds.
    extremes: tuple[float, float] | None = None

    @property
    def word(self) -> str:
        """Met, missed or not measured."""
        if self.value is None:
            return "not measured"
        if math.isinf(self.target.bound):
            return "reported"
        return "met" if self.target.met_by(self.value) else "missed"

    @property
    def formatted_value(self) -> str:
        if self.value is None:
            return ""
        spread = f" ({number(self.extremes[0])} to {number(self.extremes[1])})" if self.extremes else ""
        return f"{number(self.value)} {self.target.unit}{spread}"

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON for the results."""
        return {
            "target": self.target.name,
            "bound": None if math.isinf(self.target.bound) else self.target.bound,
            "at_least": self.target.at_least,
            "unit": self.target.unit,
            "value": self.value,
            "verdict": self.word,
        }


def verdicts(results: Results) -> list[Verdict]:
    """Return every target with its figure."""
    return [_verdict(target, results["parts"].get(target.part)) for target in TARGETS]


def _verdict(target: Target, part: Results | None) -> Verdict:
    """Return *target* with its figure, None when its part did not run, failed, or has no such figure."""
    if part is None or "failed" in part:
        return Verdict(target, None)
    try:
        figure = target.read(part)
    except KeyError:
        return Verdict(target, None)
    if isinstance(figure, Mapping):
        extremes = (figure["min"], figure["max"]) if "min" in figure else None
        return Verdict(target, figure["of_medians"], extremes)
    return Verdict(target, figure)
