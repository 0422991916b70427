"""What was promised to the driver, and what it knows of what must become of it."""

from collections import defaultdict
from dataclasses import dataclass, field
from uuid import UUID

from chaos.families import Member


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """A batch that was accepted: its id, how many jobs it has, and which of them must end dead."""

    batch_id: UUID
    jobs: int
    raises_at: int | None


@dataclass
class Promises:
    """All that the auditor has to know of what was asked for."""

    batches: list[Promise] = field(default_factory=list)
    #: Every member that was written, by the group that must end as one live profile.
    groups: dict[str, list[Member]] = field(default_factory=lambda: defaultdict(list))
    #: Families that nobody can tell whether they were written; nothing was asked of them.
    uncertain: int = 0
