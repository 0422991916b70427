"""Progress of a batch, and the label and tone (colour) of each state and outcome."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from app.db.clock import SERVER_CLOCK
from app.ledger.queries import Batch
from schemas.outcomes import SETTLED, JobState, Outcome


class Tone(StrEnum):
    """The colour and shape of a state or outcome."""

    GOOD = "good"
    PART = "part"
    NONE = "none"
    STOPPED = "stopped"
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
#: Poll intervals in seconds by age: (younger than, interval).
PACES = ((60, 2), (600, 5), (3_600, 15))
SLOWEST_PACE = 60


def tone_of(of: JobState | Outcome) -> Tone:
    """Return the tone of a state or outcome; Tone.NONE for outcomes without an effect."""
    return TONES.get(of, Tone.NONE)


def label_of(of: str) -> str:
    """Return the label of a state, outcome or kind."""
    return of.replace("_", " ").capitalize()


def poll_interval(seconds_old: float) -> int:
    """Return the seconds until the next poll of an item that is *seconds_old*."""
    return next((each for age, each in PACES if seconds_old < age), SLOWEST_PACE)


def poll_interval_since(begun_at: datetime) -> int:
    """Return the seconds until the next poll of an item that began at *begun_at*."""
    return poll_interval((SERVER_CLOCK.moment() - begun_at).total_seconds())


@dataclass(frozen=True, slots=True, kw_only=True)
class BarSegment:
    """The jobs of one tone, as a segment of a bar of length 100."""

    tone: Tone
    jobs: int
    start: float
    length: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchProgress:
    """Settled and total jobs of a batch or a run, and its progress bar."""

    jobs: int
    settled: int
    #: In the order of Tone, so that a bar fills from the left.
    shares: tuple[BarSegment, ...]

    @property
    def finished(self) -> bool:
        return self.settled == self.jobs

    @classmethod
    def of(cls, batch: Batch) -> "BatchProgress":
        counts: Counter[Tone] = Counter()
        for tally in batch.status_counts:
            counts[tone_of(tally.outcome or tally.state)] += tally.jobs - tally.undone
            counts[Tone.PART] += tally.undone
        jobs = counts.total()
        settled = sum(tally.jobs for tally in batch.status_counts if tally.state in SETTLED)
        return cls(jobs=jobs, settled=settled, shares=bar_segments(counts, jobs))


def bar_segments(counts: Mapping[Tone, int], jobs: int) -> tuple[BarSegment, ...]:
    """Return the segments of a bar for *counts* of together *jobs* jobs, in the order of Tone."""
    shares, start = [], 0.0
    for each in Tone:
        if counts.get(each):
            length = 100 * counts[each] / jobs
            shares.append(BarSegment(tone=each, jobs=counts[each], start=round(start, 3), length=round(length, 3)))
            start += length
    return tuple(shares)
