"""Applies entries of `/users/track` to one profile, without a database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.merging.profile import Profile
from app.users.consent import ConsentRules, SharedConsent
from app.users.draft import Draft
from app.users.track_apply import apply_assigned
from schemas.track import Entry


@dataclass(frozen=True, kw_only=True)
class TrackedProfile:
    """A profile after entries, the refused entries, and the ignored parts of entries, by the index of the entry."""

    profile: Profile
    refused: Mapping[int, str]
    ignored: Sequence[tuple[int, str]]


def apply_entries(
    profile: Profile, entries: Sequence[Entry], *, at: datetime, array_cap: int, rules: ConsentRules | None = None
) -> TrackedProfile:
    """Apply *entries* to *profile* in order, at the time *at*; assume that no other profile has its addresses."""
    draft = Draft(profile)
    consent = SharedConsent.of(rules or ConsentRules(), [draft])
    applied = apply_assigned([(draft, entry) for entry in entries], at=at, array_cap=array_cap, consent=consent)
    return TrackedProfile(profile=draft.finish(at), refused=applied.refused, ignored=applied.ignored)
