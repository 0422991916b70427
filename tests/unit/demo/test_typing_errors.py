"""Typing errors: exactly one in each name."""

from random import Random

import pytest

from demo.typing_errors import ERRORS, mistype

SEEDED = [Random(seed) for seed in range(200)]


@pytest.mark.parametrize("name", ["Al", "Chloé", "O'Connor", "Zimmermann"])
def test_a_mistyped_name_is_another_name(name: str) -> None:
    mistyped = [mistype(name, rng) for rng in SEEDED]

    assert all(slip.casefold() != name.casefold() for slip in mistyped)


def test_a_typing_error_changes_the_length_by_at_most_one_letter() -> None:
    mistyped = {mistype("Harrington", rng) for rng in SEEDED}

    assert {len(slip) for slip in mistyped} == {9, 10, 11}


@pytest.mark.parametrize("error", ERRORS)
def test_a_name_of_one_letter_survives_every_kind_of_error(error: object) -> None:
    assert callable(error)
    assert error("X", SEEDED[0])
