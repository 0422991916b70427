"""Formats values for the tables of the demo."""

from typing import Any

import pytest

from demo.report import VALUE_WIDTH, format_value, outcome_ranges


def job(outcome: str | None, state: str = "finished") -> dict[str, Any]:
    """Return the members of a job that the tables use."""
    return {"outcome": outcome, "state": state}


def test_equal_neighbours_form_one_range() -> None:
    jobs = [job("merged"), job("merged"), job("protected"), job("merged")]

    assert list(outcome_ranges(jobs)) == ["0-1 merged", "2 protected", "3 merged"]


def test_a_job_without_an_outcome_is_listed_with_its_state() -> None:
    assert list(outcome_ranges([job(None, state="dead")])) == ["0 dead"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), ("Ada", "Ada"), (3, "3"), (False, "false"), ({"first": "a"}, '{"first":"a"}'), ([], "[]")],
)
def test_a_value_is_formatted_as_json_except_text_and_none(value: object, text: str) -> None:
    assert format_value(value) == text


def test_a_long_value_is_cut_to_the_width_of_its_column() -> None:
    text = format_value("x" * 100)

    assert len(text) == VALUE_WIDTH
    assert text.endswith("…")
