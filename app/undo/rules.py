"""The inverse of each rule: what is left of the survivor's value when an orphan's share is taken out of it. Pure.

A part of a profile is looked at as it is *now*, as it was *before* the merge, and as the orphan had it (*theirs*). What
others wrote since is kept: a value goes back only where it still is what the merge made of it. Firsts, lasts and marks
that the orphan alone may have set are asked of the history that stays.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from app.merging.rules import ADD, FILL, Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What history is asked about the part at *path*: the first or the last time, or whether it ever happened.

    The answer lies between *theirs*, which no time that stays exceeds, and *ours*, which is known without asking; both
    are None where only whether is asked. Times are canonical text.
    """

    #: The field, then keys within it.
    path: tuple[str, ...]
    theirs: str | None = None
    ours: str | None = None


#: Answers a question from the history that stays: a time as canonical text, or whether it happened; None for no.
Recall = Callable[[Question], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of the survivor, as an inverse rule looks at it; None where there is no value."""

    rule: Rule
    path: tuple[str, ...]
    now: Any
    before: Any
    theirs: Any
    recall: Recall
    #: False where *before* may hold what is left of a merge undone since, so that no time may be taken from it.
    trusted: bool = True

    @property
    def after(self) -> Any:
        """What the merge made of it."""
        return self.rule.combine(self.before, self.theirs)

    @property
    def inverse(self) -> Any:
        """What is left of it without the orphan's share."""
        return INVERSES[self.rule.name](self)

    def deeper(self, key: str, rule: Rule) -> "Part":
        """Return the part under *key*, which *rule* decides."""
        now, before, theirs = (None if each is None else each.get(key) for each in (self.now, self.before, self.theirs))
        return Part(
            rule=rule,
            path=(*self.path, key),
            now=now,
            before=before,
            theirs=theirs,
            recall=self.recall,
            trusted=self.trusted,
        )


def unfill(part: Part) -> Any:
    """Return what was there before, unless somebody changed it since."""
    return part.before if part.now == part.after else part.now


def subtract(part: Part) -> int | None:
    """Return the sum without the orphan's share."""
    if part.now == part.after:
        return part.before  # type: ignore[no-any-return]
    return (part.now or 0) - (part.theirs or 0)


def narrow(part: Part) -> Any:
    """Return the first or last time that is left, where the one there is now is the orphan's."""
    before = part.before if part.trusted else None
    if part.now is None or part.now != part.theirs or part.now == before:
        return part.now
    return part.rule.combine(before, part.recall(Question(path=part.path, theirs=part.theirs, ours=before)))


def unmark(part: Part) -> bool | None:
    """Return whether it still holds without the orphan."""
    if part.now != part.after:
        return part.now  # type: ignore[no-any-return]
    if part.theirs and not (part.before and part.trusted) and part.recall(Question(path=part.path)):
        return True
    return part.before if part.trusted or not part.theirs else None


def unfill_keys(part: Part) -> Mapping[str, Any]:
    """Return the entries without those that the orphan brought and nobody changed since."""
    now, before, theirs = part.now or {}, part.before or {}, part.theirs or {}
    return {key: value for key, value in now.items() if key in before or key not in theirs or value != theirs[key]}


def narrow_entry(part: Part) -> Mapping[str, Any] | None:
    """Return one entry of a summary without the orphan's share, or None when nothing of it is left."""
    counts = [name for name, rule in part.rule.entries.items() if rule is ADD]
    if counts and part.trusted and part.now == part.after:
        # Whatever happened since would have been counted.
        return part.before  # type: ignore[no-any-return]
    left = {name: part.deeper(name, part.rule.entries.get(name, FILL)).inverse for name in part.now}
    is_new = part.before is None or not part.trusted
    if not any(left.get(name) for name in counts or part.rule.entries) and (counts or is_new):
        return None
    for name, value in part.now.items():
        ruled = name in part.rule.entries
        # What happened since tells its names too, and where it was counted it has a first and a last.
        if (not ruled and part.before is None) or (ruled and counts and left[name] is None):
            left[name] = value
    return {name: value for name, value in left.items() if value not in (None, {}) or name in (part.before or {})}


def narrow_summary(part: Part) -> Mapping[str, Any]:
    """Return a summary without the orphan's share in each of its entries."""
    entry, theirs = part.rule.entries["*"], part.theirs or {}
    left = {key: part.deeper(key, entry).inverse if key in theirs else value for key, value in part.now.items()}
    return {key: value for key, value in left.items() if value is not None}


#: Name of a rule → its inverse.
INVERSES: Mapping[str, Callable[[Part], Any]] = MappingProxyType(
    {
        "fill": unfill,
        "fill_unless_encrypted": unfill,
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
