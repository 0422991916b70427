"""The position of a scan over duplicates, stored with its run so that the next step continues there."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from app.merging.keep_rule import Duplicate
from schemas.keeping import Undecided

#: Earlier than the time of any profile.
BEFORE = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class IndexPosition:
    """A position in the index among the profiles of one address; the next page starts after it."""

    identified: bool = False
    updated_at: datetime = BEFORE
    id: int = 0

    @classmethod
    def of(cls, duplicate: Duplicate) -> "IndexPosition":
        """Return the position of *duplicate*."""
        return cls(duplicate.identified, duplicate.updated_at, duplicate.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class LargeGroup:
    """A group with more profiles than a step reads. Two passes: choose the profile to keep, then plan the merges."""

    address: str
    #: Ids of the best candidates so far; in the second pass, the id of the profile to keep.
    leaders: tuple[int, ...] = ()
    #: Why no profile is kept.
    undecided: Undecided | None = None
    #: Whether the first pass is complete.
    chosen: bool = False
    after: IndexPosition = field(default_factory=IndexPosition)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanCursor:
    """All addresses up to *address* are done, except a large group in progress."""

    address: str = ""
    group: LargeGroup | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the cursor as a JSON object."""
        group = self.group
        if group is None:
            return {"address": self.address}
        after = [group.after.identified, group.after.updated_at.isoformat(), group.after.id]
        state = {"leaders": list(group.leaders), "undecided": group.undecided, "chosen": group.chosen, "after": after}
        return {"address": self.address, "group": state}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "ScanCursor":
        """Return the cursor of a JSON object."""
        state = stored.get("group")
        if state is None:
            return cls(address=stored["address"])
        identified, updated_at, profile_id = state["after"]
        group = LargeGroup(
            address=stored["address"],
            leaders=tuple(state["leaders"]),
            undecided=state["undecided"] and Undecided(state["undecided"]),
            chosen=state["chosen"],
            after=IndexPosition(identified, datetime.fromisoformat(updated_at), profile_id),
        )
        return cls(address=stored["address"], group=group)
