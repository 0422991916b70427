"""Kinds, states and outcomes: each equals its wire value and has a sentence."""

from enum import StrEnum

import orjson
import pytest

from schemas.outcomes import SETTLED, JobKind, JobState, Outcome

MEMBERS: list[StrEnum] = [*JobKind, *JobState, *Outcome]


@pytest.mark.parametrize("member", MEMBERS, ids=str)
def test_every_member_has_a_sentence_of_prose(member: JobKind | JobState | Outcome) -> None:
    assert member.prose[0].isupper()
    assert member.prose.endswith(".")


@pytest.mark.parametrize("member", MEMBERS, ids=str)
def test_every_member_equals_its_value_in_the_api(member: JobKind | JobState | Outcome) -> None:
    assert member == member.value == member.name.lower()
    assert type(member)(member.value) is member
    assert orjson.loads(orjson.dumps(member)) == member.value


def test_no_two_members_have_the_same_prose() -> None:
    assert len({member.prose for member in (*JobKind, *JobState, *Outcome)}) == len(MEMBERS)


def test_the_outcomes_are_in_their_order_of_precedence() -> None:
    assert list(Outcome) == [
        "refused_identifier",
        "orphan_ambiguous",
        "survivor_ambiguous",
        "orphan_not_found",
        "survivor_not_found",
        "already_merged",
        "same_profile",
        "orphan_identified",
        "alias_conflict",
        "protected",
        "invalid_phones",
        "survivor_limit",
        "merged",
        "identified",
        "undone",
        "undone_in_part",
        "not_undoable",
        "changed_since_plan",
        "cancelled",
    ]


def test_only_outcomes_with_a_change_omit_that_nothing_was_done() -> None:
    did_something = {Outcome.MERGED, Outcome.IDENTIFIED, Outcome.UNDONE, Outcome.UNDONE_IN_PART}

    assert all("nothing was" in each.prose for each in Outcome if each not in did_something)


def test_a_job_settles_finished_or_dead() -> None:
    assert set(JobState) - SETTLED == {JobState.QUEUED, JobState.RUNNING}
