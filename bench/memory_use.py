"""Memory of processes by kind, and the line that fits its growth."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bench.running import Running

PROC = Path("/proc")
HOUR = 3_600
MIB = 2**20
#: Fields of smaps_rollup, in KiB: all pages; with shared pages divided; and anonymous pages of the process.
RSS, PSS, ANON = "Rss", "Pss", "Pss_Anon"


@dataclass(frozen=True, slots=True)
class Usage:
    """Total bytes of some processes: resident, with shared pages divided, and anonymous only.

    Anonymous memory leaves out files and PostgreSQL's shared buffers, which fill with the first load.
    """

    rss: int = 0
    pss: int = 0
    anon: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(self.rss + other.rss, self.pss + other.pss, self.anon + other.anon)


def usage_by_kind(programs: Iterable[Running]) -> dict[str, Usage]:
    """Return the memory of *programs* by kind: worker1 and worker2 are both workers."""
    found: dict[str, Usage] = {}
    for program in programs:
        kind = program.name.rstrip("0123456789")
        found[kind] = sum((_usage(each.pid) for each in program.processes()), found.get(kind, Usage()))
    return found


def _usage(pid: int) -> Usage:
    """Return the memory of one process, or zero if it has ended."""
    sizes: dict[str, int] = {}
    with suppress(OSError):
        for line in (PROC / str(pid) / "smaps_rollup").read_text(encoding="utf-8").splitlines():
            name, _, size = line.partition(":")
            if name in {RSS, PSS, ANON}:
                sizes[name] = int(size.split()[0]) * 1_024
    return Usage(sizes.get(RSS, 0), sizes.get(PSS, 0), sizes.get(ANON, 0))


@dataclass(frozen=True, slots=True)
class Line:
    """The line that fits samples by least squares: its value at the first sample, and its slope per hour."""

    start: float
    per_hour: float

    @property
    def percent_per_hour(self) -> float:
        return 100 * self.per_hour / self.start if self.start else 0.0

    @classmethod
    def through(cls, seconds: Sequence[float], values: Sequence[float]) -> "Line":
        """Return the line through *values* at *seconds*; at least two different times are needed."""
        count = len(seconds)
        middle, mean = sum(seconds) / count, sum(values) / count
        spread = sum((each - middle) ** 2 for each in seconds)
        slope = sum((at - middle) * (value - mean) for at, value in zip(seconds, values, strict=True)) / spread
        return cls(mean + slope * (seconds[0] - middle), slope * HOUR)
