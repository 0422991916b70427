from zoneinfo import available_timezones

import pytest

from schemas import time_zones
from schemas.time_zones import RAILS_NAMES, time_zone_name


def test_all_151_names_of_rails_are_mapped_to_names_of_iana() -> None:
    lines = [line.split(": ") for line in RAILS_NAMES.strip().splitlines()]
    names = [name for _, of_zone in lines for name in of_zone.split(" | ")]

    assert len(names) == len(set(names)) == 151
    assert {iana for iana, _ in lines} <= available_timezones()
    assert all(time_zone_name(name) in available_timezones() for name in names)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        ("EUROPE/BERLIN", "Europe/Berlin"),
        (" Europe/Berlin ", "Europe/Berlin"),
        ("Berlin", "Europe/Berlin"),
        ("berlin", "Europe/Berlin"),
        ("Eastern Time (US & Canada)", "America/New_York"),
        ("Pacific Time (US & Canada)", "America/Los_Angeles"),
        ("Mumbai", "Asia/Kolkata"),
        ("Nuku'alofa", "Pacific/Tongatapu"),
        ("EST5EDT", "EST5EDT"),
        ("UTC", "UTC"),
        ("utc", "UTC"),
        ("Etc/GMT+12", "Etc/GMT+12"),
    ],
)
def test_a_time_zone_gets_its_name_of_iana(text: str, name: str) -> None:
    assert time_zone_name(text) == name


@pytest.mark.parametrize("text", ["", " ", "UTC+2", "Mars/Olympus", "Europe /Berlin", "Eastern Time", "../etc/passwd"])
def test_another_text_is_no_time_zone(text: str) -> None:
    assert time_zone_name(text) is None


def test_without_a_database_every_name_is_accepted_and_names_of_rails_are_mapped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(time_zones, "_known_names", dict)

    assert [time_zone_name(each) for each in ("Mars/Olympus", "Berlin", " ")] == ["Mars/Olympus", "Europe/Berlin", None]
