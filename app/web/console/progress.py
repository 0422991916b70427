"""How far a batch is, and how states and outcomes are shown: a word each, and a tone that repeats it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType

from app.ledger.queries import Batch
from schemas.outcomes import SETTLED, JobState, Outcome


class Tone(StrEnum):
    """What a word says of a job, for those who look at colours and shapes first."""

    GOOD = "good"
    PART = "part"
    NONE = "none"
    BAD = "bad"
    BUSY = "busy"
    IDLE = "idle"


TONES: Mapping[JobState | Outcome, Tone] = MappingProxyType(
    {
        Outcome.MERGED: Tone.GOOD,
        Outcome.IDENTIFIED: Tone.GOOD,
        Outcome.UNDONE: Tone.GOOD,
        Outcome.UNDONE_IN_PART: Tone.PART,
        JobState.FINISHED: Tone.GOOD,
        JobState.DEAD: Tone.BAD,
        JobState.RUNNING: Tone.BUSY,
        JobState.QUEUED: Tone.IDLE,
    }
)
#: Seconds between two looks at something unfinished, by how many seconds ago it began.
PACES = ((60, 2), (600, 5), (3_600, 15))
SLOWEST_PACE = 60


def tone_of(of: JobState | Outcome) -> Tone:
    """Return the tone of a state or an outcome; outcomes by which nothing was done have none of their own."""
    return TONES.get(of, Tone.NONE)


def label_of(of: str) -> str:
    """Return the word for a state, an outcome or a kind, as people write it."""
    return of.replace("_", " ").capitalize()


def poll_interval(seconds_old: float) -> int:
    """Return the seconds until the next look at something unfinished that began *seconds_old* ago."""
    return next((each for age, each in PACES if seconds_old < age), SLOWEST_PACE)


def poll_interval_since(begun_at: datetime) -> int:
    """Return the seconds until the next look at something unfinished that began at *begun_at*."""
    return poll_interval((datetime.now(UTC) - begun_at).total_seconds())


@dataclass(frozen=True, slots=True, kw_only=True)
class BarSegment:
    """The jobs of a batch that have one tone: how many, and where they stand on a bar that is 100 long."""

    tone: Tone
    jobs: int
    start: float
    length: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchProgress:
    """How far a batch is."""

    jobs: int
    settled: int
    #: In the order of the tones, so that a bar fills from the left.
    shares: tuple[BarSegment, ...]

    @property
    def finished(self) -> bool:
        """Whether nothing is left to be done."""
        return self.settled == self.jobs

    @classmethod
    def of(cls, batch: Batch) -> "BatchProgress":
        """Return how far *batch* is."""
        counts: Counter[Tone] = Counter()
        for tally in batch.tallies:
            counts[tone_of(tally.outcome or tally.state)] += tally.jobs
        jobs = counts.total()
        settled = sum(tally.jobs for tally in batch.tallies if tally.state in SETTLED)
        return cls(jobs=jobs, settled=settled, shares=_shares(counts, jobs))


def _shares(counts: Mapping[Tone, int], jobs: int) -> tuple[BarSegment, ...]:
    """Return the shares that *counts* have of all *jobs*."""
    shares, start = [], 0.0
    for each in Tone:
        if counts[each]:
            length = 100 * counts[each] / jobs
            shares.append(BarSegment(tone=each, jobs=counts[each], start=round(start, 3), length=round(length, 3)))
            start += length
    return tuple(shares)
