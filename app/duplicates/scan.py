"""The scan over a workspace's duplicates, in steps along the index of its addresses.

Preview and run take the same steps. Each step reads a bounded number of profiles, however many share one address, and
returns the cursor of the next.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from app.db.connections import Pool
from app.db.queries import load_queries
from app.db.transaction import Transaction, open_transaction
from app.duplicates.cursor import IndexPosition, LargeGroup, ScanCursor
from app.merging.keep_rule import (
    Duplicate,
    ExcludedPairs,
    GroupPlan,
    choose_keeper,
    list_excluded,
    plan_group,
    preferred,
)
from app.profiles.exclusions import find_excluded_pairs, find_excluded_pairs_of_address
from app.profiles.store import phone_from_row
from schemas.addresses import email_fault, to_e164
from schemas.identifiers import Email, Phone
from schemas.keeping import KeepRule, SharedAddress, Undecided
from schemas.placeholders import is_placeholder

QUERIES = load_queries("app.duplicates", "scan.sql")

#: The most index entries that a step reads. Addresses that no other profile shares cost nothing else.
ENTRIES = 20_000
#: The most profiles that a step reads completely; a larger group takes several steps.
MEMBERS = 1_000
SHARED = {SharedAddress.EMAIL: "shared_emails", SharedAddress.PHONE: "shared_phones"}
MEMBERS_BY = {SharedAddress.EMAIL: "members_by_email", SharedAddress.PHONE: "members_by_phone"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """The parameters of a scan: its rule, the placeholder addresses, and the size of its steps."""

    rule: KeepRule
    #: The placeholders.
    refused: Collection[str]
    entries: int = ENTRIES
    members: int = MEMBERS


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanStep:
    """The result of one step; *cursor* is None after the last one."""

    plans: Sequence[GroupPlan]
    cursor: ScanCursor | None
    #: Profiles with an address that were read.
    examined: int = 0
    #: Completed groups.
    groups: int = 0


def read_step(tx: Transaction, scan: Scan, cursor: ScanCursor, find_standby: Callable[[], Pool | None]) -> ScanStep:
    """Take the next step from *cursor* in the pool of a standby that *find_standby* returns; if it is None, in *tx*."""
    standby = find_standby()
    with nullcontext(tx) if standby is None else open_transaction(standby, tx.workspace_id) as reading:
        return next_step(reading, scan, cursor)


def no_standby() -> None:
    """Return None: without a standby, a step is read from the primary."""


def next_step(tx: Transaction, scan: Scan, cursor: ScanCursor) -> ScanStep:
    """Take the next step from *cursor*."""
    if cursor.group is None:
        return _scan_addresses(tx, scan, cursor)
    if not cursor.group.chosen:
        return _choose_keeper(tx, scan, cursor.group)
    return _plan_page(tx, scan, cursor.group)


def _scan_addresses(tx: Transaction, scan: Scan, cursor: ScanCursor) -> ScanStep:
    """Read addresses until a bound of the step is reached."""
    parameters = {"after": cursor.address, "entries": scan.entries}
    rows = tx.execute(QUERIES[SHARED[scan.rule.identifier]], parameters).fetchall()
    if not rows:
        return ScanStep(plans=(), cursor=None)
    total = rows[-1]["total"]
    at_end = total < scan.entries
    if not at_end and rows[-1]["members"] == 1:
        # Entries after the last one read may share this address.
        rows.pop()
    taken = _within(scan.members, rows)
    reached = taken[-1]
    passed = ScanStep(
        plans=(),
        cursor=None if at_end and reached is rows[-1] else ScanCursor(address=reached["address"]),
        examined=reached["entries"],
    )
    shared = {row["address"]: row for row in taken if row["members"] > 1 and _identifies(scan, row["address"])}
    return _plan_groups(tx, scan, passed, shared)


def _identifies(scan: Scan, address: str) -> bool:
    """Return whether *address* identifies its profiles: the index also has phone numbers without E.164 form."""
    return scan.rule.identifier is not SharedAddress.PHONE or to_e164(address) == address


def _within(members: int, rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the first of *rows* whose members sum to at most *members*, and at least one row."""
    taken: list[Mapping[str, Any]] = []
    for row in rows:
        members -= row["members"]
        if taken and members < 0:
            break
        taken.append(row)
    return taken


def _plan_groups(tx: Transaction, scan: Scan, passed: ScanStep, shared: Mapping[str, Mapping[str, Any]]) -> ScanStep:
    """Return *passed* with plans for the groups of the *shared* addresses; it ends before a large group."""
    plans: list[GroupPlan] = []
    groups = _groups(tx, scan, list(shared))
    ids = [each.id for _, group in groups if len(group) <= scan.members for each in group]
    pairs = find_excluded_pairs(tx, ids=ids)
    for address, group in groups:
        if len(group) > scan.members:
            large = ScanCursor(address=address, group=LargeGroup(address=address))
            before = shared[address]["entries"] - shared[address]["members"]
            return replace(passed, plans=plans, groups=len(plans), cursor=large, examined=before)
        if len(group) > 1:
            keeper = _keeper(scan, preferred(group, scan.rule), address=address)
            excluded = _excluded(scan, group, keeper=keeper, pairs=pairs)
            plans.append(plan_group(group, keeper=keeper, address=address, rule=scan.rule, excluded=excluded))
    return replace(passed, plans=plans, groups=len(plans))


def _keeper(scan: Scan, leaders: tuple[Duplicate, ...], *, address: str) -> Duplicate | Undecided:
    """Return the profile to keep of the group with *address*, from its *leaders*.

    A merge by an address that no request may send is refused, unless encryption hides the address.
    """
    is_email = scan.rule.identifier is SharedAddress.EMAIL
    hidden = any(leader.email_encrypted for leader in leaders)
    refused = is_placeholder(Email(address) if is_email else Phone(address), scan.refused)
    if is_email and not hidden and email_fault(address) is not None:
        return Undecided.REFUSED
    return choose_keeper(leaders, refused=refused)


def _choose_keeper(tx: Transaction, scan: Scan, group: LargeGroup) -> ScanStep:
    """First pass over a large *group*: read a page and keep the best candidates; the last page chooses one."""
    page = _page(tx, scan, group)
    leaders = preferred([*_leaders(tx, group), *page], scan.rule)
    if len(page) == scan.members:
        ids = tuple(leader.id for leader in leaders)
        return _continue_in(replace(group, leaders=ids, after=IndexPosition.of(page[-1])))
    keeper = _keeper(scan, leaders, address=group.address)
    if isinstance(keeper, Undecided):
        return _continue_in(LargeGroup(address=group.address, chosen=True, undecided=keeper))
    return _continue_in(LargeGroup(address=group.address, chosen=True, leaders=(keeper.id,)))


def _plan_page(tx: Transaction, scan: Scan, group: LargeGroup) -> ScanStep:
    """Second pass over a large *group*: plan the merges of a page."""
    done = ScanCursor(address=group.address)
    keeper = group.undecided or next(iter(_leaders(tx, group)), None)
    if keeper is None:
        # The profile to keep has been deleted or merged. The next scan finds the rest of the group.
        return ScanStep(plans=(), cursor=done, groups=1)
    page = _page(tx, scan, group)
    pairs = find_excluded_pairs_of_address(tx, address=group.address)
    # The other pages may have some of these profiles. Each page reads all of them, and so finds the same result.
    members = _by_id(tx, group.address, {profile_id for pair in pairs for profile_id in pair})
    excluded = _excluded(scan, members, keeper=keeper, pairs=pairs)
    plan = plan_group(page, keeper=keeper, address=group.address, rule=scan.rule, excluded=excluded)
    if len(page) == scan.members:
        following = _continue_in(replace(group, after=IndexPosition.of(page[-1])))
        return replace(following, plans=(plan,), examined=len(page))
    return ScanStep(plans=(plan,), cursor=done, examined=len(page), groups=1)


def _excluded(
    scan: Scan, members: Sequence[Duplicate], *, keeper: Duplicate | Undecided, pairs: ExcludedPairs
) -> frozenset[int]:
    """Return the ids of *members* that *pairs* keep from being merged."""
    if not pairs or isinstance(keeper, Undecided):
        return frozenset()
    own = {each.id for each in members}
    among = frozenset(pair for pair in pairs if pair <= own)
    return list_excluded(members, keeper=keeper, rule=scan.rule, pairs=among) if among else frozenset()


def _continue_in(group: LargeGroup) -> ScanStep:
    """Return an empty step that continues in *group*."""
    return ScanStep(plans=(), cursor=ScanCursor(address=group.address, group=group))


def _groups(tx: Transaction, scan: Scan, addresses: Sequence[str]) -> list[tuple[str, list[Duplicate]]]:
    """Return the profiles of each of *addresses*; of a large group, one more than a step reads."""
    rows = _members(tx, scan, addresses, IndexPosition(), limit=scan.members + 1)
    by_address = groupby(rows, key=lambda row: row["address"])
    return [(str(address), [_duplicate(row) for row in members]) for address, members in by_address]


def _page(tx: Transaction, scan: Scan, group: LargeGroup) -> list[Duplicate]:
    return [_duplicate(row) for row in _members(tx, scan, [group.address], group.after, limit=scan.members)]


def _members(
    tx: Transaction, scan: Scan, addresses: Sequence[str], after: IndexPosition, *, limit: int
) -> list[dict[str, Any]]:
    """Return up to *limit* profiles of each of *addresses*, after an index position."""
    if not addresses:
        return []
    parameters = {
        "addresses": list(addresses),
        "identified": after.identified,
        "updated_at": after.updated_at,
        "id": after.id,
        "limit": limit,
    }
    return tx.execute(QUERIES[MEMBERS_BY[scan.rule.identifier]], parameters).fetchall()


def _leaders(tx: Transaction, group: LargeGroup) -> list[Duplicate]:
    """Return the current rows of the candidates of *group*."""
    return _by_id(tx, group.address, group.leaders)


def _by_id(tx: Transaction, address: str, ids: Collection[int]) -> list[Duplicate]:
    """Return the current rows of those profiles of *ids* that have *address*."""
    if not ids:
        return []
    parameters = {"ids": list(ids), "address": address}
    return [_duplicate(row) for row in tx.execute(QUERIES["read_best_members"], parameters).fetchall()]


def _duplicate(row: Mapping[str, Any]) -> Duplicate:
    own = {name: row[name] for name in Duplicate.__slots__ if name != "phone"}
    return Duplicate(**own, phone=phone_from_row(row))
