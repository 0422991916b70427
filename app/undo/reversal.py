"""Reverse a merge: the survivor without the values that the merge gave it. Pure; the caller looks up history."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import Any, NamedTuple

from app.merging.consent_states import UNDECLARED, GroupKinds, read_states, with_states
from app.merging.merge import merge_by_rules
from app.merging.profile import Profile
from app.merging.rules import Rule
from app.merging.versions import current_rules, rules_of
from app.undo.consent import reapply_consent
from app.undo.rules import FieldState, HistoryLookup, HistoryQuery


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedMerge:
    """A merge from the audit: both profiles before it, and its time."""

    survivor: Profile
    orphan: Profile
    at: datetime
    #: `[{field, before, after, rule}]`
    changes: Sequence[Mapping[str, Any]] = ()
    #: The subscription groups that settings declared.
    groups: GroupKinds = UNDECLARED
    #: The version of its rules; None if it is older than versions.
    version: int | None = None
    #: The rules of such an older merge, if they are not those of this version.
    former_rules: Mapping[str, Rule] | None = None
    #: The merges into the survivor after this one that are not undone, and that may give it consent; in order of time.
    later: Sequence["RecordedMerge"] = ()
    #: The survivor after this merge as the audit has it, where *survivor* is without merges that were undone since.
    recorded: Profile | None = None
    #: False where *survivor* may still have values of a merge that was undone since.
    trusted: bool = True
    #: The orphans of these merges, whose times are not taken from it; None if some are unknown: then none is.
    excluded: Sequence[Profile] | None = ()

    @property
    def rules(self) -> Mapping[str, Rule]:
        """Field → rule of this merge."""
        if self.former_rules is not None:
            return self.former_rules
        made_by = current_rules() if self.version is None else rules_of(self.version)
        return made_by.pair_rules(survivor=self.survivor, orphan=self.orphan, groups=self.groups)

    @property
    def merged(self) -> Profile:
        """The survivor after this merge."""
        return merge_by_rules(self.rules, survivor=self.survivor, orphan=self.orphan, at=self.at)

    @property
    def gives_consent(self) -> bool:
        """Whether it changed a state of consent."""
        return read_states(self.survivor) != read_states(self.merged)


class SummaryTime(NamedTuple):
    """The source of a first or last time over a whole summary: its count, the summary, and a part of the entries."""

    total: str
    summary: str
    part: str


#: First and last times that follow from the entries of a summary, without a further lookup in the history.
SUMMARY_TIMES: Mapping[str, SummaryTime] = {
    "first_session_at": SummaryTime("session_count", "apps", "first_used"),
    "last_session_at": SummaryTime("session_count", "apps", "last_used"),
    "first_purchase_at": SummaryTime("purchase_count", "purchases", "first"),
    "last_purchase_at": SummaryTime("purchase_count", "purchases", "last"),
}


def reverse_merge(survivor: Profile, merge: RecordedMerge, *, look_up: HistoryLookup) -> Profile:
    """Return *survivor*, as it is now, without the values of *merge*. Later changes stay.

    *look_up* answers from the history that stays with the survivor. The update time returns to its value from before
    the merge if nothing changed since.
    """
    now, survivor = survivor, _without_undone_consent(survivor, merge)
    states = {field: _field_state(field, rule, survivor, merge, look_up) for field, rule in merge.rules.items()}
    left = {field: state.undone for field, state in states.items() if field not in SUMMARY_TIMES}
    left |= {
        field: _undo_summary_time(state, states[SUMMARY_TIMES[field].total], states[SUMMARY_TIMES[field].summary], left)
        for field, state in states.items()
        if field in SUMMARY_TIMES
    }
    untouched = survivor.updated_at == merge.at
    counted_today = survivor.absorbed_on == merge.at.date()
    reversed_survivor = dataclasses.replace(
        survivor,
        **left,
        **_origins_left(survivor, left),
        updated_at=merge.survivor.updated_at if untouched else survivor.updated_at,
        absorbed_count=max(survivor.absorbed_count - counted_today, 0),
    )
    later = [each.orphan for each in merge.later]
    return reapply_consent(reversed_survivor, now=now, orphans=later, groups=merge.groups)


def _origins_left(survivor: Profile, left: Mapping[str, Any]) -> dict[str, Any]:
    """Return the origins of the aliases and addresses that are *left* of *survivor*."""
    aliases, origins = left["user_aliases"], survivor.alias_origins
    return {
        "alias_origins": {label: origin for label, origin in origins.items() if label in aliases},
        "email_origin_id": survivor.email_origin_id if left["email"] else None,
        "phone_origin_id": survivor.phone_origin_id if left["phone"] else None,
    }


def history_queries(survivor: Profile, merge: RecordedMerge) -> list[HistoryQuery]:
    """Return the queries that `reverse_merge` would look up."""
    queries: list[HistoryQuery] = []
    reverse_merge(survivor, merge, look_up=queries.append)
    return queries


def exclude_undone(
    merge: RecordedMerge,
    undone: Sequence[RecordedMerge],
    *,
    others: Sequence[RecordedMerge] = (),
    trusted: bool = True,
) -> RecordedMerge:
    """Return *merge* as if the earlier merges *undone* since, in order of time, had not happened.

    Otherwise their values would return from the survivor's snapshot, which is older than their undo. *others* are
    merges into the survivor that are not undone, in order of time. *trusted* is False when not all of *undone* are
    known. The result is not trusted where a lookup in the history would be necessary: the history has newer rows than
    the snapshot, so the times of the snapshot cannot be found in it. Times in it that no orphan of *undone* had are the
    survivor's nevertheless, and may be all that is known: of a summary that was imported without its history.
    """
    queries: list[HistoryQuery] = []
    before = reduce(
        lambda survivor, earlier: reverse_merge(
            survivor,
            dataclasses.replace(earlier, later=[each for each in others if earlier.at < each.at < merge.at]),
            look_up=queries.append,
        ),
        reversed(undone),
        merge.survivor,
    )
    later = [each for each in others if each.at > merge.at]
    recorded = merge.merged if undone else None
    return dataclasses.replace(
        merge,
        survivor=before,
        later=later,
        recorded=recorded,
        trusted=trusted and not queries,
        excluded=[each.orphan for each in undone] if trusted else None,
    )


def _without_undone_consent(survivor: Profile, merge: RecordedMerge) -> Profile:
    """Return *survivor* with the consent that *merge* gives without the merges undone since, where it is unchanged.

    An undo of an earlier merge leaves a state that *merge* gave, although without the earlier one *merge* would have
    given another.
    """
    if merge.recorded is None:
        return survivor
    now, then, again = read_states(survivor), read_states(merge.recorded), read_states(merge.merged)
    unchanged = [slot for slot in {**then, **again} if now.get(slot) == then.get(slot) != again.get(slot)]
    return with_states(survivor, {slot: again.get(slot) for slot in unchanged})


def _field_state(field: str, rule: Rule, survivor: Profile, merge: RecordedMerge, look_up: HistoryLookup) -> FieldState:
    return FieldState(
        rule=rule,
        path=(field,),
        now=getattr(survivor, field),
        before=getattr(merge.survivor, field),
        theirs=getattr(merge.orphan, field),
        look_up=look_up,
        trusted=merge.trusted,
        excluded=None if merge.excluded is None else [getattr(orphan, field) for orphan in merge.excluded],
    )


def _undo_summary_time(
    state: FieldState, count: FieldState, summary_state: FieldState, left: Mapping[str, Any]
) -> datetime | None:
    """Return a first or last time over a whole summary; *left* has the fields that remain, *count* is its count."""
    if state.trusted and count.now == count.after:
        # Anything later would have changed the count.
        return state.before  # type: ignore[no-any-return]
    total, summary, name = SUMMARY_TIMES[state.path[0]]
    before = None if _may_be_excluded(state.own, summary_state, name) else state.own
    if state.now is None or state.now != state.theirs or state.now == before:
        return state.now  # type: ignore[no-any-return]
    times = [entry[name] for entry in left[summary].values() if entry.get(name)]
    found: datetime | None = reduce(state.rule.combine, map(datetime.fromisoformat, times), before)
    # A count without any known time: keep the present time, the widest that is known.
    return state.now if found is None and left[total] else found


def _may_be_excluded(moment: datetime | None, summary: FieldState, name: str) -> bool:
    """Return whether *moment* may come from an entry of an excluded orphan, by the part *name*."""
    if moment is None or summary.trusted:
        return False
    entries = [entry for each in summary.excluded or () for entry in (each or {}).values()]
    return any(entry.get(name) and datetime.fromisoformat(entry[name]) == moment for entry in entries)
