"""Undo rules: for each merge rule, what remains of the survivor's value without the orphan's share. Pure.

A rule sees one field, or one part of it: its value *now*, its value *before* the merge, and the orphan's (*theirs*).
Later changes stay: a value returns to *before* only if it still is the result of the merge. A first time, a last time
or a mark that only the orphan may have set is looked up in the history that stays with the survivor.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from app.merging.rules import ADD, FILL, Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryQuery:
    """A query of the history for the part at *path*: its first time, its last time, or whether it ever happened.

    A time is between *theirs*, which bounds all times that stay, and *ours*, the known time without history. Both
    are None in a query for whether it happened. Times are canonical text.
    """

    #: The field, then keys within it.
    path: tuple[str, ...]
    theirs: str | None = None
    ours: str | None = None


#: Answers a query from the history that stays: a time as canonical text, True if it happened, or None.
HistoryLookup = Callable[[HistoryQuery], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldState:
    """A field of the survivor, or a part of it, as an undo rule sees it; None stands for no value."""

    rule: Rule
    path: tuple[str, ...]
    now: Any
    before: Any
    theirs: Any
    look_up: HistoryLookup
    #: False where *before* may still have values of a merge that was undone since.
    trusted: bool = True
    #: The values of the orphans of these merges; None if some are unknown.
    excluded: Sequence[Any] | None = ()

    @property
    def after(self) -> Any:
        """The result of the merge."""
        return self.rule.combine(self.before, self.theirs)

    @property
    def own(self) -> Any:
        """The value before the merge if it surely is the survivor's, else None. The history may have a wider one.

        A time of an excluded orphan may stand for an unknown one (see narrow_entry), a mark may not.
        """
        if self.trusted:
            return self.before
        if self.excluded is None or (not isinstance(self.before, bool) and self.before in self.excluded):
            return None
        return self.before

    @property
    def undone(self) -> Any:
        """The value without the orphan's share."""
        return UNDO_RULES[self.rule.name](self)

    def part(self, key: str, rule: Rule) -> "FieldState":
        """Return the part under *key*, which *rule* merges."""
        now, before, theirs = (None if each is None else each.get(key) for each in (self.now, self.before, self.theirs))
        return FieldState(
            rule=rule,
            path=(*self.path, key),
            now=now,
            before=before,
            theirs=theirs,
            look_up=self.look_up,
            trusted=self.trusted,
            excluded=None if self.excluded is None else [(each or {}).get(key) for each in self.excluded],
        )


def unfill(state: FieldState) -> Any:
    """Return the value from before the merge, unless it was changed since."""
    return state.before if state.now == state.after else state.now


def subtract(state: FieldState) -> int | None:
    """Return the sum without the orphan's share."""
    if state.now == state.after:
        return state.before  # type: ignore[no-any-return]
    return (state.now or 0) - (state.theirs or 0)


def narrow(state: FieldState) -> Any:
    """Return the first or last time that remains where the present one is the orphan's."""
    before = state.own
    if state.now is None or state.now != state.theirs or state.now == before:
        return state.now
    found = state.look_up(HistoryQuery(path=state.path, theirs=state.theirs, ours=before))
    return state.rule.combine(before, found)


def unmark(state: FieldState) -> bool | None:
    """Return whether the mark holds without the orphan."""
    if state.now != state.after:
        return state.now  # type: ignore[no-any-return]
    if state.theirs and not state.own and state.look_up(HistoryQuery(path=state.path)):
        return True
    return state.before if state.trusted or not state.theirs else state.own or None


def unfill_keys(state: FieldState) -> Mapping[str, Any]:
    """Return the entries without the orphan's that did not change since."""
    now, before, theirs = state.now or {}, state.before or {}, state.theirs or {}
    return {key: value for key, value in now.items() if key in before or key not in theirs or value != theirs[key]}


def unfollow_groups(state: FieldState) -> Mapping[str, Any]:
    """Return the states of all groups from before the merge, except groups whose state changed since."""
    now, before, after = state.now or {}, state.before or {}, state.after
    left = {group: (before if now.get(group) == after.get(group) else now).get(group) for group in {**before, **now}}
    return {group: value for group, value in left.items() if value is not None}


def narrow_entry(state: FieldState) -> Mapping[str, Any] | None:
    """Return one entry of a summary without the orphan's share, or None when nothing of it remains."""
    counts = [name for name, rule in state.rule.entries.items() if rule is ADD]
    if counts and state.trusted and state.now == state.after:
        # Anything later would have changed the count.
        return state.before  # type: ignore[no-any-return]
    left = {name: state.part(name, state.rule.entries.get(name, FILL)).undone for name in state.now}
    is_new = state.before is None or not state.trusted
    if not any(left.get(name) for name in counts or state.rule.entries) and (counts or is_new):
        return None
    for name, value in state.now.items():
        ruled = name in state.rule.entries
        # Later events write the names of their campaign as well, and what is counted has a first and a last time.
        if (not ruled and state.before is None) or (ruled and counts and left[name] is None):
            left[name] = value
    return {name: value for name, value in left.items() if value not in (None, {}) or name in (state.before or {})}


def narrow_summary(state: FieldState) -> Mapping[str, Any]:
    """Return a summary without the orphan's share of each entry."""
    entry, theirs = state.rule.entries["*"], state.theirs or {}
    left = {key: state.part(key, entry).undone if key in theirs else value for key, value in state.now.items()}
    return {key: value for key, value in left.items() if value is not None}


#: Name of a merge rule → its undo rule.
UNDO_RULES: Mapping[str, Callable[[FieldState], Any]] = MappingProxyType(
    {
        "fill": unfill,
        "fill_unless_encrypted": unfill,
        "follow_email": unfill,
        "follow_address": unfollow_groups,
        "add": subtract,
        "earliest": narrow,
        "latest": narrow,
        "either": unmark,
        "fill_keys": unfill_keys,
        "unite": unfill_keys,
        "entry_by_entry": narrow_entry,
        "key_by_key": narrow_summary,
    }
)
