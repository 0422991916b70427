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
    #: What no field of the survivor keeps of the orphan's value; None is nothing.
    lost: Any = None


#: Rules whose result has a share of both values: they lose nothing.
COMBINING = frozenset({"add", "earliest", "latest", "either"})


def compare_merge(*, orphan: Profile, survivor: Profile, changed: Iterable[Mapping[str, Any]]) -> list[ComparedField]:
    """Return a row for each field with a value, the *changed* ones first.

    *orphan* and *survivor* are the profiles before the merge; *changed* are its recorded changes.
    """
    was_orphans, was_survivors = _parts(orphan), _parts(survivor)
    now = {each["field"]: each for each in changed}
    others = {**was_survivors, **was_orphans}
    names = [*now, *(name for name in others if name not in now)]
    return [
        _compared(name, now.get(name), orphan=was_orphans.get(name), survivor=was_survivors.get(name)) for name in names
    ]


def _compared(
    name: str,
    change: Mapping[str, Any] | None,
    *,
    orphan: Mapping[str, Any] | None,
    survivor: Mapping[str, Any] | None,
) -> ComparedField:
    """Return the row of the part *name*, which the merge changed by *change*; each side as `_parts` has it."""
    theirs, ours = (part["after"] if part else None for part in (orphan, survivor))
    # The snapshot of a very large mapping is partial; the recorded change has the value in any case.
    before, after = (change["before"], change["after"]) if change else (ours, ours)
    rule = (change or orphan or survivor or {})["rule"]
    lost = None if rule in COMBINING else _lost(theirs, after)
    return ComparedField(
        field=name, orphan=theirs, survivor=before, after=after, rule=rule, changed=change is not None, lost=lost
    )


def _lost(theirs: Any, after: Any) -> Any:
    """Return what of the orphan's value *theirs* is not in *after*: of a list its missing entries."""
    if theirs == after:
        return None
    if isinstance(theirs, list) and isinstance(after, list):
        return [each for each in theirs if each not in after] or None
    return theirs


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
