"""The profile as an immutable value."""

import dataclasses

import pytest

from tests.support.factories import a_profile


def test_a_profile_is_immutable() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        a_profile().first_name = "Ann"  # type: ignore[misc]
