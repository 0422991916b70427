"""The effects of renames. Each sees the effects of earlier ones."""

import pytest

from app.profiles.deprecation import ExternalIdHolder
from app.users.external_ids import plan_renames
from schemas.external_ids import DEPRECATED, IN_USE, SAME, UNKNOWN, Rename

BEFORE = {
    "a": ExternalIdHolder(profile_id=1, is_primary=True),
    "c": ExternalIdHolder(profile_id=2, is_primary=True),
    "old": ExternalIdHolder(profile_id=2, is_primary=False),
}


def renames(*pairs: tuple[str, str]) -> dict[int, Rename]:
    return {place: Rename(current=current, new=new) for place, (current, new) in enumerate(pairs)}


def test_a_profile_gets_its_new_external_id_and_the_old_one_becomes_deprecated() -> None:
    planned = plan_renames(renames(("a", "b")), BEFORE)

    assert planned.steps == [{1: "b"}]
    assert planned.deprecated == {"a": 1}
    assert planned.refused == {}


@pytest.mark.parametrize(
    ("pair", "sentence"),
    [
        (("a", "a"), SAME),
        (("nobody", "nobody"), SAME),
        (("nobody", "b"), UNKNOWN),
        (("old", "b"), DEPRECATED),
        (("a", "c"), IN_USE),
        (("a", "old"), IN_USE),
    ],
)
def test_a_rename_against_the_rules_is_refused(pair: tuple[str, str], sentence: str) -> None:
    planned = plan_renames(renames(pair, ("c", "d")), BEFORE)

    assert planned.refused == {0: sentence}
    assert planned.steps == [{2: "d"}]


def test_of_two_renames_to_one_external_id_the_first_is_done() -> None:
    planned = plan_renames(renames(("a", "b"), ("c", "b")), BEFORE)

    assert planned.refused == {1: IN_USE}
    assert planned.steps == [{1: "b"}]


def test_an_external_id_that_was_renamed_is_deprecated_for_the_renames_after_it() -> None:
    planned = plan_renames(renames(("a", "b"), ("a", "d"), ("c", "a")), BEFORE)

    assert planned.refused == {1: DEPRECATED, 2: IN_USE}


def test_a_profile_that_is_renamed_twice_is_so_in_two_steps() -> None:
    planned = plan_renames(renames(("a", "b"), ("c", "d"), ("b", "e")), BEFORE)

    assert planned.steps == [{1: "b", 2: "d"}, {1: "e"}]
    assert planned.deprecated == {"a": 1, "c": 2, "b": 1}
    assert planned.refused == {}
