"""An export that is imported into an empty workspace is exported again unchanged.

`MERGELANE_TEST_HISTORIES=1000` in the environment makes a thousand random profiles instead of a hundred.
"""

import os
from collections.abc import Sequence
from random import Random
from typing import Any

from app.db.connections import Pool
from tests.support.flask_caller import Caller
from tests.support.imports import all_profiles, import_lines
from tests.support.lane_runs import merged
from tests.support.people import attributes, happenings, together
from tests.support.profiles import track

Json = dict[str, Any]

HISTORIES = int(os.environ.get("MERGELANE_TEST_HISTORIES", "100"))
#: People of one request.
PEOPLE = 20


def somebody(chance: Random, number: int) -> Json:
    """Return the identifier of the person *number*: an external_id for most, an alias for the others."""
    if number % 3:
        return {"external_id": f"person-{number}"}
    return {"user_alias": {"alias_label": chance.choice(["mail", "guest"]), "alias_name": f"alias-{number}"}}


def populate(caller: Caller, pool: Pool, chance: Random, people: Sequence[Json]) -> None:
    """Write *people* with random histories, and merge some of them."""
    track(caller, attributes=[attributes(chance, person) for person in people])
    track(caller, **together([happenings(chance, person) for person in people]))
    identified = [person["external_id"] for person in people if "external_id" in person]
    aliases = [
        {"external_id": name, "alias_label": label, "alias_name": f"{label}-of-{name}"}
        for name in chance.sample(identified, PEOPLE // 4)
        for label in ("mail", "guest")
    ]
    caller.post("/users/alias/new", {"user_aliases": aliases})
    merged(caller, pool, *((person, chance.choice(people)) for person in chance.sample(people, PEOPLE // 4)))


def test_an_export_imported_into_an_empty_workspace_is_exported_as_it_was(
    caller: Caller, empty: Caller, pool: Pool
) -> None:
    chance = Random(18)
    for start in range(0, HISTORIES * 4 // 3, PEOPLE):
        populate(caller, pool, chance, [somebody(chance, start + number) for number in range(PEOPLE)])
    exported = all_profiles(caller)

    outcomes = import_lines(pool, empty, exported)

    assert len(exported) >= HISTORIES * 0.9
    assert [outcome.result for outcome in outcomes] == ["created"] * len(exported)
    assert [outcome.reasons for outcome in outcomes] == [()] * len(exported)
    assert all_profiles(empty) == exported


def test_a_second_import_of_the_same_lines_changes_nothing(caller: Caller, empty: Caller, pool: Pool) -> None:
    chance = Random(19)
    populate(caller, pool, chance, [somebody(chance, number) for number in range(PEOPLE)])
    exported = all_profiles(caller)
    import_lines(pool, empty, exported)

    skipped = import_lines(pool, empty, exported, on_conflict="skip")
    filled = import_lines(pool, empty, exported, on_conflict="fill")

    assert {outcome.result for outcome in (*skipped, *filled)} == {"skipped"}
    assert [outcome.braze_id for outcome in skipped] == [profile["braze_id"] for profile in exported]
    assert all_profiles(empty) == exported
