"""One job decided: its outcome, and the merged profile when there is one. Pure: what was found goes in."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from app.config import Settings
from app.lane.working_set import Hand
from app.ledger.execution import Work
from app.merging.merge import guard, guard_identity, identify, merge
from app.merging.prioritization import Ambiguous, Denoted, NotFound
from app.merging.profile import Profile
from app.merging.rules import IDENTIFY_RULES, MERGE_RULES, Rule
from app.profiles.resolution import MergedAway, Resolution
from schemas.identifiers import Email, Member, Phone, Recorded, UserAlias, plain_value
from schemas.outcomes import JobKind, Outcome

CHANGED = (
    "{profile} has changed since the run over duplicates saw it: it was merged away, no longer has the address that"
    " they shared, or got or lost an external_id. The next run looks anew."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What becomes of a job. Profiles are as they stood before it; *merged* is the survivor after it."""

    job: Work
    outcome: Outcome
    reason: str
    at: datetime
    orphan: Profile | None = None
    survivor: Profile | None = None
    merged: Profile | None = None
    #: The profile with its new external_id, when it got one.
    identified: Profile | None = None
    #: Set when the orphan had been merged away before.
    merged_away: MergedAway | None = None


def decide(
    job: Work, *, orphan: Resolution, survivor: Resolution, hand: Hand, at: datetime, settings: Settings
) -> Decision:
    """Return what becomes of *job*, given what its identifiers denote; the first outcome that applies wins.

    The outcomes are tried in the order of `schemas.outcomes.Outcome`. Nothing is written and *hand* does not change.
    """
    found_orphan = hand[orphan.id] if isinstance(orphan, Denoted) else None
    found_survivor = hand[_survivor_id(survivor)] if isinstance(survivor, Denoted | MergedAway) else None
    refusal = _refuse(job, orphan=orphan, survivor=survivor, settings=settings) or _changed_since(
        job, orphan=found_orphan, survivor=found_survivor if isinstance(survivor, Denoted) else None
    )
    if refusal is not None:
        return Decision(
            job=job, outcome=refusal[0], reason=refusal[1], at=at, orphan=found_orphan, survivor=found_survivor
        )
    if isinstance(orphan, MergedAway):
        return _already_merged(job, orphan=orphan, survivor=found_survivor, hand=hand, at=at)
    if found_orphan is None:
        message = f"Job {job.id} has neither an orphan nor a reason for having none."
        raise ValueError(message)
    if found_survivor is None:
        return _identify(job, profile=found_orphan, at=at)
    return _merge(job, orphan=found_orphan, survivor=found_survivor, at=at, settings=settings)


def _refuse(job: Work, *, orphan: Resolution, survivor: Resolution, settings: Settings) -> tuple[Outcome, str] | None:
    """Return the outcome and reason when an identifier is a placeholder or does not denote exactly one profile."""
    for role, identifier in (("identifier_to_merge", job.orphan), ("identifier_to_keep", job.survivor)):
        value = plain_value(identifier.address if isinstance(identifier, Member) else identifier)
        if value.strip().casefold() in settings.refused_identifiers:
            return (
                Outcome.REFUSED_IDENTIFIER,
                f"{role} is {value!r}, a placeholder that many strangers share; send a real value.",
            )
    if isinstance(orphan, Ambiguous):
        return Outcome.ORPHAN_AMBIGUOUS, _ambiguous("identifier_to_merge", job.orphan)
    if isinstance(survivor, Ambiguous):
        return Outcome.SURVIVOR_AMBIGUOUS, _ambiguous("identifier_to_keep", job.survivor)
    if isinstance(orphan, NotFound):
        return Outcome.ORPHAN_NOT_FOUND, _not_found("identifier_to_merge", job.orphan, orphan)
    if isinstance(survivor, NotFound) and job.kind is not JobKind.IDENTIFY:
        return Outcome.SURVIVOR_NOT_FOUND, _not_found("identifier_to_keep", job.survivor, survivor)
    return None


def _changed_since(job: Work, *, orphan: Profile | None, survivor: Profile | None) -> tuple[Outcome, str] | None:
    """Return the refusal when a profile is not what a run over duplicates saw; a redirect is not followed for it.

    An orphan that is gone already is told about elsewhere.
    """
    if orphan is not None and isinstance(job.orphan, Member) and not _is_as_seen(orphan, job.orphan):
        return Outcome.ORPHAN_NOT_FOUND, CHANGED.format(profile=named(orphan).capitalize())
    if isinstance(job.survivor, Member) and (survivor is None or not _is_as_seen(survivor, job.survivor)):
        return Outcome.SURVIVOR_NOT_FOUND, CHANGED.format(profile=f"Profile {job.survivor.braze_id}")
    return None


def _is_as_seen(profile: Profile, member: Member) -> bool:
    """Return whether *profile* still has the address, and is identified or not as it was."""
    held = profile.email if isinstance(member.address, Email) else profile.phone
    return (
        held is not None and held.key == member.address.key and (profile.external_id is not None) == member.identified
    )


def _already_merged(job: Work, *, orphan: MergedAway, survivor: Profile | None, hand: Hand, at: datetime) -> Decision:
    """Return the decision for an orphan that is gone already: it is not merged again, and told where it went."""
    return Decision(
        job=job,
        outcome=Outcome.ALREADY_MERGED,
        reason=f"The orphan was merged earlier and is now part of {named(hand[orphan.survivor_id])}.",
        at=at,
        survivor=survivor,
        merged_away=orphan,
    )


def _identify(job: Work, *, profile: Profile, at: datetime) -> Decision:
    """Return the decision for a profile that is to have an external_id that nobody has."""
    external_id = plain_value(job.survivor)
    if profile.external_id is not None:
        return Decision(job=job, outcome=Outcome.ORPHAN_IDENTIFIED, reason=_identified(profile), at=at, orphan=profile)
    refusal = guard_identity(profile)
    if refusal is not None:
        return Decision(job=job, outcome=refusal[0], reason=refusal[1], at=at, orphan=profile)
    identified = identify(profile, external_id=external_id, at=at)
    return Decision(
        job=job,
        outcome=Outcome.IDENTIFIED,
        reason=f"{named(profile).capitalize()} got the external_id.",
        at=at,
        orphan=profile,
        survivor=identified,
        identified=identified,
    )


def _merge(job: Work, *, orphan: Profile, survivor: Profile, at: datetime, settings: Settings) -> Decision:
    """Return the decision for two live profiles: merged, unless they are one or a guard stands before it."""
    refusal = (
        _same(orphan=orphan, survivor=survivor)
        or (_identify_refused(orphan=orphan, survivor=survivor) if job.kind is JobKind.IDENTIFY else None)
        or guard(survivor=survivor, orphan=orphan, at=at, survivor_limit=settings.survivor_limit)
    )
    if refusal is not None:
        outcome, reason = refusal
        return Decision(job=job, outcome=outcome, reason=reason, at=at, orphan=orphan, survivor=survivor)
    return Decision(
        job=job,
        outcome=Outcome.MERGED,
        reason=f"{named(orphan).capitalize()} was merged into {named(survivor)} and retired.",
        at=at,
        orphan=orphan,
        survivor=survivor,
        merged=merge(survivor=survivor, orphan=orphan, at=at, rules=rules_of(job.kind)),
    )


def rules_of(kind: JobKind) -> Mapping[str, Rule]:
    """Return the table of rules that jobs of *kind* merge by."""
    return IDENTIFY_RULES if kind is JobKind.IDENTIFY else MERGE_RULES


def _same(*, orphan: Profile, survivor: Profile) -> tuple[Outcome, str] | None:
    """Return the refusal when both sides are one profile."""
    if orphan.id != survivor.id:
        return None
    return Outcome.SAME_PROFILE, f"Both identifiers denote {named(survivor)}; there is nothing to merge."


def _identify_refused(*, orphan: Profile, survivor: Profile) -> tuple[Outcome, str] | None:
    """Return why a profile may not be identified as *survivor*: it is somebody already, or a label is taken."""
    if orphan.external_id is not None:
        return Outcome.ORPHAN_IDENTIFIED, _identified(orphan)
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


def _identified(profile: Profile) -> str:
    """Return the reason for which *profile* is not given another external_id."""
    return f"{named(profile).capitalize()} already has another external_id; merge the two with /users/merge if meant."


def named(profile: Profile) -> str:
    """Return how reasons name *profile*: by braze_id, which tells nobody anything about the person."""
    return f"profile {profile.braze_id}"


def _survivor_id(survivor: Denoted | MergedAway) -> int:
    """Return the live profile that a survivor's identifier leads to: a merged-away one is redirected."""
    return survivor.id if isinstance(survivor, Denoted) else survivor.survivor_id


def _ambiguous(role: str, identifier: Recorded) -> str:
    """Return why several profiles are left."""
    steps = ", ".join(identifier.prioritization) if isinstance(identifier, Email | Phone) else ""
    return (
        f"More than one profile matches {role} after the prioritization [{steps}] (a tie of update times counts as"
        " more than one); add a step that leaves one."
    )


def _not_found(role: str, identifier: Recorded, found: NotFound) -> str:
    """Return why no profile is left."""
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
