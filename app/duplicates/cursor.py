"""Where a walk over duplicates is: what it needs to know to go on, kept in the row of its run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from app.merging.keeping import Duplicate
from schemas.keeping import Undecided

#: Before any time that a profile may have.
BEFORE = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the index among the profiles of one address; the next page begins behind it."""

    identified: bool = False
    updated_at: datetime = BEFORE
    id: int = 0

    @classmethod
    def of(cls, duplicate: Duplicate) -> "Place":
        """Return the place of *duplicate*."""
        return cls(duplicate.identified, duplicate.updated_at, duplicate.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class LargeGroup:
    """A group of more profiles than one step reads: first all are looked at, then all are told, page by page."""

    address: str
    #: Those that lead among the profiles looked at so far; afterwards the one to keep.
    leaders: tuple[int, ...] = ()
    #: Why there is none to keep.
    undecided: Undecided | None = None
    #: Whether all were looked at.
    chosen: bool = False
    after: Place = field(default_factory=Place)


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """The addresses up to *address* are done, but for the large group, if there is one."""

    address: str = ""
    group: LargeGroup | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        group = self.group
        if group is None:
            return {"address": self.address}
        after = [group.after.identified, group.after.updated_at.isoformat(), group.after.id]
        held = {"leaders": list(group.leaders), "undecided": group.undecided, "chosen": group.chosen, "after": after}
        return {"address": self.address, "group": held}

    @classmethod
    def from_json(cls, written: Mapping[str, Any]) -> "Position":
        """Return the position that *written* says."""
        held = written.get("group")
        if held is None:
            return cls(address=written["address"])
        identified, updated_at, profile_id = held["after"]
        group = LargeGroup(
            address=written["address"],
            leaders=tuple(held["leaders"]),
            undecided=held["undecided"] and Undecided(held["undecided"]),
            chosen=held["chosen"],
            after=Place(identified, datetime.fromisoformat(updated_at), profile_id),
        )
        return cls(address=written["address"], group=group)
