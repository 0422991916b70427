"""Find the rules by which a recorded merge was made: settings and versions may have changed since. Pure."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from app.merging.changes import list_changes
from app.merging.consent import OF_EMAIL, OF_PHONE, PairReach
from app.merging.consent_states import EMAIL_FIELDS, GROUPS, GroupKinds, Slot
from app.merging.rules import FILL, FILL_KEYS, MERGE_RULES, Rule
from app.merging.versions import rules_of
from app.undo.reversal import RecordedMerge

Changes = Sequence[Mapping[str, Any]]

#: The rules of earlier versions, in which consent did not follow the address.
FORMER_RULES: Mapping[str, Rule] = MappingProxyType(
    {**MERGE_RULES, **dict.fromkeys(EMAIL_FIELDS, FILL), GROUPS: FILL_KEYS}
)


def with_recorded_rules(merge: RecordedMerge, *, groups: GroupKinds) -> RecordedMerge | None:
    """Return *merge* with the rules that made its recorded changes; None if this version has no such rules.

    A merge that recorded the version of its rules has no others. They do not make the same changes if an address of it
    is compared otherwise now. *groups* are the subscription groups that settings declare now.
    """
    recorded = _by_field(merge.changes)
    candidates = _candidates(merge, groups) if merge.version is None else [merge]
    return next((each for each in candidates if _by_field(_changes_of(each)) == recorded), None)


def _candidates(merge: RecordedMerge, groups: GroupKinds) -> Iterator[RecordedMerge]:
    yield dataclasses.replace(merge, groups=groups)
    yield dataclasses.replace(merge, groups=_groups_then(merge, groups))
    yield dataclasses.replace(merge, groups=groups, former_rules=FORMER_RULES)


def _groups_then(merge: RecordedMerge, groups: GroupKinds) -> GroupKinds:
    """Return *groups* as they were declared when *merge* was made, as far as its changes depend on that."""
    reach = PairReach.between(survivor=merge.survivor, orphan=merge.orphan, groups=groups)
    ours, theirs = merge.survivor.subscription_groups, merge.orphan.subscription_groups
    recorded = {each["field"]: each["after"] for each in merge.changes}
    email_groups, sms_groups = set(groups.email_groups), set(groups.sms_groups)
    for group in {**ours, **theirs}:
        after = recorded.get(f"{GROUPS}.{group}", ours.get(group))
        states = ours.get(group), theirs.get(group)
        if reach.of(Slot(GROUPS, group)).combine(GROUPS, *states) == after:
            continue
        fitting = [kinds for kinds, each in reach.by_kinds.items() if each.combine(GROUPS, *states) == after]
        email_groups.discard(group)
        sms_groups.discard(group)
        if OF_EMAIL in fitting:
            email_groups.add(group)
        elif OF_PHONE in fitting:
            sms_groups.add(group)
    return GroupKinds(email_groups=frozenset(email_groups), sms_groups=frozenset(sms_groups))


def _changes_of(merge: RecordedMerge) -> Changes:
    sides = {"before": merge.survivor, "after": merge.merged, "orphan": merge.orphan}
    if merge.version is not None:
        return rules_of(merge.version).list_changes(**sides)
    return list_changes(**sides, rules=merge.rules)


def _by_field(changes: Iterable[Mapping[str, Any]]) -> list[Any]:
    return sorted(changes, key=lambda change: str(change["field"]))
