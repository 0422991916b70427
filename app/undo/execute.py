"""The undo of one job: looked at, decided, saved and recorded in one transaction."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from app.config import Settings
from app.db.transaction import Transaction
from app.lane.decide import named
from app.ledger import execution as ledger
from app.ledger.erasure import blank
from app.ledger.execution import Finished, Party, Work
from app.merging.changes import changes
from app.merging.profile import Profile
from app.merging.rules import IDENTIFY_RULES
from app.profiles.store import save_profiles
from app.undo.history_lookup import recollect
from app.undo.record import Undone, note_undone
from app.undo.restore import Restoration, restore
from app.undo.reversal import Absorption, questions, take_back
from app.undo.target import Found, Refusal, look, origins_of
from schemas.identifiers import UserAlias
from schemas.outcomes import Outcome

TOOK_BACK = "Profile {braze_id} is back as it was before the merge, without its share in {survivor}."
IN_PART = "Profile {braze_id} is back, but {count} of its identifiers belong to others by now or were removed since."
TAKEN_OFF = "{Profile} has no external_id again."


def undo(tx: Transaction, settings: Settings, *, job: Work) -> Finished:
    """Undo what *job* names and record how it ended, in the caller's transaction, which holds the job's row."""
    found = look(tx, settings, undo=job)
    if isinstance(found, Refusal):
        return _refuse(tx, found, job=job)
    if found.absorption is None:
        return _take_off(tx, found, job=job)
    return _take_back(tx, found, found.absorption, job=job)


def _refuse(tx: Transaction, refusal: Refusal, *, job: Work) -> Finished:
    """Record that *job* cannot be undone, and forget whom it was about where that was to be forgotten."""
    undone = refusal.job
    finished = Finished(
        job_id=job.id,
        outcome=Outcome.NOT_UNDOABLE,
        reason=refusal.reason,
        orphan=undone.orphan,
        survivor=undone.survivor,
    )
    ledger.finish(tx, finished=[finished])
    if undone.blanked:
        blank(tx, job_ids=[job.id])
    return finished


def _take_off(tx: Transaction, found: Found, *, job: Work) -> Finished:
    """Take the external_id off again that a profile got."""
    profile, identified = found.survivor, found.job
    before = identified.updated_before if profile.updated_at == identified.at else None
    left = dataclasses.replace(profile, external_id=None, updated_at=before or profile.updated_at)
    save_profiles(tx, [left])
    changed = changes(before=profile, after=left, orphan=profile, rules=IDENTIFY_RULES)
    reason = TAKEN_OFF.format(Profile=named(profile).capitalize())
    return _finish(tx, found, job=job, reason=reason, changed=changed)


def _take_back(tx: Transaction, found: Found, absorption: Absorption, *, job: Work) -> Finished:
    """Take from the survivor what the merge gave it, and let the orphan live again."""
    survivor, orphan = found.survivor, absorption.orphan
    left = _left(tx, found, absorption)
    # Only now is an external_id that the survivor took over free for the orphan.
    save_profiles(tx, [left])
    restoration = Restoration(
        orphan=orphan,
        survivor_id=survivor.id,
        returned=[
            UserAlias(label=label, name=name)
            for label, name in survivor.user_aliases.items()
            if label not in left.user_aliases
        ],
        origins=found.job.origins,
        deprecated_external_ids=found.job.deprecated_external_ids,
    )
    missing = restore(tx, restoration)
    reason = (
        IN_PART.format(braze_id=orphan.braze_id, count=len(missing))
        if missing
        else TOOK_BACK.format(braze_id=orphan.braze_id, survivor=named(survivor))
    )
    changed = changes(before=survivor, after=left, orphan=orphan, rules=absorption.rules)
    return _finish(tx, found, job=job, reason=reason, changed=changed, missing=missing)


def _left(tx: Transaction, found: Found, absorption: Absorption) -> Profile:
    """Return the survivor without what *absorption* gave it; what stays of its history is asked where it must be."""
    survivor = found.survivor
    gone = set(found.job.origins)
    answers = recollect(
        tx,
        origins=[origin for origin in origins_of(tx, survivor) if origin not in gone],
        profile=survivor,
        questions=questions(survivor, absorption),
    )
    return take_back(survivor, absorption, recall=answers.get)


def _finish(
    tx: Transaction,
    found: Found,
    *,
    job: Work,
    reason: str,
    changed: Sequence[Mapping[str, Any]],
    missing: Sequence[Mapping[str, Any]] = (),
) -> Finished:
    """Record that *job* had its effect, and what of the orphan is *missing*."""
    survivor = found.survivor
    finished = Finished(
        job_id=job.id,
        outcome=Outcome.UNDONE_IN_PART if missing else Outcome.UNDONE,
        reason=reason,
        orphan=found.job.orphan,
        survivor=Party(id=survivor.id, braze_id=survivor.braze_id, external_id=survivor.external_id),
    )
    ledger.finish(tx, finished=[finished])
    undone = Undone(undo_id=job.id, job=found.job, at=tx.now(), changes=changed, not_restored=list(missing))
    note_undone(tx, undone)
    return finished
