"""The walk over a workspace's duplicates, step by step along the index of its addresses.

Preview and run take the same steps. Each reads a bounded number of profiles, however many there are and however many
share one address, and says where the next one goes on.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.duplicates.cursor import LargeGroup, Place, Position
from app.merging.keeping import Duplicate, Fate, choose, fate, leading
from app.profiles.store import phone_from_row
from schemas.keeping import KeepRule, SharedAddress, Undecided

QUERIES = load_queries("app.duplicates", "scan.sql")

#: Entries of the index that a step reads at most. Addresses that nobody shares cost no more than this.
ENTRIES = 20_000
#: Profiles that a step reads whole; a group of more takes several steps.
MEMBERS = 1_000
SHARED = {SharedAddress.EMAIL: "shared_emails", SharedAddress.PHONE: "shared_phones"}
MEMBERS_BY = {SharedAddress.EMAIL: "members_by_email", SharedAddress.PHONE: "members_by_phone"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """What duplicates are looked for: whose, by which rule, and which addresses are placeholders."""

    rule: KeepRule
    #: Trimmed and case-folded.
    refused: Collection[str]
    entries: int = ENTRIES
    members: int = MEMBERS


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one step found, and where the next goes on: nowhere, when *position* is None."""

    fates: Sequence[Fate]
    position: Position | None
    #: Profiles with an address that were passed.
    examined: int = 0
    #: Groups that were told to their end.
    groups: int = 0


def step(tx: Transaction, walk: Walk, position: Position) -> Step:
    """Return what the next step from *position* finds, as things stand in the caller's transaction."""
    if position.group is None:
        return _step_over_addresses(tx, walk, position)
    if not position.group.chosen:
        return _look_at_page(tx, walk, position.group)
    return _tell_page(tx, walk, position.group)


def _step_over_addresses(tx: Transaction, walk: Walk, position: Position) -> Step:
    """Pass addresses until enough of them were read, or enough profiles share some."""
    parameters = {"after": position.address, "entries": walk.entries}
    rows = tx.execute(QUERIES[SHARED[walk.rule.identifier]], parameters).fetchall()
    if not rows:
        return Step(fates=(), position=None)
    total = rows[-1]["total"]
    at_end = total < walk.entries
    if not at_end and rows[-1]["members"] == 1:
        # Others may share it behind the end of what was read.
        rows.pop()
    taken = _within(walk.members, rows)
    reached = taken[-1]
    passed = Step(
        fates=(),
        position=None if at_end and reached is rows[-1] else Position(address=reached["address"]),
        examined=reached["entries"],
    )
    return _tell_groups(tx, walk, passed, {row["address"]: row for row in taken if row["members"] > 1})


def _within(members: int, rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the first of *rows*, at least one, as many as have no more than so many *members* together."""
    taken: list[Mapping[str, Any]] = []
    for row in rows:
        members -= row["members"]
        if taken and members < 0:
            break
        taken.append(row)
    return taken


def _tell_groups(tx: Transaction, walk: Walk, passed: Step, shared: Mapping[str, Mapping[str, Any]]) -> Step:
    """Return the step *passed* with the fates of the groups that it found *shared*; it ends before a large one."""
    fates: list[Fate] = []
    for address, group in _groups(tx, walk, list(shared)):
        if len(group) > walk.members:
            large = Position(address=address, group=LargeGroup(address=address))
            before = shared[address]["entries"] - shared[address]["members"]
            return replace(passed, fates=fates, groups=len(fates), position=large, examined=before)
        if len(group) > 1:
            keeper = choose(leading(group, walk.rule), address=address, refused=walk.refused)
            fates.append(fate(group, keeper=keeper, address=address, rule=walk.rule))
    return replace(passed, fates=fates, groups=len(fates))


def _look_at_page(tx: Transaction, walk: Walk, group: LargeGroup) -> Step:
    """Look at the next profiles of a large *group*; after the last ones it is known which is kept."""
    page = _page(tx, walk, group)
    leaders = leading([*_leaders(tx, walk, group), *page], walk.rule)
    if len(page) == walk.members:
        ids = tuple(leader.id for leader in leaders)
        return _at(replace(group, leaders=ids, after=Place.of(page[-1])))
    keeper = choose(leaders, address=group.address, refused=walk.refused)
    if isinstance(keeper, Undecided):
        return _at(LargeGroup(address=group.address, chosen=True, undecided=keeper))
    return _at(LargeGroup(address=group.address, chosen=True, leaders=(keeper.id,)))


def _tell_page(tx: Transaction, walk: Walk, group: LargeGroup) -> Step:
    """Tell the fates of the next profiles of a large *group* whose keeper is known."""
    done = Position(address=group.address)
    keeper = group.undecided or next(iter(_leaders(tx, walk, group)), None)
    if keeper is None:
        # It is gone since. Those that are left are for the next walk.
        return Step(fates=(), position=done, groups=1)
    page = _page(tx, walk, group)
    told = fate(page, keeper=keeper, address=group.address, rule=walk.rule)
    if len(page) == walk.members:
        following = _at(replace(group, after=Place.of(page[-1])))
        return replace(following, fates=(told,), examined=len(page))
    return Step(fates=(told,), position=done, examined=len(page), groups=1)


def _at(group: LargeGroup) -> Step:
    """Return a step that goes on in *group*."""
    return Step(fates=(), position=Position(address=group.address, group=group))


def _groups(tx: Transaction, walk: Walk, addresses: Sequence[str]) -> list[tuple[str, list[Duplicate]]]:
    """Return the profiles of each of *addresses*, one more than a step reads of those that more share."""
    rows = _members(tx, walk, addresses, Place(), limit=walk.members + 1)
    by_address = groupby(rows, key=lambda row: row["address"])
    return [(str(address), [_duplicate(row) for row in members]) for address, members in by_address]


def _page(tx: Transaction, walk: Walk, group: LargeGroup) -> list[Duplicate]:
    """Return the next profiles of *group*."""
    return [_duplicate(row) for row in _members(tx, walk, [group.address], group.after, limit=walk.members)]


def _members(
    tx: Transaction, walk: Walk, addresses: Sequence[str], after: Place, *, limit: int
) -> list[dict[str, Any]]:
    """Return the rows of up to *limit* profiles of each of *addresses* behind the place *after*."""
    if not addresses:
        return []
    parameters = {
        "addresses": list(addresses),
        "identified": after.identified,
        "updated_at": after.updated_at,
        "id": after.id,
        "limit": limit,
    }
    return tx.execute(QUERIES[MEMBERS_BY[walk.rule.identifier]], parameters).fetchall()


def _leaders(tx: Transaction, walk: Walk, group: LargeGroup) -> list[Duplicate]:
    """Return those that lead in *group* as they are now."""
    if not group.leaders:
        return []
    parameters = {"ids": list(group.leaders), "address": group.address}
    return [_duplicate(row) for row in tx.execute(QUERIES["leaders"], parameters).fetchall()]


def _duplicate(row: Mapping[str, Any]) -> Duplicate:
    """Return the profile that *row* says."""
    own = {name: row[name] for name in Duplicate.__slots__ if name != "phone"}
    return Duplicate(**own, phone=phone_from_row(row))
