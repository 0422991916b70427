"""Snapshots of profiles before and after an action, field by field, in the names and forms of exports."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.merging.changes import list_changes
from app.merging.profile import Profile
from app.profiles.snapshots import profile_from_snapshot

Fields = Mapping[str, Any]

#: The identity of a profile: no rule changes it, and snapshots do not contain it.
IDENTITY = ("workspace_id", "id", "braze_id", "created_at", "updated_at", "random_bucket")


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshots:
    """The changes, and each profile before and after: `{orphan | survivor | profile: {field: value}}`.

    A profile that did not exist, or whose fields are unknown, is missing.
    """

    changes: Sequence[Mapping[str, Any]] = ()
    before: Mapping[str, Fields] = field(default_factory=dict)
    after: Mapping[str, Fields] = field(default_factory=dict)


#: The snapshots of an entry that were not requested, or that were erased.
NO_SNAPSHOTS = Snapshots()


def exported_fields(profile: Profile) -> dict[str, Any]:
    """Return the fields of *profile* that have a value, in the names and forms of `changes`."""
    empty = Profile(**{name: getattr(profile, name) for name in IDENTITY})
    return {each["field"]: each["after"] for each in list_changes(before=empty, after=profile, orphan=profile)}


def snapshots_of_merge(*, orphan: Fields, survivor: Fields, changes: Sequence[Mapping[str, Any]]) -> Snapshots:
    """Return the images of a merge: both profiles before it, and the survivor as the recorded *changes* left it."""
    before = exported_fields(profile_from_snapshot(survivor))
    after = before | {each["field"]: each["after"] for each in changes}
    return Snapshots(
        changes=changes,
        before={"orphan": exported_fields(profile_from_snapshot(orphan)), "survivor": before},
        after={"survivor": {name: value for name, value in after.items() if value is not None}},
    )


def snapshots_of_undo(changes: Sequence[Mapping[str, Any]]) -> Snapshots:
    """Return the changed fields of the survivor before and after an undo."""
    return _snapshots_of_changes("survivor", changes)


def snapshots_of_profile(changes: Sequence[Mapping[str, Any]]) -> Snapshots:
    """Return the consent or the exclusions that changed of a profile, before and after."""
    return _snapshots_of_changes("profile", changes)


def snapshots_of_external_id(name: str, before: str | None, after: str | None) -> Snapshots:
    """Return a changed external_id before and after, as the field *name*."""
    change = {"field": name, "before": before, "after": after, "rule": None}
    return Snapshots(changes=[change], before={"profile": {name: before}}, after={"profile": {name: after}})


def _snapshots_of_changes(side: str, changes: Sequence[Mapping[str, Any]]) -> Snapshots:
    before = {each["field"]: each["before"] for each in changes}
    after = {each["field"]: each["after"] for each in changes}
    return Snapshots(changes=changes, before={side: before}, after={side: after})
