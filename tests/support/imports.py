"""Imports whole profiles into the workspace of a caller, and exports them."""

import json
from collections.abc import Sequence
from typing import Any

from app.db.connections import Pool
from app.db.transaction import Transaction, retry_until_stable
from app.imports.importing import ImportOutcome, import_profiles
from app.users.consent import ConsentRules
from schemas.placeholders import DEFAULT_PLACEHOLDERS
from schemas.profile_imports import OnConflict, parse_profile
from tests.support.flask_caller import Caller

Json = dict[str, Any]

RULES = ConsentRules(refused=DEFAULT_PLACEHOLDERS)


def import_lines(
    pool: Pool,
    caller: Caller,
    lines: Sequence[Json],
    *,
    on_conflict: str = "skip",
    rules: ConsentRules = RULES,
) -> list[ImportOutcome]:
    """Import *lines* in one call, and commit."""
    parsed = [parse_profile(json.dumps(line)) for line in lines]

    def use_case(tx: Transaction) -> list[ImportOutcome]:
        return import_profiles(tx, parsed, on_conflict=OnConflict(on_conflict), now=tx.now(), rules=rules)

    return retry_until_stable(pool, caller.workspace_id, use_case)


def import_one(pool: Pool, caller: Caller, on_conflict: str = "skip", **line: Any) -> ImportOutcome:
    """Import one *line*, and commit."""
    (outcome,) = import_lines(pool, caller, [line], on_conflict=on_conflict)
    return outcome


def all_profiles(caller: Caller) -> list[Json]:
    """Return all profiles of the caller's workspace, sorted by braze_id."""
    found: list[Json] = []
    query: dict[str, Any] = {}
    while True:
        page = caller.get("/profiles", **query).json or {}
        found += page["profiles"]
        if page["next_cursor"] is None:
            return sorted(found, key=lambda profile: str(profile["braze_id"]))
        query = {"cursor": page["next_cursor"]}
