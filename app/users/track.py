"""The use case of `/users/track`: all that one request asks for, in one transaction."""

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
from app.profiles import targets
from app.profiles.creation import create
from app.profiles.history import record
from app.profiles.locking import lock
from app.profiles.store import save
from app.profiles.targets import Found, Seating
from app.users.revenue import Refused, converted
from app.users.track_apply import not_in_future, track
from schemas.history import Purchase
from schemas.identifiers import Email, Phone, Target
from schemas.track import Entry


@dataclass(kw_only=True)
class Effects:
    """What is to be told of a request's entries, by their position in it."""

    #: Why entries had no effect.
    refused: dict[int, str] = field(default_factory=dict)
    #: Position of an entry, and why a part of it had none.
    ignored: list[tuple[int, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Placed:
    """An entry, and its position in the request."""

    position: int
    entry: Entry

    @property
    def target(self) -> Target:
        """Whom it means."""
        return self.entry.target

    @property
    def may_create(self) -> bool:
        """Whether the profile is made when there is none."""
        return self.entry.may_create

    @property
    def standard(self) -> Mapping[str, Any]:
        """The standard attributes that it sets; among them addresses, by which later entries may find the profile."""
        standard: Mapping[str, Any] = getattr(self.entry, "standard", {})
        return standard


def apply(pool: Pool, *, workspace_id: int, entries: Sequence[Entry], settings: Settings) -> Effects:
    """Bring *entries* to effect, in order, in the workspace; profiles are made as they ask for it.

    Every profile written has the same update time. Raises ResolutionUnsettled when the profiles kept changing, and
    DatabaseUnavailable when PostgreSQL does not answer; nothing was changed then.
    """
    placed, refused = _priced(entries, dict(settings.currency_rates))

    def transact(tx: Transaction) -> Effects:
        effects = Effects(refused=dict(refused))
        _transact(tx, effects, placed=placed, array_cap=settings.array_cap)
        return effects

    return retry_until_stable(pool, workspace_id, transact)


def _priced(entries: Sequence[Entry], rates: Mapping[str, Decimal]) -> tuple[list[Placed], dict[int, str]]:
    """Return *entries* with purchases in the currency of sums, and by position why some cannot be."""
    placed: list[Placed] = []
    refused: dict[int, str] = {}
    for position, entry in enumerate(entries):
        try:
            placed.append(Placed(position, converted(entry, rates) if isinstance(entry, Purchase) else entry))
        except Refused as reason:
            refused[position] = str(reason)
    return placed, refused


def _transact(tx: Transaction, effects: Effects, *, placed: Sequence[Placed], array_cap: int) -> None:
    """Seat, create, lock, apply, save and record within the caller's transaction; note in *effects* what to tell."""
    seating = _seat(tx, placed=placed)
    made = create(tx, new=seating.new)
    ids = [seat.id if isinstance(seat, Found) else made[seat] for _, seat in seating.seated]
    profiles = lock(tx, ids=ids)
    if len(profiles) < len(set(ids)):
        raise ResolutionUnsettled("A profile was merged away between look and lock.")
    now = tx.now()
    happened = [
        (profile_id, dataclasses.replace(each, entry=not_in_future(each.entry, now=now)))
        for profile_id, (each, _) in zip(ids, seating.seated, strict=True)
    ]
    save(tx, _track_all(profiles, happened, effects, at=now, array_cap=array_cap))
    lasting = [(profile_id, each.entry) for profile_id, each in happened if each.position not in effects.refused]
    record(tx, happened=lasting)


def _track_all(
    profiles: Mapping[int, Profile],
    happened: Sequence[tuple[int, Placed]],
    effects: Effects,
    *,
    at: datetime,
    array_cap: int,
) -> list[Profile]:
    """Return those of *profiles* that changed by what *happened* to them; note in *effects* what to tell."""
    placed_of: defaultdict[int, list[Placed]] = defaultdict(list)
    for profile_id, each in happened:
        placed_of[profile_id].append(each)
    changed: list[Profile] = []
    for profile_id, placed in placed_of.items():
        tracked = track(profiles[profile_id], [each.entry for each in placed], at=at, array_cap=array_cap)
        effects.refused |= {placed[index].position: reason for index, reason in tracked.refused.items()}
        effects.ignored += [(placed[index].position, reason) for index, reason in tracked.ignored]
        if len(tracked.refused) < len(placed):
            changed.append(tracked.profile)
    return changed


def _seat(tx: Transaction, *, placed: Sequence[Placed]) -> Seating[Placed]:
    """Return which profile each of *placed* means.

    No unique index guards addresses, so where a profile would be made for one, other requests that would do the same
    are kept waiting, and what those before us made is looked for again.
    """
    asked = {each.target for each in placed}
    found = targets.find(tx, targets=asked)
    unknown = [each for each in asked if isinstance(each, Email | Phone) and targets.key_of(each) not in found]
    if unknown:
        targets.claim_addresses(tx, targets=unknown)
        found |= targets.find(tx, targets=unknown)
    return targets.seat(placed, found)
