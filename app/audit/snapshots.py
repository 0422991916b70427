"""What stood before and after an action, field by field, in the names and forms of exports."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.merging.changes import changes as differences
from app.merging.profile import Profile
from app.profiles.snapshots import profile_from_snapshot

Fields = Mapping[str, Any]

#: What makes a profile that one and no other; no rule touches it, and it is no field of an image.
IDENTITY = ("workspace_id", "id", "braze_id", "created_at", "updated_at", "random_bucket")


@dataclass(frozen=True, slots=True, kw_only=True)
class Images:
    """What changed, and what is known of each side before and after: `{orphan | survivor | profile: {field: value}}`.

    A side that was no more, or of which nothing is known, is not there.
    """

    changes: Sequence[Mapping[str, Any]] = ()
    before: Mapping[str, Fields] = field(default_factory=dict)
    after: Mapping[str, Fields] = field(default_factory=dict)


#: What is shown where nothing is asked for, or nothing is left.
NOTHING = Images()


def fields_of(profile: Profile) -> dict[str, Any]:
    """Return every field that *profile* has a value for, named and shown as `changes` does."""
    empty = Profile(**{name: getattr(profile, name) for name in IDENTITY})
    return {each["field"]: each["after"] for each in differences(before=empty, after=profile, orphan=profile)}


def of_merge(*, orphan: Fields, survivor: Fields, changes: Sequence[Mapping[str, Any]]) -> Images:
    """Return the images of a merge: both profiles before it, and the survivor as the recorded *changes* left it."""
    before = fields_of(profile_from_snapshot(survivor))
    after = before | {each["field"]: each["after"] for each in changes}
    return Images(
        changes=changes,
        before={"orphan": fields_of(profile_from_snapshot(orphan)), "survivor": before},
        after={"survivor": {name: value for name, value in after.items() if value is not None}},
    )


def of_undo(changes: Sequence[Mapping[str, Any]]) -> Images:
    """Return the images of an undo: the fields of the survivor that it changed."""
    before = {each["field"]: each["before"] for each in changes}
    after = {each["field"]: each["after"] for each in changes}
    return Images(changes=changes, before={"survivor": before}, after={"survivor": after})


def of_external_id(name: str, before: str | None, after: str | None) -> Images:
    """Return the images of a profile whose external_id became another, shown as the field *name*."""
    change = {"field": name, "before": before, "after": after, "rule": None}
    return Images(changes=[change], before={"profile": {name: before}}, after={"profile": {name: after}})
