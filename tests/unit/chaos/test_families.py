"""The families of the chaos tests: equal for equal seeds, within the API's limits, and consistent with their sums."""

from collections import Counter
from typing import Any

import pytest

from chaos.families import PLANTED_EVERY, SHAPES, WITH_UNDO, Family, Recipe

FAMILIES = [Recipe("seed", number, WITH_UNDO).make() for number in range(1, 120)]


def named(family: Family) -> set[str]:
    """Return all profiles that the requests about *family* name."""
    names: set[str] = set()
    for batch in family.batches:
        for update in batch.body.get("merge_updates", ()):
            names |= {name for side in update.values() if (name := name_of(side))}
        for given in batch.body.get("aliases_to_identify", ()):
            names.add(given["user_alias"]["alias_name"])
    return names


def name_of(identifier: dict[str, Any]) -> str | None:
    """Return the profile that *identifier* names, or None for an address."""
    return identifier.get("external_id") or identifier.get("user_alias", {}).get("alias_name")


def test_a_seed_repeats_its_families() -> None:
    assert [Recipe("seed", number, WITH_UNDO).make() for number in range(1, 120)] == FAMILIES
    assert Recipe("other", 1, WITH_UNDO).make() != FAMILIES[0]


def test_another_attempt_of_a_family_has_other_names() -> None:
    first, again = (
        {member.name for member in Recipe("seed", 5, WITH_UNDO).make(attempt).members} for attempt in range(2)
    )

    assert first.isdisjoint(again)


def test_every_shape_occurs() -> None:
    shapes = Counter(family.shape for family in FAMILIES)

    assert shapes.keys() == {shape.__name__ for shape in WITH_UNDO} | {"planted"}
    assert shapes["planted"] == len(FAMILIES) // PLANTED_EVERY


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_one_request_creates_a_family_with_its_sums(family: Family) -> None:
    tracked = family.tracked()
    cents = sum(round(each["price"] * 100) for each in tracked.get("purchases", ()))

    assert all(0 < len(objects) <= 75 for objects in tracked.values())
    assert len(tracked["events"]) == sum(member.sums.logins for member in family.members)
    assert len(tracked.get("purchases", ())) == sum(member.sums.purchases for member in family.members)
    assert len(tracked.get("sessions", ())) == sum(member.sums.sessions for member in family.members)
    assert cents == sum(member.sums.cents for member in family.members)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_requests_are_about_the_family_and_count_their_jobs(family: Family) -> None:
    members = {member.name for member in family.members}
    new = {each["external_id"] for batch in family.batches for each in batch.body.get("aliases_to_identify", ())}

    assert named(family) - members - new <= {"seed-hub"}
    assert {member.name for group in family.groups.values() for member in group} == members
    for batch in family.batches:
        assert batch.path == "/users/track" or 0 < batch.jobs <= 50
        assert batch.path.endswith(("/undo", "/track")) or batch.jobs == sum(map(len, batch.body.values()))


def test_without_undo_no_request_waits_for_another() -> None:
    families = [Recipe("seed", number, SHAPES).make() for number in range(1, 120)]

    assert not any(batch.waits for family in families for batch in family.batches)
    assert any(batch.waits for family in FAMILIES for batch in family.batches)
