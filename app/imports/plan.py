"""What an import is about to do, and how."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from app.audit.log import Actor
from app.imports.resolution import Resolution, Subject
from app.merging.profile import Profile
from app.users.consent import ConsentRules
from schemas.profile_imports import ImportedProfile, OnConflict


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How lines act."""

    on_conflict: OnConflict
    now: datetime
    rules: ConsentRules
    asker: Actor

    @property
    def fills(self) -> bool:
        return self.on_conflict == OnConflict.FILL


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The lines with an effect by position, the profiles that they name, and the new ones."""

    lines: Mapping[int, ImportedProfile]
    resolution: Resolution
    #: The profiles to create, without their ids.
    new: Mapping[Subject, Profile]
    #: Their ids, once they are created.
    ids: Mapping[Subject, int] = field(default_factory=dict)

    def subject_of(self, position: int) -> Subject:
        """Return the profile of the line at *position*."""
        return self.resolution.subjects[position]
