"""Accepted batches and written profiles, with their expected results."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from chaos.families import Member


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """An accepted batch: its id, its number of jobs, and the index of a job that must end dead."""

    batch_id: UUID
    jobs: int
    raises_at: int | None
    #: The outcome of each job, if only one is correct.
    outcome: str | None = None
    #: Whether its jobs may be cancelled.
    steered: bool = False
    #: Whether the response already contained the finished batch.
    is_finished: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitedRun:
    """A run with a limit of failures, and its pause as the API reported it."""

    limit: int
    #: The batch whose jobs fail.
    failing: UUID
    #: The reason of its pause, or None.
    reason: str | None
    #: The times between which none of its jobs may have started.
    paused: tuple[datetime, datetime] | None


@dataclass
class Promises:
    """The expectations for the audit."""

    batches: list[Promise] = field(default_factory=list)
    #: Every written member, by its group. A group must end as one live profile.
    groups: dict[str, list[Member]] = field(default_factory=lambda: defaultdict(list))
    #: Every written member of the steered workspace. Its expected result follows from the outcomes of its jobs.
    steered: list[Member] = field(default_factory=list)
    #: Runs of the steered workspace whose batches the relay creates, with their maximum of jobs.
    runs: dict[UUID, int] = field(default_factory=dict)
    #: Batch → number of cancelled jobs in the responses.
    cancelled: dict[UUID, int] = field(default_factory=dict)
    #: Times between which no job of the steered workspace may have started.
    pauses: list[tuple[datetime, datetime]] = field(default_factory=list)
    #: Runs of the steered workspace with a limit of failures.
    limited: dict[UUID, LimitedRun] = field(default_factory=dict)
    #: Families whose write got no response; no merge was sent for them.
    uncertain: int = 0
