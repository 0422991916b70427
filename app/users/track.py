"""The use case of `/users/track`: apply all entries of one request in one transaction."""

import dataclasses
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from app.config import Settings
from app.db.connections import Pool
from app.db.transaction import Transaction, retry_until_stable
from app.errors import ResolutionUnsettled
from app.merging.profile import Profile
from app.profiles.creation import create_profiles
from app.profiles.history import record_history
from app.profiles.locking import lock_profiles
from app.profiles.push_tokens import TokenOwners, check_former_holders, report_push_tokens
from app.profiles.store import save_profiles
from app.profiles.targets import ExistingProfile, claim_addresses, find_profiles, target_key
from app.users.assignment import Assignment, assign_entries
from app.users.revenue import EntryRefused, convert_price
from app.users.track_apply import apply_entries, clamp_to_now, device_ids, push_token_keys
from schemas.history import Purchase
from schemas.identifiers import DeviceId, Email, Phone, Target
from schemas.track import Entry


@dataclass(kw_only=True)
class TrackResult:
    """The entries of a request that had no effect or only a part of it, by position in the request."""

    #: Position of an entry without effect → the reason.
    refused: dict[int, str] = field(default_factory=dict)
    #: Position of an entry, and the reason why a part of it had no effect.
    ignored: list[tuple[int, str]] = field(default_factory=list)
    #: Positions of entries without effect: they have no profile and may not create one.
    without_profile: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class PositionedEntry:
    """An entry and its position in the request."""

    position: int
    entry: Entry

    @property
    def target(self) -> Target:
        """The identifier of its profile."""
        return self.entry.target

    @property
    def may_create(self) -> bool:
        """Whether the profile is created when there is none."""
        return self.entry.may_create

    @property
    def standard(self) -> Mapping[str, Any]:
        """The standard attributes that it sets. Later entries can name the profile by the addresses among them."""
        standard: Mapping[str, Any] = getattr(self.entry, "standard", {})
        return standard

    @property
    def devices(self) -> Sequence[str]:
        """The ids of the devices that it adds. Later entries can name an unidentified profile by them."""
        return device_ids(self.entry)

    @property
    def push_tokens(self) -> Sequence[str]:
        """The keys of the push tokens that it reports. Its profile owns them afterwards."""
        return push_token_keys(self.entry)


def track_entries(pool: Pool, *, workspace_id: int, entries: Sequence[Entry], settings: Settings) -> TrackResult:
    """Apply *entries* in order; create profiles where entries allow it.

    All changed profiles get the same update time. Raises ResolutionUnsettled when the profiles kept changing, and
    DatabaseUnavailable when PostgreSQL does not answer. Nothing was changed then.
    """
    return retry_until_stable(pool, workspace_id, _track_entries, entries=entries, settings=settings)


def _track_entries(tx: Transaction, *, entries: Sequence[Entry], settings: Settings) -> TrackResult:
    result = TrackResult()
    assignment = _assign(tx, entries=_convert_prices(entries, dict(settings.currency_rates), result))
    result.without_profile = [each.position for each in assignment.without_profile]
    created = create_profiles(tx, new=assignment.new)
    ids = [each.id if isinstance(each, ExistingProfile) else created[each] for _, each in assignment.pairs]
    tokens = report_push_tokens(tx, owners=_token_owners(ids, [each for each, _ in assignment.pairs]))
    profiles = lock_profiles(tx, ids={*ids, *tokens.former_holders})
    if not profiles.keys() >= set(ids):
        raise ResolutionUnsettled("A profile was merged away before it was locked.")
    check_former_holders(tx, tokens)
    now = tx.now()
    assigned = [
        (profile_id, dataclasses.replace(each, entry=clamp_to_now(each.entry, now=now)))
        for profile_id, (each, _) in zip(ids, assignment.pairs, strict=True)
    ]
    changed = _apply_to_profiles(profiles, assigned, result, at=now, array_cap=settings.array_cap)
    save_profiles(tx, _without_lost_tokens(profiles, changed, tokens))
    applied = [(profile_id, each.entry) for profile_id, each in assigned if each.position not in result.refused]
    record_history(tx, entries=applied)
    return result


def _token_owners(ids: Sequence[int], entries: Sequence[PositionedEntry]) -> dict[str, int]:
    """Return the profile that reports each push token last; *ids* are the profiles of *entries*."""
    return {key: profile_id for profile_id, each in zip(ids, entries, strict=True) for key in each.push_tokens}


def _without_lost_tokens(
    locked: Mapping[int, Profile], changed: Sequence[Profile], tokens: TokenOwners
) -> list[Profile]:
    """Return *changed*, and former holders of *tokens*, without the tokens that another profile reported last.

    A profile that only loses a token keeps its `updated_at`.
    """
    if not tokens.owners:
        return list(changed)
    left = {each.id: each for each in changed}
    for each in [
        *changed,
        *(locked[other] for other in tokens.former_holders if other in locked and other not in left),
    ]:
        kept = {key: value for key, value in each.push_tokens.items() if tokens.owners.get(key, each.id) == each.id}
        if len(kept) < len(each.push_tokens):
            left[each.id] = dataclasses.replace(each, push_tokens=kept)
    return list(left.values())


def _convert_prices(
    entries: Sequence[Entry], rates: Mapping[str, Decimal], result: TrackResult
) -> list[PositionedEntry]:
    """Return *entries* with prices in the currency of the sums; add the refused ones to *result*."""
    converted: list[PositionedEntry] = []
    for position, entry in enumerate(entries):
        try:
            priced = convert_price(entry, rates) if isinstance(entry, Purchase) else entry
            converted.append(PositionedEntry(position, priced))
        except EntryRefused as reason:
            result.refused[position] = str(reason)
    return converted


def _assign(tx: Transaction, *, entries: Sequence[PositionedEntry]) -> Assignment[PositionedEntry]:
    """Assign *entries* to profiles.

    No unique index guards addresses and devices. So before this creates a profile for one, it claims it, which waits
    for other requests that claimed it, and searches again for the profile that they may have created.
    """
    targets = {each.target for each in entries}
    found = find_profiles(tx, targets=targets)
    unknown = [each for each in targets if isinstance(each, Email | Phone | DeviceId) and target_key(each) not in found]
    if unknown:
        claim_addresses(tx, targets=unknown)
        found |= find_profiles(tx, targets=unknown)
    return assign_entries(entries, found)


def _apply_to_profiles(
    profiles: Mapping[int, Profile],
    assigned: Sequence[tuple[int, PositionedEntry]],
    result: TrackResult,
    *,
    at: datetime,
    array_cap: int,
) -> list[Profile]:
    """Return the changed profiles; add refused entries and ignored parts to *result*."""
    entries_of: defaultdict[int, list[PositionedEntry]] = defaultdict(list)
    for profile_id, each in assigned:
        entries_of[profile_id].append(each)
    changed: list[Profile] = []
    for profile_id, positioned in entries_of.items():
        entries = [each.entry for each in positioned]
        applied = apply_entries(profiles[profile_id], entries, at=at, array_cap=array_cap)
        result.refused |= {positioned[index].position: reason for index, reason in applied.refused.items()}
        result.ignored += [(positioned[index].position, reason) for index, reason in applied.ignored]
        if len(applied.refused) < len(entries):
            changed.append(applied.profile)
    return changed
