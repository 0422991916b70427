"""The merges of a group of duplicates, as pairs."""

from collections.abc import Iterator
from dataclasses import dataclass

from app.merging.keep_rule import Duplicate, GroupPlan
from schemas.identifiers import Email, Member, Phone
from schemas.keeping import SharedAddress, Undecided


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicatePair:
    """A merge of two profiles of one group."""

    orphan: Member
    survivor: Member


def list_pairs(plan: GroupPlan, *, by: SharedAddress) -> Iterator[DuplicatePair]:
    """Yield the merges of *plan*."""
    if isinstance(plan.keeper, Undecided):
        return
    address = Email(plan.address) if by is SharedAddress.EMAIL else Phone(plan.address)
    survivor = _member(plan.keeper, address)
    for orphan in plan.orphans:
        yield DuplicatePair(orphan=_member(orphan, address), survivor=survivor)


def _member(duplicate: Duplicate, address: Email | Phone) -> Member:
    """Return the identifier of *duplicate* in jobs."""
    return Member(braze_id=duplicate.braze_id, address=address, identified=duplicate.identified)
