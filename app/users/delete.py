"""The use case of `/users/delete`: people erased, with all that is kept of them, in one transaction."""

from collections.abc import Collection, Iterable

from app.audit.log import Asker, Note, note
from app.db.connections import Pool
from app.db.queries import load_queries
from app.db.transaction import Transaction, retry_until_stable
from app.errors import ResolutionUnsettled
from app.ledger import erasure
from app.merging.prioritization import Denoted
from app.merging.profile import Profile
from app.profiles import targets
from app.profiles.locking import lock
from app.profiles.resolution import resolve
from schemas.audit import Action
from schemas.deletion import Deletion
from schemas.identifiers import BrazeId, Email, ExternalId, Identifier, Phone, UserAlias

QUERIES = load_queries("app.users", "delete.sql")

#: Milliseconds for each statement of a deletion, instead of the usual limit: a history may have millions of rows.
PATIENCE_MS = 600_000
#: What is deleted by the origins under which it was recorded.
HISTORY = ("delete_events", "delete_purchases", "delete_sessions", "delete_engagements")


def delete_profiles(pool: Pool, *, workspace_id: int, request: Deletion, asker: Asker) -> None:
    """Erase everyone whom *request* means: profile, history, aliases, redirects to it, and its data in the ledger.

    The audit keeps that *asker* had it done, and the braze_ids.

    Identifiers that mean nobody, or more than one profile after their prioritization, delete nobody. Raises
    ResolutionUnsettled when profiles kept changing, and DatabaseUnavailable when PostgreSQL does not answer; nothing
    was deleted then.
    """
    retry_until_stable(pool, workspace_id, _transact, request=request, asker=asker)


def _transact(tx: Transaction, *, request: Deletion, asker: Asker) -> None:
    """Look up, lock, look again and erase within the caller's transaction."""
    ids = _meant(tx, request=request)
    profiles = lock(tx, ids=ids)
    if _meant(tx, request=request) != ids:
        raise ResolutionUnsettled("An identifier came to mean another profile between look and lock.")
    if profiles:
        _erase(tx, profiles=profiles.values())
    forgotten = _forget_orphans(tx, request=request)
    gone = [*(profile.braze_id for profile in profiles.values()), *forgotten]
    notes = [Note(braze_id=braze_id) for braze_id in gone]
    note(tx, action=Action.DELETE, asker=asker, notes=notes)


def _meant(tx: Transaction, *, request: Deletion) -> set[int]:
    """Return the ids of the profiles that *request* means at this moment."""
    named = targets.find(tx, targets=request.named)
    shared = resolve(tx, identifiers=request.shared) if request.shared else []
    return {found.id for found in named.values()} | {each.id for each in shared if isinstance(each, Denoted)}


def _erase(tx: Transaction, *, profiles: Collection[Profile]) -> None:
    """Erase the locked *profiles*, everything recorded under their origins, and what the ledger says of them."""
    ids = [profile.id for profile in profiles]
    of_profiles = {"ids": ids}
    tx.execute(QUERIES["be_patient"], {"milliseconds": str(PATIENCE_MS)})
    origins = [*ids, *(row["origin_id"] for row in tx.execute(QUERIES["delete_origins"], of_profiles))]
    of_origins = {"origin_ids": origins}
    for query in HISTORY:
        tx.execute(QUERIES[query], of_origins)
    redirects = tx.execute(QUERIES["delete_redirects"], of_origins).fetchall()
    deprecated = tx.execute(QUERIES["delete_deprecated"], of_origins).fetchall()
    tx.execute(QUERIES["delete_aliases"], of_profiles)
    tx.execute(QUERIES["delete_profiles"], of_profiles)
    others = [row["external_id"] for row in (*redirects, *deprecated) if row["external_id"] is not None]
    _erase_from_ledger(
        tx,
        profile_ids=origins,
        braze_ids=[*(profile.braze_id for profile in profiles), *(row["braze_id"] for row in redirects)],
        names={*map(ExternalId, others), *(name for profile in profiles for name in _names(profile))},
    )


def _forget_orphans(tx: Transaction, *, request: Deletion) -> list[str]:
    """Forget what the orphans were that *request* names, so that no undo brings somebody back who is asked to be gone.

    Return the braze_ids of those of whom something was known.

    An orphan answers to nobody, and what a survivor got stays with it. Raises ResolutionUnsettled when one was brought
    back at this moment, and so is a profile to be erased.
    """
    braze_ids = [name.value for name in request.named if isinstance(name, BrazeId)]
    external_ids = [name.value for name in request.named if isinstance(name, ExternalId)]
    named = {"braze_ids": braze_ids, "external_ids": external_ids}
    merges = tx.execute(QUERIES["merges_of_orphans"], named).fetchall()
    if merges:
        # This waits for an undo of these that has begun.
        erasure.blank(tx, job_ids=[row["job_id"] for row in merges])
        erasure.erase_names(tx, braze_ids=[row["braze_id"] for row in merges])
        if _meant(tx, request=request):
            raise ResolutionUnsettled("A merge was undone while its orphan was to be forgotten.")
    return [row["braze_id"] for row in merges if row["known"]]


def _erase_from_ledger(
    tx: Transaction,
    *,
    profile_ids: Collection[int],
    braze_ids: Collection[str],
    names: Collection[Identifier],
) -> None:
    """Blank the jobs in which profiles of *braze_ids* took part, and those that found nobody by the person's *names*.

    The names that the profiles had before their merges count too. One that means somebody else by now does not: what
    was asked about it may have been asked about them. What audits show of others, who had a share of *profile_ids* for
    a while, goes as well.
    """
    jobs = erasure.jobs_of(tx, braze_ids=braze_ids)
    earlier = erasure.names_in_audit(tx, job_ids=jobs)
    mine = {targets.key_of(name): name for name in (*names, *earlier)}
    taken = targets.find(tx, targets=mine.values())
    jobs |= erasure.jobs_naming(tx, keys=mine.keys() - taken.keys())
    saw = erasure.jobs_that_saw(tx, profile_ids=profile_ids)
    erasure.blank(tx, job_ids=jobs, audits_of=saw - jobs)
    erasure.erase_names(tx, braze_ids=braze_ids)


def _names(profile: Profile) -> Iterable[Identifier]:
    """Yield all identifiers that *profile* answers to."""
    if profile.external_id is not None:
        yield ExternalId(profile.external_id)
    for label, name in profile.user_aliases.items():
        yield UserAlias(label=label, name=name)
    if profile.email is not None:
        yield Email(profile.email.address)
    if profile.phone is not None:
        yield Phone(profile.phone.number)
