"""A merge side by side: what both profiles had, and what the survivor got, field by field with its rule."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from app.merging.changes import list_changes
from app.merging.profile import Profile
from app.merging.rules import Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedField:
    """One field, named and with values as exports show them; None is no value."""

    field: str
    orphan: Any
    survivor: Any
    after: Any
    rule: str
    changed: bool


def compare_merge(
    *, orphan: Profile, survivor: Profile, changed: Iterable[Mapping[str, Any]], rules: Mapping[str, Rule]
) -> list[ComparedField]:
    """Return a row for each field that one of both had or got: those that *changed* on the survivor first.

    *orphan* and *survivor* are as they were before the merge; *changed* is what it is on record to have changed.
    """
    was_orphans, was_survivors = _parts(orphan, rules), _parts(survivor, rules)
    now = {each["field"]: each for each in changed}
    others = {**was_survivors, **was_orphans}
    names = [*now, *(name for name in others if name not in now)]
    return [
        ComparedField(
            field=name,
            orphan=_value(was_orphans, name),
            # What the record says of a part that a very large mapping's image leaves out is all there is to know.
            survivor=now[name]["before"] if name in now else _value(was_survivors, name),
            after=now[name]["after"] if name in now else _value(was_survivors, name),
            rule=(now.get(name) or others[name])["rule"],
            changed=name in now,
        )
        for name in names
    ]


def _parts(profile: Profile, rules: Mapping[str, Rule]) -> dict[str, dict[str, Any]]:
    """Return every part of *profile* that has a value, by its name: what it would add to a profile that has nothing."""
    nobody = Profile(
        workspace_id=profile.workspace_id,
        id=0,
        braze_id="",
        created_at=profile.created_at,
        updated_at=profile.updated_at,
        random_bucket=0,
    )
    return {each["field"]: each for each in list_changes(before=nobody, after=profile, orphan=profile, rules=rules)}


def _value(parts: Mapping[str, Mapping[str, Any]], name: str) -> Any:
    """Return the value of the part *name*, or None."""
    return parts[name]["after"] if name in parts else None
