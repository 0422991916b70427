"""The use case of `/users/delete`: erase people at once; the relay does what takes longer (app.users.erasures)."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from app.audit.log import Actor, AuditEvent, log_events
from app.db.connections import Pool
from app.db.queries import load_queries
from app.db.transaction import Transaction, Wrapper, retry_until_stable, unchanged
from app.errors import ResolutionUnsettled
from app.identities.erasure import erase_names
from app.ledger import erasure
from app.merging.prioritization import Ambiguous, NoCandidate, Resolved
from app.merging.profile import Profile
from app.profiles.locking import lock_profiles
from app.profiles.resolution import Resolution, resolve_identifiers
from app.profiles.targets import find_profiles, target_key
from app.users.departures import find_departures
from app.users.erasures import Remainder, add_erasures, delete_short_history
from app.users.person import LedgerOfPerson, Person, ledger_of_persons, load_persons
from schemas.audit import Action
from schemas.deletion import Deletion
from schemas.departures import Departure, departure_sentence
from schemas.identifiers import BrazeId, Email, ExternalId, Phone, Target, UserAlias

QUERIES = load_queries("app.users", "delete.sql")

#: Time limit of each statement in seconds, above the usual one: a person may have thousands of jobs.
STATEMENT_TIMEOUT_S = 600.0
#: Rows of history that the request itself deletes. The relay deletes longer ones.
SHORT_HISTORY = 20_000
#: Queries that delete rows by the origins of profiles.
ORIGIN_QUERIES = (
    "delete_push_tokens",
    "delete_key_changes",
    "delete_exclusions",
    "delete_redirects",
    "delete_deprecated",
    "delete_former_names",
)

NOT_DELETED = "nothing was deleted"
KINDS: Mapping[type, str] = {
    ExternalId: "external_id",
    UserAlias: "alias",
    BrazeId: "braze_id",
    Email: "email address",
    Phone: "phone number",
}


def delete_profiles(
    pool: Pool, *, workspace_id: int, request: Deletion, asker: Actor, once: Wrapper = unchanged
) -> Mapping[int, str]:
    """Erase the profiles of *request*: rows, history, aliases, redirects, and their data in the ledger.

    A history above SHORT_HISTORY is hidden at once and deleted by the relay, which also adds the certificates to the
    audit. The audit records *asker* and the braze_ids. Identifiers without a profile, or with several after their
    prioritization, are skipped; return the reasons by position among `request.targets`. Raises ResolutionUnsettled when
    profiles kept changing, and DatabaseUnavailable when PostgreSQL does not answer. Nothing was deleted then.
    """
    return retry_until_stable(pool, workspace_id, once(_delete_profiles), request=request, asker=asker)


def _delete_profiles(tx: Transaction, *, request: Deletion, asker: Actor) -> Mapping[int, str]:
    tx.set_statement_timeout(STATEMENT_TIMEOUT_S)
    found = _resolve(tx, request=request)
    profiles = lock_profiles(tx, ids=_ids(found))
    if _ids(_resolve(tx, request=request)) != _ids(found):
        raise ResolutionUnsettled("An identifier moved to another profile before its profile was locked.")
    # The erasure deletes the redirects to the erased profiles.
    skipped = _skipped(tx, request=request, found=found)
    people = _erase(tx, profiles=profiles.values(), asker=asker) if profiles else []
    orphans = _erase_orphans(tx, request=request)
    add_erasures(
        tx,
        actor=asker,
        remainders=[Remainder(braze_id=each, origin_ids=(), jobs=(), counts={"jobs": 1}) for each in orphans],
    )
    erased = [*(profile.braze_id for profile in profiles.values()), *orphans]
    notes = [AuditEvent(braze_id=braze_id) for braze_id in erased]
    log_events(tx, action=Action.DELETE, actor=asker, events=notes)
    erase_names(tx, braze_ids=[*people, *orphans])
    return skipped


def _resolve(tx: Transaction, *, request: Deletion) -> list[Resolution]:
    """Return the resolutions of `request.targets`."""
    named = find_profiles(tx, targets=request.named)
    keys = map(target_key, request.named)
    shared = resolve_identifiers(tx, identifiers=request.shared) if request.shared else []
    return [*(Resolved(named[key].id) if key in named else NoCandidate() for key in keys), *shared]


def _ids(found: Iterable[Resolution]) -> set[int]:
    return {each.id for each in found if isinstance(each, Resolved)}


def _skipped(tx: Transaction, *, request: Deletion, found: Sequence[Resolution]) -> dict[int, str]:
    """Return the reasons for the identifiers of *request* that name no single profile, by position."""
    skipped = {
        position: (target, each)
        for position, (target, each) in enumerate(zip(request.targets, found, strict=True))
        if not isinstance(each, Resolved)
    }
    departures = find_departures(tx, targets=[target for target, _ in skipped.values()]) if skipped else {}
    return {
        position: _why_skipped(target, each, departures.get(target_key(target)))
        for position, (target, each) in skipped.items()
    }


def _why_skipped(target: Target, found: Resolution, departure: Departure | None) -> str:
    if departure is not None:
        return departure_sentence(target, departure, effect="no profile was deleted")
    kind = KINDS[type(target)]
    if isinstance(found, Ambiguous):
        return f"More than one profile has this {kind} after the prioritization, so {NOT_DELETED}."
    if isinstance(found, NoCandidate) and found.filtered_out:
        return f"Profiles have this {kind}, but the prioritization leaves none of them, so {NOT_DELETED}."
    return f"No profile has this {kind}, so {NOT_DELETED}."


def _erase(tx: Transaction, *, profiles: Collection[Profile], asker: Actor) -> list[str]:
    """Erase the locked *profiles*, the history under their origins, and their data in the ledger.

    Return the braze_ids of the profiles, and of those merged into them.
    """
    persons = load_persons(tx, profiles=profiles)
    origins = [origin_id for person in persons for origin_id in person.origin_ids]
    of_profiles = {"ids": [profile.id for profile in profiles]}
    left, counts = _erase_history(tx, persons=persons)
    for query in ORIGIN_QUERIES:
        tx.execute(QUERIES[query], {"origin_ids": origins})
    for query in ("delete_origins", "delete_aliases", "delete_profiles"):
        tx.execute(QUERIES[query], of_profiles)
    tx.execute(QUERIES["delete_planned"], {"origin_ids": origins})
    ledger = _erase_from_ledger(tx, persons=persons)
    remainders = [
        Remainder(
            braze_id=person.profile.braze_id,
            origin_ids=left[person.profile.id],
            jobs=ledger[person.profile.id].unfinished,
            counts={
                **counts[person.profile.id],
                "jobs": len(ledger[person.profile.id].job_ids),
                "profiles": len(person.origin_ids),
            },
        )
        for person in persons
    ]
    add_erasures(tx, actor=asker, remainders=remainders)
    return [braze_id for person in persons for braze_id in person.braze_ids]


def _erase_history(
    tx: Transaction, *, persons: Sequence[Person]
) -> tuple[Mapping[int, Sequence[int]], Mapping[int, Mapping[str, int]]]:
    """Delete short histories; return the origins whose history is left, and the deleted rows, by profile."""
    left: dict[int, Sequence[int]] = {}
    counts: dict[int, Mapping[str, int]] = {}
    rows_left = SHORT_HISTORY
    for person in persons:
        deleted = delete_short_history(tx, origin_ids=person.origin_ids, limit=rows_left)
        rows_left -= sum(deleted.values()) if deleted else 0
        counts[person.profile.id] = deleted or {}
        left[person.profile.id] = person.origin_ids if deleted is None else ()
    return left, counts


def _erase_orphans(tx: Transaction, *, request: Deletion) -> list[str]:
    """Erase the snapshots of merged-away profiles that *request* names, so that no undo can restore them.

    Return the braze_ids of the orphans that had a snapshot. The survivor keeps the values that it got. Raises
    ResolutionUnsettled when an undo restored an orphan since *request* was resolved: it is a live profile to erase now.
    """
    braze_ids = [name.value for name in request.named if isinstance(name, BrazeId)]
    external_ids = [name.value for name in request.named if isinstance(name, ExternalId)]
    named = {"braze_ids": braze_ids, "external_ids": external_ids}
    merges = tx.execute(QUERIES["merges_of_orphans"], named).fetchall()
    if merges:
        # This waits for a running undo of these merges.
        erasure.blank_jobs(tx, job_ids=[row["job_id"] for row in merges])
        erasure.erase_audit_names(tx, braze_ids=[row["braze_id"] for row in merges])
    # Also without merges: an undo that ended before they were listed left none to list.
    if find_profiles(tx, targets=request.named):
        raise ResolutionUnsettled("A merge was undone before its orphan could be erased.")
    return [row["braze_id"] for row in merges if row["known"]]


def _erase_from_ledger(tx: Transaction, *, persons: Collection[Person]) -> Mapping[int, LedgerOfPerson]:
    """Blank the ended jobs about *persons*, whose profiles are deleted; return the jobs, by the id of the profile.

    Also blank the audits of other profiles that had values of *persons* for a while.
    """
    ledger = ledger_of_persons(tx, persons=persons)
    jobs = {job_id for each in ledger.values() for job_id in each.job_ids}
    saw = erasure.jobs_with_snapshots_of(tx, profile_ids=[each for person in persons for each in person.origin_ids])
    erasure.blank_jobs(tx, job_ids=jobs, audits_of=saw - jobs)
    erasure.erase_audit_names(tx, braze_ids=[each for person in persons for each in person.braze_ids])
    return ledger
