"""Which profile of a group of duplicates is kept. Pure: preview and run share it to the letter."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import assert_never

from app.merging.merge import check_pair, check_protection
from app.merging.profile import PhoneNumber
from schemas.keeping import KeepRule, Prefer, TiesBy, Undecided
from schemas.outcomes import Outcome

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: How a profile stands in its group: identified or not, with a time or without one, and that time.
Standing = tuple[bool, bool, timedelta]


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicate:
    """A profile that shares its address with others: as much of it as the choice and its telling look at."""

    id: int
    braze_id: str
    external_id: str | None
    created_at: datetime
    updated_at: datetime
    last_session_at: datetime | None = None
    email: str | None = None
    phone: PhoneNumber | None = None
    control_group: bool = False
    marked_for_deletion_at: datetime | None = None

    @property
    def identified(self) -> bool:
        """Whether it has an external_id."""
        return self.external_id is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupPlan:
    """What becomes of the profiles of a group, or of some of them."""

    #: The address that they share, in the form in which addresses compare.
    address: str
    #: The profile to keep, or why there is none.
    keeper: Duplicate | Undecided
    #: Those to be merged into it, in the order in which the rule prefers them.
    orphans: tuple[Duplicate, ...] = ()
    #: Those that a guard leaves as they are, each with the outcome that its merge would have.
    left: tuple[tuple[Duplicate, Outcome], ...] = ()
    #: Those of an undecided group.
    unmerged: tuple[Duplicate, ...] = ()
    #: Whether the keeper is one of them; of the parts of a large group, one has it.
    has_keeper: bool = False


def preferred(duplicates: Iterable[Duplicate], rule: KeepRule) -> tuple[Duplicate, ...]:
    """Return the one of *duplicates* that *rule* prefers, or two of those that it prefers alike; none of none.

    A large group may be looked at in parts: those that lead among the leading ones of its parts lead in all of it. Of
    a profile that was seen twice the later sight counts.
    """
    once = {duplicate.id: duplicate for duplicate in duplicates}.values()
    best = max((_standing(duplicate, rule) for duplicate in once), default=None)
    return tuple(duplicate for duplicate in once if _standing(duplicate, rule) == best)[:2]


def choose_keeper(leaders: tuple[Duplicate, ...], *, address: str, refused: Collection[str]) -> Duplicate | Undecided:
    """Return which profile of the group that shares *address* is kept, given those that are *leading* in it.

    *refused* are placeholders, trimmed and case-folded.
    """
    if address.strip().casefold() in refused:
        return Undecided.REFUSED
    if len(leaders) != 1:
        return Undecided.TIE
    (keeper,) = leaders
    return keeper if check_protection(keeper) is None else Undecided.PROTECTED


def plan_group(
    duplicates: Iterable[Duplicate], *, keeper: Duplicate | Undecided, address: str, rule: KeepRule
) -> GroupPlan:
    """Return what becomes of *duplicates*, which are a group or a part of one, when *keeper* is kept."""
    once = {duplicate.id: duplicate for duplicate in duplicates}.values()
    ordered = sorted(once, key=lambda duplicate: (_standing(duplicate, rule), -duplicate.id), reverse=True)
    if isinstance(keeper, Undecided):
        return GroupPlan(address=address, keeper=keeper, unmerged=tuple(ordered))
    refusals = [
        (duplicate, check_pair(survivor=keeper, orphan=duplicate)) for duplicate in ordered if duplicate.id != keeper.id
    ]
    return GroupPlan(
        address=address,
        keeper=keeper,
        orphans=tuple(duplicate for duplicate, refusal in refusals if refusal is None),
        has_keeper=keeper.id in {duplicate.id for duplicate in ordered},
        left=tuple((duplicate, refusal[0]) for duplicate, refusal in refusals if refusal is not None),
    )


def _standing(duplicate: Duplicate, rule: KeepRule) -> Standing:
    """Return how *duplicate* stands in its group; the greatest is kept.

    A profile without a session stands behind those with one, whichever end of the times is preferred.
    """
    moment = _moment(duplicate, rule.resolve_ties_by)
    if moment is None:
        return duplicate.identified, False, timedelta()
    age = moment - EPOCH
    return duplicate.identified, True, age if rule.prefer is Prefer.NEWEST else -age


def _moment(duplicate: Duplicate, ties_by: TiesBy) -> datetime | None:
    """Return the time of *duplicate* by which ties are resolved."""
    match ties_by:
        case TiesBy.CREATED:
            return duplicate.created_at
        case TiesBy.UPDATED:
            return duplicate.updated_at
        case TiesBy.LAST_SESSION:
            return duplicate.last_session_at
        case _ as never:
            assert_never(never)
