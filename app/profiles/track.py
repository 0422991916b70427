"""The use case of `/users/track`: all that one request asks for, in one transaction."""

from collections import defaultdict
from collections.abc import Sequence

from app.db import Connection, Pool
from app.errors import ResolutionUnsettled
from app.profiles import targets
from app.profiles.creation import create
from app.profiles.history import record
from app.profiles.locking import lock
from app.profiles.store import save
from app.profiles.targets import Found, Seating
from app.profiles.tracking import not_in_future, track
from app.profiles.transaction import the_time, until_settled
from schemas.identifiers import Email, Phone
from schemas.track import Entry


def apply(pool: Pool, *, workspace_id: int, entries: Sequence[Entry]) -> None:
    """Bring *entries* to effect, in order and whole, in the workspace; profiles are made as they ask for it.

    Every profile written has the same update time. Raises ResolutionUnsettled when the profiles kept changing, and
    DatabaseUnavailable when PostgreSQL does not answer; nothing was changed then.
    """
    until_settled(pool, lambda connection: _transact(connection, workspace_id=workspace_id, entries=entries))


def _transact(connection: Connection, *, workspace_id: int, entries: Sequence[Entry]) -> None:
    """Seat, create, lock, apply, save and record within the caller's transaction."""
    seating = _seat(connection, workspace_id=workspace_id, entries=entries)
    made = create(connection, workspace_id=workspace_id, new=seating.new)
    ids = [seat.id if isinstance(seat, Found) else made[seat] for _, seat in seating.seated]
    profiles = lock(connection, workspace_id=workspace_id, ids=ids)
    if len(profiles) < len(set(ids)):
        raise ResolutionUnsettled("A profile was merged away between look and lock.")
    now = the_time(connection)
    happened = [(each, not_in_future(entry, now=now)) for each, (entry, _) in zip(ids, seating.seated, strict=True)]
    entries_of: defaultdict[int, list[Entry]] = defaultdict(list)
    for profile_id, entry in happened:
        entries_of[profile_id].append(entry)
    save(connection, [track(profiles[each], of_profile, at=now) for each, of_profile in entries_of.items()])
    record(connection, workspace_id=workspace_id, happened=happened)


def _seat(connection: Connection, *, workspace_id: int, entries: Sequence[Entry]) -> Seating[Entry]:
    """Return which profile each of *entries* means.

    No unique index guards addresses, so where a profile would be made for one, other requests that would do the same
    are kept waiting, and what those before us made is looked for again.
    """
    asked = {entry.target for entry in entries}
    found = targets.find(connection, workspace_id=workspace_id, targets=asked)
    unknown = [each for each in asked if isinstance(each, Email | Phone) and targets.key_of(each) not in found]
    if unknown:
        targets.claim_addresses(connection, workspace_id=workspace_id, targets=unknown)
        found |= targets.find(connection, workspace_id=workspace_id, targets=unknown)
    return targets.seat(entries, found)
