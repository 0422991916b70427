"""Outcomes are compared with the expected ones."""

from demo.duplicates import Kind, Pair
from demo.merging import unexpected_outcomes

PAIR = Pair(kind=Kind.SECOND_DEVICE, orphan={"external_id": "a"}, survivor={"external_id": "b"})


def test_an_expected_outcome_is_no_surprise() -> None:
    assert unexpected_outcomes([PAIR], [{"job_id": "1", "outcome": "merged", "state": "finished", "reason": ""}]) == []


def test_a_surprise_names_the_kind_the_job_both_outcomes_and_the_reason() -> None:
    job = {"job_id": "1", "outcome": None, "state": "dead", "reason": "The database was full."}

    assert unexpected_outcomes([PAIR], [job]) == [
        "second device, job 1: dead instead of merged (The database was full.)"
    ]
