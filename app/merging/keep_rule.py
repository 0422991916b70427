"""Choose the profile of a group of duplicates to keep. Pure; preview and run use the same code."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import assert_never

from app.merging.merge import check_pair, check_protection
from app.merging.profile import PhoneNumber
from schemas.keeping import KeepRule, Left, Prefer, TiesBy, Undecided
from schemas.outcomes import Outcome

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Sort key of a profile in its group: identified or not, with or without a time, and the time.
SortKey = tuple[bool, bool, timedelta]
#: Pairs of ids of profiles that are not a match.
ExcludedPairs = frozenset[frozenset[int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicate:
    """A profile that shares its address with others, as far as the choice and its reports read it."""

    id: int
    braze_id: str
    external_id: str | None
    created_at: datetime
    updated_at: datetime
    last_session_at: datetime | None = None
    email: str | None = None
    email_encrypted: bool = False
    phone: PhoneNumber | None = None
    control_group: bool = False
    marked_for_deletion_at: datetime | None = None

    @property
    def identified(self) -> bool:
        """Whether the profile has an external_id."""
        return self.external_id is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupPlan:
    """The plan for the profiles of a group, or for a part of a large group."""

    #: The comparison key of the shared address.
    address: str
    #: The profile to keep, or the reason why there is none.
    keeper: Duplicate | Undecided
    #: The profiles to merge into the keeper, in the order of the rule.
    orphans: tuple[Duplicate, ...] = ()
    #: The profiles that are not merged, each with the outcome that its merge would have, or `excluded`.
    left: tuple[tuple[Duplicate, Outcome | Left], ...] = ()
    #: The profiles of an undecided group.
    unmerged: tuple[Duplicate, ...] = ()
    #: Whether this part of the group has the keeper.
    has_keeper: bool = False


def preferred(duplicates: Iterable[Duplicate], rule: KeepRule) -> tuple[Duplicate, ...]:
    """Return the one of *duplicates* that *rule* prefers, or two of them on a tie, or none if there are none.

    The preferred ones of a large group are the preferred ones among those of its parts. Of two readings of one
    profile, the later counts.
    """
    once = {duplicate.id: duplicate for duplicate in duplicates}.values()
    best = max((_sort_key(duplicate, rule) for duplicate in once), default=None)
    return tuple(duplicate for duplicate in once if _sort_key(duplicate, rule) == best)[:2]


def choose_keeper(leaders: tuple[Duplicate, ...], *, refused: bool) -> Duplicate | Undecided:
    """Return the profile to keep in a group, from its *leaders*, the result of `preferred`.

    *refused* says that the address is a placeholder.
    """
    if refused:
        return Undecided.REFUSED
    if len(leaders) != 1:
        return Undecided.TIE
    (keeper,) = leaders
    return keeper if check_protection(keeper) is None else Undecided.PROTECTED


def list_excluded(
    duplicates: Iterable[Duplicate], *, keeper: Duplicate, rule: KeepRule, pairs: ExcludedPairs
) -> frozenset[int]:
    """Return the ids of those of *duplicates* that one of *pairs* keeps from being merged into *keeper*.

    In the order of *rule*, each profile is left out that is excluded with the keeper or with one merged before it. Only
    the profiles of *pairs* matter, so the parts of a large group have the same result.
    """
    partners: defaultdict[int, set[int]] = defaultdict(set)
    for one, other in pairs:
        partners[one].add(other)
        partners[other].add(one)
    merged: set[int] = {keeper.id}
    excluded: set[int] = set()
    for each in _ordered((each for each in duplicates if each.id in partners), rule):
        if each.id == keeper.id or check_pair(survivor=keeper, orphan=each) is not None:
            continue
        (merged if partners[each.id].isdisjoint(merged) else excluded).add(each.id)
    return frozenset(excluded)


def plan_group(
    duplicates: Iterable[Duplicate],
    *,
    keeper: Duplicate | Undecided,
    address: str,
    rule: KeepRule,
    excluded: Collection[int] = (),
) -> GroupPlan:
    """Return the plan for *duplicates*, a group or a part of one, when *keeper* is kept.

    *excluded* are the ids of profiles to leave out, from `list_excluded`.
    """
    ordered = _ordered(duplicates, rule)
    if isinstance(keeper, Undecided):
        return GroupPlan(address=address, keeper=keeper, unmerged=tuple(ordered))
    others = [duplicate for duplicate in ordered if duplicate.id != keeper.id]
    reasons = [(duplicate, _why_left(duplicate, keeper=keeper, excluded=excluded)) for duplicate in others]
    return GroupPlan(
        address=address,
        keeper=keeper,
        orphans=tuple(duplicate for duplicate, reason in reasons if reason is None),
        has_keeper=len(others) < len(ordered),
        left=tuple((duplicate, reason) for duplicate, reason in reasons if reason is not None),
    )


def _why_left(duplicate: Duplicate, *, keeper: Duplicate, excluded: Collection[int]) -> Outcome | Left | None:
    """Return why *duplicate* is not merged into *keeper*, or None if it is."""
    refusal = check_pair(survivor=keeper, orphan=duplicate)
    if refusal is not None:
        return refusal[0]
    return Left.EXCLUDED if duplicate.id in excluded else None


def _ordered(duplicates: Iterable[Duplicate], rule: KeepRule) -> list[Duplicate]:
    """Return *duplicates*, once each, in the order of *rule*."""
    once = {duplicate.id: duplicate for duplicate in duplicates}.values()
    return sorted(once, key=lambda duplicate: (_sort_key(duplicate, rule), -duplicate.id), reverse=True)


def _sort_key(duplicate: Duplicate, rule: KeepRule) -> SortKey:
    """Return the sort key of *duplicate*; the profile with the greatest is kept.

    A profile without a session sorts behind profiles with one, whichever end of the times is preferred.
    """
    moment = _moment(duplicate, rule.resolve_ties_by)
    if moment is None:
        return duplicate.identified, False, timedelta()
    age = moment - EPOCH
    return duplicate.identified, True, age if rule.prefer is Prefer.NEWEST else -age


def _moment(duplicate: Duplicate, ties_by: TiesBy) -> datetime | None:
    match ties_by:
        case TiesBy.CREATED:
            return duplicate.created_at
        case TiesBy.UPDATED:
            return duplicate.updated_at
        case TiesBy.LAST_SESSION:
            return duplicate.last_session_at
        case _ as never:
            assert_never(never)
