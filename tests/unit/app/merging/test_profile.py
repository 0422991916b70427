"""The profile as a value."""

import dataclasses

import pytest

from tests.support.factories import a_phone, a_profile


@pytest.mark.parametrize(
    ("number", "key"), [("+1 (415) 555-0123", "+14155550123"), (" 0123 ", "0123"), ("nonsense", "nonsense")]
)
def test_a_phone_number_compares_in_e164_or_as_it_was_sent(number: str, key: str) -> None:
    assert a_phone(number).key == key


def test_nothing_changes_a_profile() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        a_profile().first_name = "Ann"  # type: ignore[misc]
