"""Versions of the merge rules: a merge records its version, so that its changes can be computed whenever they are read.

To change a rule, or how changes are listed, add a version, make it CURRENT, and leave the earlier ones runnable: see
docs/adr/0053-changes-are-computed-on-reading.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from app.errors import UnknownRulesError
from app.merging.changes import Change, list_changes
from app.merging.consent import pair_rules
from app.merging.consent_states import GroupKinds
from app.merging.profile import Profile
from app.merging.rules import Rule


class PairRules(Protocol):
    """Returns the rule of each merged field for two profiles."""

    def __call__(self, *, survivor: Profile, orphan: Profile, groups: GroupKinds) -> Mapping[str, Rule]:
        """Return the rules, in the order of MERGE_RULES."""


class ListChanges(Protocol):
    """Lists the changes of a survivor."""

    def __call__(self, *, before: Profile, after: Profile, orphan: Profile) -> list[Change]:
        """Return `[{field, before, after, rule}]`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleVersion:
    """All that makes the changes of a merge out of two profiles."""

    pair_rules: PairRules
    list_changes: ListChanges


VERSIONS: dict[int, RuleVersion] = {1: RuleVersion(pair_rules=pair_rules, list_changes=list_changes)}
#: The version of the merges of this code.
CURRENT = 1


def rules_of(version: int) -> RuleVersion:
    """Return the rules of *version*; raise UnknownRulesError if a newer version of Mergelane has made the merge."""
    try:
        return VERSIONS[version]
    except KeyError:
        raise UnknownRulesError(version) from None


def current_rules() -> RuleVersion:
    """Return the rules by which this code merges."""
    return VERSIONS[CURRENT]
