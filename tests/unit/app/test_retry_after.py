"""The header Retry-After: a number of seconds, a date, or nothing that can be read."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from schemas.retry_after import LONGEST_S, parse_retry_after


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        ("9" * 400, LONGEST_S),
        (None, None),
        ("", None),
        ("soon", None),
    ],
)
def test_a_number_of_seconds(text: str | None, seconds: float | None) -> None:
    assert parse_retry_after(text) == seconds


@pytest.mark.parametrize("text", ["-1", "1.5", "٣", "1e3"])
def test_other_numbers_are_malformed(text: str) -> None:
    assert parse_retry_after(text) is None


def test_a_date() -> None:
    later, earlier = (datetime.now(UTC) + timedelta(seconds=seconds) for seconds in (60, -60))

    assert 55 < (parse_retry_after(format_datetime(later, usegmt=True)) or 0) <= 60
    assert parse_retry_after(format_datetime(earlier, usegmt=True)) == 0.0
