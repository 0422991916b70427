"""Decide one job: its outcome, and the merged profile if there is one. Pure."""

from dataclasses import dataclass
from datetime import datetime

from app.config import Settings
from app.lane.working_set import WorkingSet
from app.ledger.execution import ClaimedJob
from app.merging.consent_states import UNDECLARED, GroupKinds
from app.merging.merge import check_merge, check_protection, identify_profile, merge_profiles
from app.merging.prioritization import Ambiguous, NoCandidate, Resolved
from app.merging.profile import Profile, describe_profile
from app.profiles.resolution import Inherited, MergedAway, Resolution
from schemas.addresses import email_fault, phone_fault
from schemas.hidden_characters import hidden_character
from schemas.identifiers import Email, ExternalId, Member, Phone, Recorded, UserAlias, plain_value
from schemas.outcomes import JobKind, Outcome
from schemas.placeholders import is_placeholder

CHANGED = (
    "{profile} has changed since the run over duplicates saw it: it was merged away, no longer has the address that"
    " they shared, or got or lost an external_id. The next run reads them again."
)
EXCLUDED = (
    "{orphan} and {survivor} were recorded as not a match after the run over duplicates saw them. To merge them, name"
    " them in /users/merge, or delete the exclusion."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The outcome of a job and its effect."""

    job: ClaimedJob
    outcome: Outcome
    reason: str
    at: datetime
    #: Both profiles as they were before the job.
    orphan: Profile | None = None
    survivor: Profile | None = None
    #: The survivor after the merge.
    merged: Profile | None = None
    #: The subscription groups that settings declare, for the audit of the merge.
    groups: GroupKinds = UNDECLARED
    #: The profile with its new external_id.
    identified: Profile | None = None
    #: The orphan, if an earlier job merged it.
    merged_away: MergedAway | None = None


def decide(
    job: ClaimedJob,
    *,
    orphan: Resolution,
    survivor: Resolution,
    working_set: WorkingSet,
    at: datetime,
    settings: Settings,
) -> Decision:
    """Return the decision about *job* from the resolutions of its identifiers; *working_set* does not change.

    The first outcome that applies wins, in the order of `schemas.outcomes.Outcome`.
    """
    if isinstance(orphan, Inherited) and job.kind is JobKind.MERGE:
        # No request named the profile that took over the identifier: it must not be merged away.
        orphan = orphan.from_orphan
    found_orphan = working_set[orphan.id] if isinstance(orphan, Resolved) else None
    found_survivor = working_set[_survivor_id(survivor)] if isinstance(survivor, Resolved | MergedAway) else None
    refusal = (
        _refuse_placeholder(job, settings=settings)
        or _refuse_form("identifier_to_merge", job.orphan, found_orphan)
        or _refuse_form("identifier_to_keep", job.survivor, found_survivor)
        or _refuse_resolution(job, orphan=orphan, survivor=survivor)
        or _changed_since(job, orphan=found_orphan, survivor=found_survivor if isinstance(survivor, Resolved) else None)
        or _refuse_excluded(job, orphan=found_orphan, survivor=found_survivor, working_set=working_set)
    )
    if refusal is not None:
        return Decision(
            job=job, outcome=refusal[0], reason=refusal[1], at=at, orphan=found_orphan, survivor=found_survivor
        )
    if isinstance(orphan, MergedAway):
        return _already_merged(job, orphan=orphan, survivor=found_survivor, working_set=working_set, at=at)
    if found_orphan is None:
        message = f"Job {job.id} has neither an orphan nor a reason for having none."
        raise ValueError(message)
    if found_survivor is None:
        return _identify(job, profile=found_orphan, at=at)
    return _merge(job, orphan=found_orphan, survivor=found_survivor, at=at, settings=settings)


def _refuse_excluded(
    job: ClaimedJob, *, orphan: Profile | None, survivor: Profile | None, working_set: WorkingSet
) -> tuple[Outcome, str] | None:
    """Return the refusal of a job of a duplicate run whose profiles are not a match."""
    if not isinstance(job.orphan, Member) or orphan is None or survivor is None or orphan.id == survivor.id:
        return None
    if not working_set.is_excluded(orphan_id=orphan.id, survivor_id=survivor.id):
        return None
    names = {"orphan": describe_profile(orphan).capitalize(), "survivor": describe_profile(survivor)}
    return Outcome.PROTECTED, EXCLUDED.format(**names)


def _refuse_placeholder(job: ClaimedJob, *, settings: Settings) -> tuple[Outcome, str] | None:
    """Return the refusal of an identifier that is a placeholder."""
    for role, identifier in (("identifier_to_merge", job.orphan), ("identifier_to_keep", job.survivor)):
        if is_placeholder(identifier, settings.refused_identifiers):
            value = plain_value(identifier.address if isinstance(identifier, Member) else identifier)
            return (
                Outcome.REFUSED_IDENTIFIER,
                f"{role} is {value!r}, a placeholder that unrelated people share; send a real value.",
            )
    return None


def _refuse_form(role: str, identifier: Recorded, found: Profile | None) -> tuple[Outcome, str] | None:
    """Return the refusal of an email address that is not valid, or of a phone number that identifies no profile.

    *found* is the profile of *identifier*: an encrypted address need not look like one.
    """
    match identifier.address if isinstance(identifier, Member) else identifier:
        case Email(value) if found is None or found.email is None or not found.email.encrypted:
            fault = email_fault(value)
            ending = "so it is not one valid email address; send the address alone."
        case Phone(value):
            fault = phone_fault(value)
            ending = "so it has no E.164 form and identifies no profile; name the profile by another identifier."
        case ExternalId() | UserAlias() as name:
            return _refuse_hidden_character(role, name)
        case _:
            return None
    return None if fault is None else (Outcome.REFUSED_IDENTIFIER, f"The address in {role} {fault}, {ending}")


def _refuse_hidden_character(role: str, identifier: ExternalId | UserAlias) -> tuple[Outcome, str] | None:
    text = identifier.value if isinstance(identifier, ExternalId) else f"{identifier.label}{identifier.name}"
    character = hidden_character(text)
    if character is None:
        return None
    return (
        Outcome.REFUSED_IDENTIFIER,
        f"{role} contains the control or format character {character}; rename the stored identifier without it.",
    )


def _refuse_resolution(job: ClaimedJob, *, orphan: Resolution, survivor: Resolution) -> tuple[Outcome, str] | None:
    """Return the refusal of an identifier that does not resolve to exactly one profile."""
    if isinstance(orphan, Ambiguous):
        return Outcome.ORPHAN_AMBIGUOUS, _ambiguous_reason("identifier_to_merge", job.orphan)
    if isinstance(survivor, Ambiguous):
        return Outcome.SURVIVOR_AMBIGUOUS, _ambiguous_reason("identifier_to_keep", job.survivor)
    if isinstance(orphan, NoCandidate):
        return Outcome.ORPHAN_NOT_FOUND, _not_found_reason("identifier_to_merge", job.orphan, orphan)
    if isinstance(survivor, NoCandidate) and job.kind is not JobKind.IDENTIFY:
        return Outcome.SURVIVOR_NOT_FOUND, _not_found_reason("identifier_to_keep", job.survivor, survivor)
    return None


def _changed_since(job: ClaimedJob, *, orphan: Profile | None, survivor: Profile | None) -> tuple[Outcome, str] | None:
    """Return the refusal of a profile that changed since a run over duplicates read it.

    A run's survivor that was merged away is refused as well: its redirect is not followed. `_already_merged` handles a
    merged-away orphan.
    """
    if orphan is not None and isinstance(job.orphan, Member) and not _is_unchanged(orphan, job.orphan):
        return Outcome.ORPHAN_NOT_FOUND, CHANGED.format(profile=describe_profile(orphan).capitalize())
    if isinstance(job.survivor, Member) and (survivor is None or not _is_unchanged(survivor, job.survivor)):
        return Outcome.SURVIVOR_NOT_FOUND, CHANGED.format(profile=f"Profile {job.survivor.braze_id}")
    return None


def _is_unchanged(profile: Profile, member: Member) -> bool:
    """Return whether *profile* still has the address of *member*, and an external_id only if it had one."""
    if isinstance(member.address, Email):
        held = None if profile.email is None else profile.email.key
    else:
        held = None if profile.phone is None else profile.phone.e164
    return held is not None and held == member.address.key and (profile.external_id is not None) == member.identified


def _already_merged(
    job: ClaimedJob, *, orphan: MergedAway, survivor: Profile | None, working_set: WorkingSet, at: datetime
) -> Decision:
    return Decision(
        job=job,
        outcome=Outcome.ALREADY_MERGED,
        reason=f"The orphan was merged earlier and is now part of {describe_profile(working_set[orphan.survivor_id])}.",
        at=at,
        survivor=survivor,
        merged_away=orphan,
    )


def _identify(job: ClaimedJob, *, profile: Profile, at: datetime) -> Decision:
    """Return the decision that gives *profile* the external_id of *job*, which no profile has."""
    external_id = plain_value(job.survivor)
    if profile.external_id is not None:
        return Decision(
            job=job, outcome=Outcome.ORPHAN_IDENTIFIED, reason=_already_identified(profile), at=at, orphan=profile
        )
    refusal = check_protection(profile)
    if refusal is not None:
        return Decision(job=job, outcome=refusal[0], reason=refusal[1], at=at, orphan=profile)
    identified = identify_profile(profile, external_id=external_id, at=at)
    return Decision(
        job=job,
        outcome=Outcome.IDENTIFIED,
        reason=f"{describe_profile(profile).capitalize()} got the external_id.",
        at=at,
        orphan=profile,
        survivor=identified,
        identified=identified,
    )


def _merge(job: ClaimedJob, *, orphan: Profile, survivor: Profile, at: datetime, settings: Settings) -> Decision:
    """Return the decision for two live profiles: a merge, unless they are the same or a guard refuses it."""
    refusal = (
        _refuse_same(orphan=orphan, survivor=survivor)
        or (_refuse_identify(orphan=orphan, survivor=survivor) if job.kind is JobKind.IDENTIFY else None)
        or check_merge(survivor=survivor, orphan=orphan, at=at, survivor_limit=settings.survivor_limit)
    )
    if refusal is not None:
        outcome, reason = refusal
        return Decision(job=job, outcome=outcome, reason=reason, at=at, orphan=orphan, survivor=survivor)
    groups = GroupKinds(email_groups=settings.email_groups, sms_groups=settings.sms_groups)
    return Decision(
        job=job,
        outcome=Outcome.MERGED,
        reason=f"{describe_profile(orphan).capitalize()} was merged into {describe_profile(survivor)} and retired.",
        at=at,
        orphan=orphan,
        survivor=survivor,
        merged=merge_profiles(survivor=survivor, orphan=orphan, at=at, groups=groups),
        groups=groups,
    )


def _refuse_same(*, orphan: Profile, survivor: Profile) -> tuple[Outcome, str] | None:
    if orphan.id != survivor.id:
        return None
    return Outcome.SAME_PROFILE, f"Both identifiers name {describe_profile(survivor)}; there is nothing to merge."


def _refuse_identify(*, orphan: Profile, survivor: Profile) -> tuple[Outcome, str] | None:
    """Return the refusal of an orphan that has an external_id, or an alias with a label of the survivor."""
    if orphan.external_id is not None:
        return Outcome.ORPHAN_IDENTIFIED, _already_identified(orphan)
    clash = sorted(orphan.user_aliases.keys() & survivor.user_aliases.keys())
    if clash:
        return (
            Outcome.ALIAS_CONFLICT,
            (
                f"Both profiles have an alias labelled {clash[0]!r}, and a profile has one alias per label;"
                " merge them with /users/merge to keep the survivor's."
            ),
        )
    return None


def _already_identified(profile: Profile) -> str:
    name = describe_profile(profile).capitalize()
    return f"{name} already has another external_id; to merge the two, use /users/merge."


def _survivor_id(survivor: Resolved | MergedAway) -> int:
    """Return the id of the live survivor, at the end of the redirect if there is one."""
    return survivor.id if isinstance(survivor, Resolved) else survivor.survivor_id


def _ambiguous_reason(role: str, identifier: Recorded) -> str:
    steps = ", ".join(identifier.prioritization) if isinstance(identifier, Email | Phone) else ""
    return (
        f"More than one profile matches {role} after the prioritization [{steps}] (a tie of update times counts as"
        " more than one); add a step that leaves one."
    )


def _not_found_reason(role: str, identifier: Recorded, found: NoCandidate) -> str:
    if found.filtered_out and isinstance(identifier, Email | Phone):
        steps = ", ".join(identifier.prioritization)
        return f"Profiles match {role}, but the prioritization [{steps}] leaves none of them."
    kind = {
        "Email": "email address",
        "Phone": "phone number",
        "UserAlias": "alias",
        "ExternalId": "external_id",
        "Member": "braze_id",
    }
    exact = ", whose letters must match exactly" if isinstance(identifier, UserAlias) else ""
    return f"No profile has the {kind[type(identifier).__name__]} in {role}{exact}."
