"""The use case of `/users/track`: apply all entries of one request in one transaction."""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from app.audit.log import Actor, log_events
from app.config import Settings
from app.db.connections import Pool
from app.db.transaction import Transaction, Wrapper, retry_until_stable, unchanged
from app.errors import ResolutionUnsettled
from app.merging.profile import Profile
from app.profiles.creation import create_profiles
from app.profiles.former_names import lost_addresses, record_former_names
from app.profiles.history import record_history
from app.profiles.locking import lock_profiles_deferred
from app.profiles.push_tokens import TokenOwners, check_former_holders, report_push_tokens
from app.profiles.sharing import CONSENT, Sharer, find_sharers_deferred, load_sharers_deferred, save_consent
from app.profiles.store import save_profiles
from app.profiles.targets import ExistingProfile, claim_addresses, find_profiles, target_key
from app.users.assignment import Assignment, assign_entries
from app.users.consent import ConsentRules, SharedConsent, addresses_of
from app.users.departures import find_departures
from app.users.draft import Draft
from app.users.revenue import EntryRefused, convert_price
from app.users.shared_addresses import (
    consent_events,
    depends_on_addresses,
    has_addresses,
    new_addresses,
    shared_addresses,
)
from app.users.track_apply import apply_assigned, clamp_to_now, device_ids, push_token_keys
from schemas.audit import Action
from schemas.departures import Departure
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
    #: Position of an entry without effect, which has no profile and may not create one → what happened to its profile.
    without_profile: dict[int, Departure | None] = field(default_factory=dict)


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


def track_entries(
    pool: Pool,
    *,
    workspace_id: int,
    entries: Sequence[Entry],
    settings: Settings,
    asker: Actor,
    once: Wrapper = unchanged,
) -> TrackResult:
    """Apply *entries* in order; create profiles where entries allow it.

    All changed profiles get the same update time. The states of consent that they set reach the other profiles with
    the same address, whose update times stay; the audit records this for *asker*. Raises ResolutionUnsettled when the
    profiles kept changing, and DatabaseUnavailable when PostgreSQL does not answer. Nothing was changed then.
    """
    return retry_until_stable(pool, workspace_id, once(_track_entries), entries=entries, settings=settings, asker=asker)


def _track_entries(tx: Transaction, *, entries: Sequence[Entry], settings: Settings, asker: Actor) -> TrackResult:
    result = TrackResult()
    assignment = _assign(tx, entries=_convert_prices(entries, dict(settings.currency_rates), result))
    if assignment.without_profile:
        departures = find_departures(tx, targets=[each.target for each in assignment.without_profile])
        result.without_profile = {
            each.position: departures.get(target_key(each.target)) for each in assignment.without_profile
        }
    created = create_profiles(tx, new=assignment.new)
    ids = [each.id if isinstance(each, ExistingProfile) else created[each] for _, each in assignment.pairs]
    tokens = report_push_tokens(tx, owners=_token_owners(ids, [each for each, _ in assignment.pairs]))
    rules = ConsentRules.from_settings(settings)
    locked = _lock(tx, assignment=assignment, ids=ids, others=tokens.former_holders, rules=rules)
    check_former_holders(tx, tokens)
    now = tx.now()
    assigned = [
        (profile_id, dataclasses.replace(each, entry=clamp_to_now(each.entry, now=now)))
        for profile_id, (each, _) in zip(ids, assignment.pairs, strict=True)
    ]
    drafts = {profile_id: Draft(profile) for profile_id, profile in locked.profiles.items()}
    others = [Draft(sharer) for sharer in locked.sharers]
    consent = SharedConsent.of(rules, [*drafts.values(), *others])
    applied = apply_assigned(
        [(drafts[profile_id], each.entry) for profile_id, each in assigned],
        at=now,
        array_cap=settings.array_cap,
        consent=consent,
    )
    result.refused |= {assigned[index][1].position: reason for index, reason in applied.refused.items()}
    result.ignored += [(assigned[index][1].position, reason) for index, reason in applied.ignored]
    _remove_lost_tokens(drafts, tokens)
    effective = [each for index, each in enumerate(assigned) if index not in applied.refused]
    _save(tx, drafts=drafts, updated={profile_id for profile_id, _ in effective}, others=others, at=now)
    log_events(tx, action=Action.CONSENT, actor=asker, events=consent_events(consent.reached))
    record_history(tx, entries=[(profile_id, each.entry) for profile_id, each in effective])
    return result


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedProfiles:
    """The profiles of a request by id, and others with their addresses."""

    profiles: Mapping[int, Profile]
    sharers: Collection[Sharer]


def _token_owners(ids: Sequence[int], entries: Sequence[PositionedEntry]) -> dict[str, int]:
    """Return the profile that reports each push token last; *ids* are the profiles of *entries*."""
    return {key: profile_id for profile_id, each in zip(ids, entries, strict=True) for key in each.push_tokens}


def _remove_lost_tokens(drafts: Mapping[int, Draft], tokens: TokenOwners) -> None:
    """Remove from *drafts*, former holders of *tokens* among them, the tokens that another profile reported last."""
    if not tokens.owners:
        return
    for profile_id, draft in drafts.items():
        held = draft["push_tokens"]
        kept = {key: value for key, value in held.items() if tokens.owners.get(key, profile_id) == profile_id}
        if len(kept) < len(held):
            draft["push_tokens"] = kept


def _lock(
    tx: Transaction,
    *,
    assignment: Assignment[PositionedEntry],
    ids: Sequence[int],
    others: Collection[int],
    rules: ConsentRules,
) -> LockedProfiles:
    """Lock the profiles *ids* of *assignment*, the *others*, and those with their addresses if consent is shared.

    Raises ResolutionUnsettled when a profile vanished or got another address before it was locked, or when another
    profile got one of these addresses.
    """
    addresses = {address for address in shared_addresses(assignment.pairs) if rules.is_shared(address)}
    found = find_sharers_deferred(tx, addresses=addresses, besides=[*ids, *others]).result()
    locked = lock_profiles_deferred(tx, ids=[*ids, *others], also=found.all_ids)
    sharers = load_sharers_deferred(tx, ids=found.all_ids)
    found_again = find_sharers_deferred(tx, addresses=addresses, besides=[*ids, *others])
    profiles = locked.result()
    found_sharers = sharers.result().values()
    if not profiles.keys() >= set(ids):
        raise ResolutionUnsettled("A profile was merged away before it was locked.")
    moved = any(
        depends_on_addresses(entry) and not has_addresses(each, addresses_of(Draft(profiles[profile_id])))
        for profile_id, (entry, each) in zip(ids, assignment.pairs, strict=True)
    )
    if moved or not found.includes(found_again.result()):
        raise ResolutionUnsettled("An address moved to another profile before its profiles were locked.")
    return LockedProfiles(profiles=profiles, sharers=found_sharers)


def _save(
    tx: Transaction,
    *,
    drafts: Mapping[int, Draft],
    updated: Collection[int],
    others: Sequence[Draft],
    at: datetime,
) -> None:
    """Write the changed *drafts*, those of *updated* with the update time *at*, and the consent of *others*."""
    changed = [
        draft.finish(at if profile_id in updated else None)
        for profile_id, draft in drafts.items()
        if profile_id in updated or draft.is_changed
    ]
    save_profiles(tx, changed)
    lost = (lost_addresses(drafts[each.id].before, each) for each in changed)
    record_former_names(tx, names=set().union(*lost))
    save_consent(tx, rows=[{name: draft[name] for name in ("id", *CONSENT)} for draft in others if draft.is_changed])


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
    for other requests that claimed it, and searches again for the profile that they may have created. It also claims
    the addresses that profiles get, so that of two requests that give an address the later one sees the earlier.
    """
    targets = {each.target for each in entries}
    found = find_profiles(tx, targets=targets)
    unknown = [each for each in targets if isinstance(each, Email | Phone | DeviceId) and target_key(each) not in found]
    if claimed := [*unknown, *new_addresses(entries, found)]:
        # All in one statement, which sorts them: two could deadlock.
        claim_addresses(tx, targets=claimed)
    if unknown:
        found |= find_profiles(tx, targets=unknown)
    return assign_entries(entries, found)
