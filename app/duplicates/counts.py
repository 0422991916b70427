"""What a walk over duplicates has found so far, in numbers."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.duplicates.scan import Step
from schemas.keeping import Undecided


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Numbers of profiles and of groups; *undecided* and *left* by why."""

    #: Profiles with an address that were passed.
    examined: int = 0
    #: Groups of profiles that share one.
    groups: int = 0
    #: Profiles that are merged, or would be.
    to_merge: int = 0
    #: Profiles of groups of which none is kept.
    undecided: Mapping[str, int] = field(default_factory=dict)
    #: Profiles that a guard leaves as they are.
    left: Mapping[str, int] = field(default_factory=dict)
    #: Batches that a run has made.
    batches: int = 0

    def after(self, step: Step, *, batches: int = 0) -> "Counts":
        """Return the numbers after *step*, which made so many *batches*."""
        undecided, left = Counter(self.undecided), Counter(self.left)
        for fate in step.fates:
            if isinstance(fate.keeper, Undecided):
                undecided[fate.keeper.value] += len(fate.unmerged)
            left.update(outcome.value for _, outcome in fate.left)
        return Counts(
            examined=self.examined + step.examined,
            groups=self.groups + step.groups,
            to_merge=self.to_merge + sum(len(fate.orphans) for fate in step.fates),
            undecided=dict(sorted(undecided.items())),
            left=dict(sorted(left.items())),
            batches=self.batches + batches,
        )

    def to_json(self) -> dict[str, Any]:
        """Return them as JSON holds them."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_json(cls, written: Mapping[str, Any]) -> "Counts":
        """Return the numbers that *written* says."""
        return cls(**written)
