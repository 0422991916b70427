"""Compare a merge field by field: the values of both profiles, the result, and the rule."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from app.merging.changes import list_changes
from app.merging.profile import Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedField:
    """One field in the form of exports; None is no value."""

    field: str
    orphan: Any
    survivor: Any
    after: Any
    rule: str
    changed: bool


def compare_merge(*, orphan: Profile, survivor: Profile, changed: Iterable[Mapping[str, Any]]) -> list[ComparedField]:
    """Return a row for each field with a value, the *changed* ones first.

    *orphan* and *survivor* are the profiles before the merge; *changed* are its recorded changes.
    """
    was_orphans, was_survivors = _parts(orphan), _parts(survivor)
    now = {each["field"]: each for each in changed}
    others = {**was_survivors, **was_orphans}
    names = [*now, *(name for name in others if name not in now)]
    return [
        ComparedField(
            field=name,
            orphan=_value(was_orphans, name),
            # The snapshot of a very large mapping is partial; the recorded change has the value in any case.
            survivor=now[name]["before"] if name in now else _value(was_survivors, name),
            after=now[name]["after"] if name in now else _value(was_survivors, name),
            rule=(now.get(name) or others[name])["rule"],
            changed=name in now,
        )
        for name in names
    ]


def _parts(profile: Profile) -> dict[str, dict[str, Any]]:
    """Return every part of *profile* with a value, by its name: the changes that it makes to an empty profile."""
    empty = Profile(
        workspace_id=profile.workspace_id,
        id=0,
        braze_id="",
        created_at=profile.created_at,
        updated_at=profile.updated_at,
        random_bucket=0,
    )
    return {each["field"]: each for each in list_changes(before=empty, after=profile, orphan=profile)}


def _value(parts: Mapping[str, Mapping[str, Any]], name: str) -> Any:
    return parts[name]["after"] if name in parts else None
