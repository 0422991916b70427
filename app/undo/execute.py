"""Execute one undo: find its target, reverse the merge, restore the orphan and record the result."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from app.config import Settings
from app.db.transaction import Transaction
from app.ledger import execution as ledger
from app.ledger.erasure import blank_jobs
from app.ledger.execution import ClaimedJob, JobResult
from app.ledger.profile_ref import ProfileRef
from app.merging.changes import list_changes
from app.merging.profile import Profile, describe_profile
from app.profiles.push_tokens import find_reporters
from app.profiles.store import save_profiles
from app.undo.consent import take_opt_outs
from app.undo.history_lookup import lookup_history
from app.undo.record import RecordedUndo, record_undo
from app.undo.restore import Restoration, restore_orphan
from app.undo.reversal import RecordedMerge, history_queries, reverse_merge
from app.undo.target import UndoRefusal, UndoTarget, find_undo_target, list_origins
from schemas.identifiers import UserAlias
from schemas.outcomes import Outcome

MERGE_UNDONE = "Profile {braze_id} is back as it was before the merge, without its share in {survivor}."
UNDONE_IN_PART = (
    "Profile {braze_id} is back, but {count} of its identifiers belong to others by now or were removed since."
)
OPT_OUTS_TAKEN = " It has the opt-outs that its email address or phone number gave since."
IDENTIFY_UNDONE = "{Profile} has no external_id again."


def execute_undo(tx: Transaction, settings: Settings, *, job: ClaimedJob) -> JobResult:
    """Execute the undo *job* and return its recorded result. The transaction must have locked the row of *job*."""
    target = find_undo_target(tx, settings, undo=job)
    if isinstance(target, UndoRefusal):
        return _record_refusal(tx, target, job=job)
    if target.merge is None:
        return _undo_identify(tx, target, job=job)
    return _undo_merge(tx, target, target.merge, job=job)


def _record_refusal(tx: Transaction, refusal: UndoRefusal, *, job: ClaimedJob) -> JobResult:
    undone = refusal.job
    result = JobResult(
        job_id=job.id,
        outcome=Outcome.NOT_UNDOABLE,
        reason=refusal.reason,
        orphan=undone.orphan,
        survivor=undone.survivor,
    )
    ledger.record_results(tx, results=[result])
    if undone.blanked:
        # The undo names the same profiles as the erased job.
        blank_jobs(tx, job_ids=[job.id])
    return result


def _undo_identify(tx: Transaction, target: UndoTarget, *, job: ClaimedJob) -> JobResult:
    """Remove the external_id that the profile got."""
    profile, identified = target.survivor, target.job
    before = identified.updated_before if profile.updated_at == identified.at else None
    left = dataclasses.replace(profile, external_id=None, updated_at=before or profile.updated_at)
    save_profiles(tx, [left])
    changed = list_changes(before=profile, after=left, orphan=profile)
    reason = IDENTIFY_UNDONE.format(Profile=describe_profile(profile).capitalize())
    return _record_success(tx, target, job=job, reason=reason, changed=changed)


def _undo_merge(tx: Transaction, target: UndoTarget, merge: RecordedMerge, *, job: ClaimedJob) -> JobResult:
    """Remove from the survivor the values that the merge gave it, and restore the orphan."""
    survivor = target.survivor
    orphan = take_opt_outs(merge.orphan, survivor=survivor, merged=merge.merged, groups=merge.groups)
    orphan, left = _divide_push_tokens(tx, target, orphan=orphan, left=_survivor_without(tx, target, merge))
    # Save before the orphan is restored: an external_id that the survivor took over is free then.
    save_profiles(tx, [left])
    restoration = Restoration(
        orphan=orphan,
        survivor_id=survivor.id,
        returned=[
            UserAlias(label=label, name=name)
            for label, name in survivor.user_aliases.items()
            if label not in left.user_aliases
        ],
        origins=target.job.origins,
        deprecated_external_ids=target.job.deprecated_external_ids,
    )
    missing = restore_orphan(tx, restoration)
    reason = (
        UNDONE_IN_PART.format(braze_id=orphan.braze_id, count=len(missing))
        if missing
        else MERGE_UNDONE.format(braze_id=orphan.braze_id, survivor=describe_profile(survivor))
    )
    if orphan is not merge.orphan:
        reason += OPT_OUTS_TAKEN
    changed = list_changes(before=survivor, after=left, orphan=orphan)
    return _record_success(tx, target, job=job, reason=reason, changed=changed, missing=missing)


def _divide_push_tokens(
    tx: Transaction, target: UndoTarget, *, orphan: Profile, left: Profile
) -> tuple[Profile, Profile]:
    """Return *orphan* without the push tokens that another profile reported since, and *left* with its own of them."""
    survivor, brought = target.survivor, set(target.job.origins)
    reporters = find_reporters(tx, keys=orphan.push_tokens.keys())
    elsewhere = {key: origin_id for key, origin_id in reporters.items() if origin_id not in brought}
    if not elsewhere:
        return orphan, left
    own = set(list_origins(tx, survivor)) - brought
    taken = {key for key, origin_id in elsewhere.items() if origin_id in own or key not in survivor.push_tokens}
    returned = {key: value for key, value in orphan.push_tokens.items() if key not in taken}
    kept = {key: value for key, value in survivor.push_tokens.items() if key in taken or key in left.push_tokens}
    return dataclasses.replace(orphan, push_tokens=returned), dataclasses.replace(left, push_tokens=kept)


def _survivor_without(tx: Transaction, target: UndoTarget, merge: RecordedMerge) -> Profile:
    """Return the survivor without the values of *merge*; look up only the history that decides a value."""
    survivor = target.survivor
    orphan_origins = set(target.job.origins)
    answers = lookup_history(
        tx,
        origins=[origin for origin in list_origins(tx, survivor) if origin not in orphan_origins],
        profile=survivor,
        queries=history_queries(survivor, merge),
    )
    return reverse_merge(survivor, merge, look_up=answers.get)


def _record_success(
    tx: Transaction,
    target: UndoTarget,
    *,
    job: ClaimedJob,
    reason: str,
    changed: Sequence[Mapping[str, Any]],
    missing: Sequence[Mapping[str, Any]] = (),
) -> JobResult:
    """Record the result of *job*; *missing* are the `not_restored` entries of the orphan's identifiers."""
    survivor = target.survivor
    result = JobResult(
        job_id=job.id,
        outcome=Outcome.UNDONE_IN_PART if missing else Outcome.UNDONE,
        reason=reason,
        orphan=target.job.orphan,
        survivor=ProfileRef(id=survivor.id, braze_id=survivor.braze_id, external_id=survivor.external_id),
    )
    ledger.record_results(tx, results=[result])
    undo = RecordedUndo(undo_id=job.id, job=target.job, at=tx.now(), changes=changed, not_restored=list(missing))
    record_undo(tx, undo)
    return result
