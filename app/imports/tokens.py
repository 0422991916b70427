"""Push tokens of imported profiles: an export may be older than a report here, so it takes no token from a profile."""

import dataclasses
from collections.abc import Callable, Mapping

from app.db.transaction import Transaction
from app.imports.plan import Plan
from app.imports.resolution import Subject
from app.profiles.push_tokens import TokenOwners, find_holders, report_push_tokens
from schemas.profile_imports import ImportedProfile, OnConflict

HELD = "'push_tokens' has a token that another profile has now, so it was left out."

Lines = Mapping[int, ImportedProfile]


def leave_held_tokens(
    tx: Transaction,
    *,
    lines: Lines,
    subjects: Mapping[int, Subject],
    on_conflict: OnConflict,
    remark: Callable[[int, str], None],
) -> Lines:
    """Return *lines* without the push tokens that other profiles have, in order; a line that replaces takes them."""
    keys = {key for position in subjects for key in lines[position].columns.get("push_tokens", ())}
    if not keys or on_conflict == OnConflict.REPLACE:
        return lines
    held = find_holders(tx, keys=keys)
    first: dict[str, Subject] = {}
    left = dict(lines)
    for position, subject in subjects.items():
        line = lines[position]
        tokens = line.columns.get("push_tokens") or {}
        kept = {
            key: token
            for key, token in tokens.items()
            if held.get(key, subject.existing_id) == subject.existing_id and first.setdefault(key, subject) is subject
        }
        if len(kept) < len(tokens):
            left[position] = dataclasses.replace(line, columns={**line.columns, "push_tokens": kept})
            remark(position, HELD)
    return left


def report_tokens(tx: Transaction, *, plan: Plan) -> TokenOwners:
    """Record the profiles of *plan* as owners of the push tokens that its lines have."""
    owners: dict[str, int] = {}
    for position, line in plan.lines.items():
        subject = plan.subject_of(position)
        owner = subject.existing_id if subject.existing_id is not None else plan.ids[subject]
        owners |= dict.fromkeys(line.columns.get("push_tokens", ()), owner)
    return report_push_tokens(tx, owners=owners)
