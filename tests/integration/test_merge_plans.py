"""The statements of a merge have one plan for any statistics: probes of whole keys.

A worker keeps its plans. One made for empty tables would read whole tables or indexes later, for each merge.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from app.db.connections import APP_ROLE, Connection
from app.profiles.store import LOAD_PROFILES, SAVE_PROFILES
from tests.integration.queries import QUERIES, numbered
from tests.integration.test_plans import FILL, ROWS, opened
from tests.support.postgres import Databases

Plan = dict[str, Any]

#: What a lane runs for its merges, besides the statements about its jobs and those of plans and of duplicate runs.
STATEMENTS = {
    **{
        name: text
        for name, text in QUERIES.items()
        if name.startswith(("lane/sql/lane.sql", "profiles/sql/resolution.sql"))
    },
    "profiles/sql/deprecation.sql:take_over_external_ids": QUERIES[
        "profiles/sql/deprecation.sql:take_over_external_ids"
    ],
    "profiles/sql/profiles.sql:lock_profiles": QUERIES["profiles/sql/profiles.sql:lock_profiles"],
    "profiles/sql/profiles.sql:load_profiles": LOAD_PROFILES,
    "profiles/sql/profiles.sql:save_profiles": SAVE_PROFILES,
}
#: What PostgreSQL knows when it makes the plan, and whether there are rows then.
KNOWN = {
    "nothing, of empty tables": (),
    "nothing, of full tables": (f"{ROWS}",),
    "that the tables were empty": ("VACUUM ANALYZE", f"{ROWS}"),
    "all of full tables": (f"{ROWS}", "VACUUM ANALYZE"),
}
#: A DELETE has no LIMIT. While nothing is known of a small table, another index costs the same; one ANALYZE ends that.
EXCEPTIONS = {"lane/sql/lane.sql:retire_orphans": {"profile_workspace_id_braze_id_key"}}
#: It has one small row for each workspace. PostgreSQL reads its only page instead of the index while it knows of a few
#: rows, and the relay has it analyzed when it has 500 more.
SMALL = {"workspace_home"}
#: How many columns of these indexes a statement has to name: profiles of an address, and aliases of a profile.
PARTS = {"profile_email": 3, "profile_phone": 3, "user_alias_workspace_id_profile_id_label_key": 2}


@pytest.fixture(scope="module", params=KNOWN)
def process(request: pytest.FixtureRequest, databases: Databases) -> Iterator[Connection]:
    """A connection of a process to a database in one of these states."""
    name = databases.create()
    try:
        with opened(databases.url(name)) as owner:
            for step in KNOWN[request.param]:
                if step.isdigit():
                    owner.execute(FILL, {"rows": int(step)})
                else:
                    owner.execute(step.encode(), prepare=False)
            with opened(databases.url(name), APP_ROLE) as connection:
                yield connection
    finally:
        databases.drop(name)


def test_a_statement_of_a_merge_probes_whole_keys(process: Connection) -> None:
    keys = keys_of_indexes(process)
    allowed = {name: EXCEPTIONS.get(name, set()) | SMALL for name in STATEMENTS}
    found = {name: faults(process, text, keys) - allowed[name] for name, text in STATEMENTS.items()}

    assert {name: each for name, each in found.items() if each} == {}


def keys_of_indexes(connection: Connection) -> dict[str, list[str]]:
    """Return the expressions of the key of each index."""
    rows = connection.execute(
        """
        SELECT
            indexrelid::regclass::text AS name,
            array(SELECT pg_get_indexdef(indexrelid, nth, false) FROM generate_series(1, indnkeyatts) AS nth) AS keys
        FROM pg_index
        """
    )
    return {row["name"]: row["keys"] for row in rows}


def faults(connection: Connection, query: str, keys: Mapping[str, Sequence[str]]) -> set[str]:
    """Return the tables and indexes that the plan for any values of *query* does not read by whole keys."""
    explain = f"EXPLAIN (GENERIC_PLAN, FORMAT JSON) {numbered(query)}"
    (row,) = connection.execute(explain.encode(), prepare=False).fetchall()
    return set(_faults(row["QUERY PLAN"][0]["Plan"], keys))


def _faults(plan: Plan, keys: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Yield the faults of *plan* and of all within it."""
    if "Index Name" in plan:
        name, condition = plan["Index Name"], plan.get("Index Cond", "")
        needed = keys[name][: PARTS.get(name)]
        if not all(each.strip("()") in condition for each in needed):
            yield name
    elif plan["Node Type"] == "Seq Scan":
        yield plan["Relation Name"]
    for part in plan.get("Plans", ()):
        yield from _faults(part, keys)
