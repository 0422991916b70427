"""The undo of a merge: the survivor without what the merge gave it. Pure; what history knows comes in as answers."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import Any, NamedTuple

from app.merging.profile import Profile
from app.merging.rules import Rule
from app.undo.rules import Part, Question, Recall


@dataclass(frozen=True, slots=True, kw_only=True)
class Absorption:
    """A merge that happened: both profiles before it, when it was, and by which rules."""

    survivor: Profile
    orphan: Profile
    at: datetime
    rules: Mapping[str, Rule]
    #: False where the survivor's image may hold what is left of a merge undone since: no time is taken from it then.
    trusted: bool = True


class Span(NamedTuple):
    """Where a first or last time over a whole summary comes from: a count, the summary, and a part of its entries."""

    total: str
    summary: str
    part: str


#: Firsts and lasts over all entries of a summary: history need not be asked twice.
SPANS: Mapping[str, Span] = {
    "first_session_at": Span("session_count", "apps", "first_used"),
    "last_session_at": Span("session_count", "apps", "last_used"),
    "first_purchase_at": Span("purchase_count", "purchases", "first"),
    "last_purchase_at": Span("purchase_count", "purchases", "last"),
}


def take_back(survivor: Profile, absorption: Absorption, *, recall: Recall) -> Profile:
    """Return *survivor*, as it stands now, without what *absorption* gave it; what others wrote since is kept.

    *recall* answers from the history that stays with the survivor. The update time goes back where nobody wrote since.
    """
    parts = {field: _part(field, survivor, absorption, recall) for field in absorption.rules}
    left = {field: part.inverse for field, part in parts.items() if field not in SPANS}
    left |= {field: _span(part, parts[SPANS[field].total], left) for field, part in parts.items() if field in SPANS}
    untouched = survivor.updated_at == absorption.at
    absorbed_then = survivor.absorbed_on == absorption.at.date()
    return dataclasses.replace(
        survivor,
        **left,
        updated_at=absorption.survivor.updated_at if untouched else survivor.updated_at,
        absorbed_count=max(survivor.absorbed_count - absorbed_then, 0),
    )


def questions(survivor: Profile, absorption: Absorption) -> list[Question]:
    """Return what `take_back` would ask of history."""
    asked: list[Question] = []
    take_back(survivor, absorption, recall=asked.append)
    return asked


def without(absorption: Absorption, undone: Sequence[Absorption], *, trusted: bool = True) -> Absorption:
    """Return *absorption* as if the earlier merges *undone* since, in order of time, had never been.

    Otherwise what they gave the survivor would come back from its image of before this merge. *trusted* is False when
    not all of them are known. It becomes False where history would have to be asked: it has gone on since that image,
    so that nobody can tell any more what its times were.
    """
    asked: list[Question] = []
    before = reduce(
        lambda survivor, earlier: take_back(survivor, earlier, recall=asked.append),
        reversed(undone),
        absorption.survivor,
    )
    return dataclasses.replace(absorption, survivor=before, trusted=trusted and not asked)


def _part(field: str, survivor: Profile, absorption: Absorption, recall: Recall) -> Part:
    """Return *field* as its inverse rule looks at it."""
    return Part(
        rule=absorption.rules[field],
        path=(field,),
        now=getattr(survivor, field),
        before=getattr(absorption.survivor, field),
        theirs=getattr(absorption.orphan, field),
        recall=recall,
        trusted=absorption.trusted,
    )


def _span(part: Part, count: Part, left: Mapping[str, Any]) -> datetime | None:
    """Return the first or last time over a whole summary, of which *left* is what remains and *count* the count."""
    if part.trusted and count.now == count.after:
        # Whatever happened since would have been counted.
        return part.before  # type: ignore[no-any-return]
    before = part.before if part.trusted else None
    if part.now is None or part.now != part.theirs or part.now == before:
        return part.now  # type: ignore[no-any-return]
    _, summary, name = SPANS[part.path[0]]
    times = [entry[name] for entry in left[summary].values() if entry.get(name)]
    found: datetime | None = reduce(part.rule.combine, map(datetime.fromisoformat, times), before)
    # A count without a time is of somebody whose times nobody knows; the widest that is known stays.
    return part.now if found is None and left[SPANS[part.path[0]].total] else found
