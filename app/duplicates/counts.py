"""The counts of a scan over duplicates."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.duplicates.scan import ScanStep
from schemas.keeping import Undecided


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateCounts:
    """Numbers of profiles and groups; *undecided* and *left* are by reason."""

    #: Profiles with an address that were read.
    examined: int = 0
    #: Groups of profiles that share an address.
    groups: int = 0
    #: Profiles to merge.
    to_merge: int = 0
    #: Profiles of groups without a profile to keep.
    undecided: Mapping[str, int] = field(default_factory=dict)
    #: Profiles that a guard excludes from their group's merge.
    left: Mapping[str, int] = field(default_factory=dict)
    #: Batches that the run has created.
    batches: int = 0

    def add_step(self, step: ScanStep, *, batches: int = 0) -> "DuplicateCounts":
        """Return the counts after *step*, which created a number of *batches*."""
        undecided, left = Counter(self.undecided), Counter(self.left)
        for plan in step.plans:
            if isinstance(plan.keeper, Undecided):
                undecided[plan.keeper.value] += len(plan.unmerged)
            left.update(outcome.value for _, outcome in plan.left)
        return DuplicateCounts(
            examined=self.examined + step.examined,
            groups=self.groups + step.groups,
            to_merge=self.to_merge + sum(len(plan.orphans) for plan in step.plans),
            undecided=dict(sorted(undecided.items())),
            left=dict(sorted(left.items())),
            batches=self.batches + batches,
        )

    def to_json(self) -> dict[str, Any]:
        """Return the counts as a JSON object."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "DuplicateCounts":
        """Return the counts of a JSON object."""
        return cls(**stored)
