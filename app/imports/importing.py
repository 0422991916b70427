"""The use case of an import of whole profiles, in a transaction of the caller."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from app.audit.log import Actor
from app.db.transaction import Transaction
from app.imports.applying import fill_members, fill_names, new_profile, replace_members, set_addresses
from app.imports.creation import insert_profiles
from app.imports.existing import change_existing
from app.imports.plan import Manner, Plan
from app.imports.resolution import Resolution, Subject, identifiers_of, resolve_lines
from app.imports.sharing import find_sharing
from app.imports.tokens import leave_held_tokens, report_tokens
from app.merging.profile import Profile
from app.profiles.creation import new_braze_id
from app.profiles.targets import claim_all_addresses
from app.users.consent import ConsentRules
from app.users.draft import Draft
from schemas.identifiers import Email, Phone, Target
from schemas.placeholders import PLACEHOLDER, is_placeholder
from schemas.profile_imports import ImportedProfile, ImportResult, LineRefused, OnConflict

#: The most lines of one call.
MAX_LINES = 2_000
#: The path of an import in the audit.
PATH = "/profiles/import"
#: The result of a line whose profile exists.
RESULTS = {
    OnConflict.SKIP: ImportResult.SKIPPED,
    OnConflict.FILL: ImportResult.FILLED,
    OnConflict.REPLACE: ImportResult.REPLACED,
}
NOTHING_TO_FILL = "The profile has a value for every member of the line."


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOutcome:
    """What happened to one line."""

    result: ImportResult
    #: The braze_id of its profile; None if it was refused.
    braze_id: str | None
    #: Why it was refused or skipped, or which parts of it had no effect. No sentence quotes a value.
    reasons: tuple[str, ...] = ()


@dataclass
class _Outcomes:
    """The outcomes of the lines as far as they are known, by position."""

    results: dict[int, ImportResult] = field(default_factory=dict)
    reasons: dict[int, list[str]] = field(default_factory=dict)

    def settle(self, position: int, result: ImportResult, *reasons: str) -> None:
        self.results[position] = result
        self.remark(position, *reasons)

    def remark(self, position: int, *reasons: str) -> None:
        if reasons:
            self.reasons.setdefault(position, []).extend(reasons)


def import_profiles(
    tx: Transaction,
    lines: Sequence[ImportedProfile | LineRefused],
    *,
    on_conflict: OnConflict,
    now: datetime,
    rules: ConsentRules | None = None,
    asker: Actor | None = None,
) -> list[ImportOutcome]:
    """Import up to MAX_LINES *lines*, in order; return an outcome for each of them.

    Changes nothing outside of *tx*, so a caller that rolls back has made a trial. *rules* are those of the settings:
    placeholders, and how consent follows addresses. The audit records for *asker* the consent that other profiles get.
    Raises ResolutionUnsettled when profiles changed meanwhile; the caller must then roll back and call again.
    """
    asker = asker or Actor(api_key_id=None, request_id=None, path=PATH)
    manner = Manner(on_conflict=on_conflict, now=now, rules=rules or ConsentRules(), asker=asker)
    outcomes = _Outcomes()
    readable = _readable(lines, outcomes, rules=manner.rules)
    claim_all_addresses(tx)
    resolution = resolve_lines(tx, lines=readable, adds_names=on_conflict != OnConflict.SKIP)
    for position, sentence in resolution.refused.items():
        outcomes.settle(position, ImportResult.REFUSED, sentence)
    for position, sentences in resolution.remarks.items():
        outcomes.remark(position, *sentences)
    kept = leave_held_tokens(
        tx, lines=readable, subjects=resolution.subjects, on_conflict=on_conflict, remark=outcomes.remark
    )
    new = _create(tx, kept, resolution, outcomes, manner)
    effective = _effective(kept, resolution, outcomes, on_conflict)
    plan = Plan(lines=effective, resolution=resolution, new=new)
    sharing = find_sharing(tx, plan=plan, rules=manner.rules)
    created = insert_profiles(tx, list(new.values()))
    plan = dataclasses.replace(plan, ids={subject: created[each.braze_id] for subject, each in new.items()})
    tokens = report_tokens(tx, plan=plan)
    unchanged = change_existing(tx, plan=plan, sharing=sharing, tokens=tokens, manner=manner)
    for position in unchanged:
        outcomes.settle(position, ImportResult.SKIPPED, NOTHING_TO_FILL)
    return [_outcome(position, resolution, outcomes, new) for position in range(len(lines))]


def _readable(
    lines: Sequence[ImportedProfile | LineRefused], outcomes: _Outcomes, *, rules: ConsentRules
) -> dict[int, ImportedProfile]:
    """Return the lines that are profiles, by position. Lines with a placeholder are refused as the others are."""
    readable: dict[int, ImportedProfile] = {}
    for position, line in enumerate(lines):
        if isinstance(line, LineRefused):
            outcomes.settle(position, ImportResult.REFUSED, *line.reasons)
            continue
        faults = [f"'{member}' {PLACEHOLDER}." for member, name in _named(line) if is_placeholder(name, rules.refused)]
        if faults:
            outcomes.settle(position, ImportResult.REFUSED, *faults)
            continue
        readable[position] = line
        outcomes.remark(position, *line.remarks)
    return readable


def _named(line: ImportedProfile) -> list[tuple[str, Target]]:
    """Return the members of *line* that identify people, and the identifiers."""
    named: list[tuple[str, Target]] = list(identifiers_of(line))
    if "email" in line.columns and not line.columns.get("email_encrypted"):
        named.append(("email", Email(line.columns["email"])))
    if "phone" in line.columns:
        named.append(("phone", Phone(line.columns["phone"])))
    return named


def _create(
    tx: Transaction,
    lines: Mapping[int, ImportedProfile],
    resolution: Resolution,
    outcomes: _Outcomes,
    manner: Manner,
) -> dict[Subject, Profile]:
    """Return the profiles to create, after all lines that name them, and settle these lines."""
    new: dict[Subject, Profile] = {}
    for position, subject in resolution.subjects.items():
        if not subject.is_new:
            continue
        line = lines[position]
        if subject not in new:
            new[subject] = new_profile(
                line,
                workspace_id=tx.workspace_id,
                profile_id=-1 - position,
                braze_id=subject.braze_id or new_braze_id(),
                now=manner.now,
            )
            outcomes.settle(position, ImportResult.CREATED)
            continue
        outcomes.settle(position, RESULTS[manner.on_conflict])
        if manner.on_conflict != OnConflict.SKIP:
            new[subject] = _changed(new[subject], line, manner)
    return new


def _changed(profile: Profile, line: ImportedProfile, manner: Manner) -> Profile:
    """Return *profile*, which an earlier line creates, after *line*."""
    draft = Draft(profile)
    fill_names(draft, line)
    set_addresses(draft, line, fill=manner.fills)
    (fill_members if manner.fills else replace_members)(draft, line, now=manner.now)
    return draft.finish(manner.now) if draft.is_changed else profile


def _effective(
    lines: Mapping[int, ImportedProfile], resolution: Resolution, outcomes: _Outcomes, on_conflict: OnConflict
) -> dict[int, ImportedProfile]:
    """Return the lines with an effect, and settle the others."""
    effective: dict[int, ImportedProfile] = {}
    for position, subject in resolution.subjects.items():
        if not subject.is_new:
            outcomes.settle(position, RESULTS[on_conflict])
        if outcomes.results[position] != ImportResult.SKIPPED:
            effective[position] = lines[position]
    return effective


def _outcome(
    position: int, resolution: Resolution, outcomes: _Outcomes, new: Mapping[Subject, Profile]
) -> ImportOutcome:
    subject = resolution.subjects.get(position)
    profile = None if subject is None else new.get(subject)
    known = None if subject is None else subject.braze_id
    braze_id = known if profile is None else profile.braze_id
    return ImportOutcome(
        result=outcomes.results[position], braze_id=braze_id, reasons=tuple(outcomes.reasons.get(position, ()))
    )
