"""Who may read the values of profiles. All routes that show values beside something else ask here."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from flask import g

from app.keys.permissions import READING
from app.lane.preview import PreviewResult

#: The members of a change that are values.
VALUES = frozenset({"before", "after"})


def may_read_values() -> bool:
    """Return whether the key of this request may read attributes, addresses and activity of profiles."""
    return any(map(g.may, READING))


def visible_changes(changes: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return *changes*, without their values if the key may not read them: the fields and rules remain."""
    hidden = frozenset() if may_read_values() else VALUES
    return [{name: value for name, value in change.items() if name not in hidden} for change in changes]


def visible_preview(preview: PreviewResult) -> PreviewResult:
    """Return *preview* with its visible changes."""
    return replace(preview, changes=visible_changes(preview.changes))
