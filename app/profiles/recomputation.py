"""Recomputes the stored comparison keys of addresses after the rules of comparison have changed.

Keys are computed in Python, so a migration cannot do it. The relay recomputes a batch at a time beside running
processes. Processes of an older version still write keys of the former rules, so a last pass over all profiles starts
when no such process is connected, and starts again if one appears meanwhile. Each batch commits with its progress, so
the work continues after an interruption.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from app.db.citus.work import WorkKind, find_workspaces_with
from app.db.connections import Connection
from app.db.queries import load_queries
from app.db.transaction import Deferred, Transaction
from app.merging.profile import Profile
from app.profiles.locking import lock_profiles
from schemas.addresses import COMPARISON, email_key, to_e164

QUERIES = load_queries("app.profiles", "recomputation.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyChange:
    """A key of a profile that the recomputation changed; a phone number may have none."""

    profile_id: int
    #: "email" or "phone".
    kind: str
    former: str | None
    current: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedGroups:
    """Groups of profiles whose keys became different, or equal."""

    #: All groups.
    count: int
    #: The braze_ids of the first groups.
    examples: list[list[str]]


def workspaces_to_recompute(connection: Connection) -> list[int]:
    """List the workspaces with an unfinished recomputation."""
    return find_workspaces_with(connection, WorkKind.RECOMPUTATION, QUERIES["workspaces_to_recompute"])


def recompute_batch(tx: Transaction, *, limit: int) -> int:
    """Recompute the keys of the next *limit* profiles; return how many profiles were read.

    Returns 0 while the last pass waits for processes of an older version to end, or another relay does the work.
    """
    progress = tx.execute(QUERIES["lock_recomputation"]).fetchone()
    if progress is None:
        return 0
    cursor, is_last_pass = progress["cursor"], progress["is_last_pass"]
    older = _older_processes_run(tx)
    if is_last_pass and older:
        _save_progress(tx, cursor=0, is_last_pass=False)
        return 0
    rows = tx.execute(QUERIES["read_addresses"], {"cursor": cursor, "limit": limit}).fetchall()
    if rows:
        _recompute(tx, ids=[row["id"] for row in rows if _is_stale(row)])
        _save_progress(tx, cursor=rows[-1]["id"], is_last_pass=is_last_pass)
    elif is_last_pass:
        tx.execute(QUERIES["finish_recomputation"])
    elif not older:
        _save_progress(tx, cursor=0, is_last_pass=True)
        return 1
    return len(rows)


def is_recomputed(tx: Transaction) -> bool:
    """Return whether all stored keys of the workspace follow the current rules."""
    row = tx.execute(QUERIES["read_recomputation"]).fetchone()
    return row is None or row["finished_at"] is not None


def separated_groups(tx: Transaction, *, examples: int) -> ChangedGroups:
    """Return the groups of profiles that shared an address before the recomputation and no longer do."""
    return _groups(tx, "separated_groups", examples)


def joined_groups(tx: Transaction, *, examples: int) -> ChangedGroups:
    """Return the groups of profiles that share an address since the recomputation."""
    return _groups(tx, "joined_groups", examples)


def prune_key_changes(tx: Transaction, *, age: timedelta, limit: int) -> Deferred[int]:
    """Delete up to *limit* changes of keys made more than *age* ago; return their number."""
    parameters = {"age": age, "limit": limit}
    return tx.defer(QUERIES["prune_key_changes"], parameters, read=lambda cursor: cursor.rowcount)


def _groups(tx: Transaction, query: str, examples: int) -> ChangedGroups:
    rows = tx.execute(QUERIES[query], {"limit": examples}).fetchall()
    return ChangedGroups(count=rows[0]["groups"] if rows else 0, examples=[row["braze_ids"] for row in rows])


def _older_processes_run(tx: Transaction) -> bool:
    (row,) = tx.execute(QUERIES["older_processes"], {"comparison": COMPARISON}).fetchall()
    return bool(row["connections"])


def _is_stale(row: dict[str, str | None]) -> bool:
    email, phone = row["email"], row["phone"]
    return row["email_key"] != (None if email is None else email_key(email)) or row["phone_e164"] != (
        None if phone is None else to_e164(phone)
    )


def _recompute(tx: Transaction, *, ids: list[int]) -> None:
    """Lock the profiles *ids* and write their keys; a profile may have got another address since it was read."""
    profiles = lock_profiles(tx, ids=ids)
    changes = [change for profile in profiles.values() for change in _changes(profile)]
    if not changes:
        return
    changed = [profiles[profile_id] for profile_id in {change.profile_id for change in changes}]
    keys = {
        "ids": [profile.id for profile in changed],
        "email_keys": [profile.email and email_key(profile.email.address) for profile in changed],
        "phones": [profile.phone and to_e164(profile.phone.number) for profile in changed],
    }
    tx.execute(QUERIES["write_keys"], keys)
    recorded = {
        "ids": [change.profile_id for change in changes],
        "kinds": [change.kind for change in changes],
        "former": [change.former for change in changes],
        "current": [change.current for change in changes],
    }
    tx.execute(QUERIES["record_key_changes"], recorded)


def _changes(profile: Profile) -> Iterable[KeyChange]:
    """Yield the changes of the keys of *profile*. The former key of a phone number was its text if it had no E.164."""
    if profile.email and profile.email.key != (current := email_key(profile.email.address)):
        yield KeyChange(profile_id=profile.id, kind="email", former=profile.email.key, current=current)
    if profile.phone and profile.phone.e164 != (e164 := to_e164(profile.phone.number)):
        former = profile.phone.e164 or profile.phone.number.strip(" ")
        yield KeyChange(profile_id=profile.id, kind="phone", former=former, current=e164)


def _save_progress(tx: Transaction, *, cursor: int, is_last_pass: bool) -> None:
    tx.execute(QUERIES["save_recomputation"], {"cursor": cursor, "is_last_pass": is_last_pass})
