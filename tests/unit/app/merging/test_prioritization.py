"""Prioritization: Braze's examples, ties, order and missing candidates; a few candidates decide like all of them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as with_settings
from hypothesis import strategies as st

from app.merging.prioritization import Ambiguous, Candidate, NoCandidate, Resolved, prioritize
from schemas.priorities import Priority
from tests.support.factories import LONG_AGO

IDENTIFIED, UNIDENTIFIED = Priority.IDENTIFIED, Priority.UNIDENTIFIED
NEWEST, OLDEST = Priority.MOST_RECENTLY_UPDATED, Priority.LEAST_RECENTLY_UPDATED


def day(number: int) -> datetime:
    return LONG_AGO + timedelta(days=number)


def known(profile_id: int, updated: int) -> Candidate:
    return Candidate(profile_id, identified=True, updated_at=day(updated))


def guest(profile_id: int, updated: int) -> Candidate:
    return Candidate(profile_id, identified=False, updated_at=day(updated))


JOHN = known(1, 5)
FIRST_GUEST, SECOND_GUEST = guest(2, 1), guest(3, 2)


@pytest.mark.parametrize(
    ("candidates", "prioritization", "choice"),
    [
        # "fusionnerait l'utilisateur non identifié … le plus récent"
        ([JOHN, FIRST_GUEST, SECOND_GUEST], [UNIDENTIFIED, NEWEST], Resolved(3)),
        # "s'il y avait deux utilisateurs non identifiés …, un seul serait fusionné"
        ([FIRST_GUEST, SECOND_GUEST], [UNIDENTIFIED, NEWEST], Resolved(3)),
        # "avec l'utilisateur identifié … le plus récent"
        ([known(4, 1), JOHN, guest(5, 9)], [IDENTIFIED, NEWEST], Resolved(1)),
        # "ne fusionne aucun utilisateur car il y a deux utilisateurs non identifiés"
        ([FIRST_GUEST, SECOND_GUEST], [UNIDENTIFIED], Ambiguous()),
        # "ne fonctionne que s'il n'y a qu'un seul utilisateur non identifié"
        ([JOHN, FIRST_GUEST], [UNIDENTIFIED], Resolved(2)),
        # "donner la priorité à un utilisateur ayant une external_id": a requirement, not a preference
        ([FIRST_GUEST], [IDENTIFIED], NoCandidate(filtered_out=True)),
        ([JOHN], [UNIDENTIFIED, NEWEST], NoCandidate(filtered_out=True)),
        # "qu'ils soient identifiés ou non"
        ([JOHN, guest(2, 6)], [NEWEST], Resolved(2)),
        ([JOHN, guest(2, 6)], [OLDEST], Resolved(1)),
        ([FIRST_GUEST, SECOND_GUEST, JOHN], [UNIDENTIFIED, OLDEST], Resolved(2)),
    ],
)
def test_the_examples_of_the_vendor(candidates: list[Candidate], prioritization: list[Priority], choice: Any) -> None:
    assert prioritize(candidates, prioritization) == choice


def test_two_profiles_updated_at_one_time_are_a_tie() -> None:
    tied = [guest(1, 3), guest(2, 3), guest(3, 1)]

    assert prioritize(tied, [NEWEST]) == Ambiguous()
    assert prioritize(tied, [OLDEST]) == Resolved(3)


def test_a_tie_outside_of_the_extreme_does_not_matter() -> None:
    assert prioritize([guest(1, 3), guest(2, 1), guest(3, 1)], [NEWEST]) == Resolved(1)


def test_a_later_step_can_break_a_tie() -> None:
    assert prioritize([known(1, 3), guest(2, 3)], [NEWEST, UNIDENTIFIED]) == Resolved(2)


def test_the_order_of_the_steps_matters() -> None:
    candidates = [known(1, 9), guest(2, 1)]

    assert prioritize(candidates, [NEWEST, UNIDENTIFIED]) == NoCandidate(filtered_out=True)
    assert prioritize(candidates, [UNIDENTIFIED, NEWEST]) == Resolved(2)


def test_without_candidates_no_step_finds_a_profile() -> None:
    assert prioritize([], []) == NoCandidate()
    assert prioritize([], [IDENTIFIED, NEWEST]) == NoCandidate(filtered_out=False)


def test_without_steps_only_a_single_candidate_is_chosen() -> None:
    assert prioritize([JOHN], []) == Resolved(1)
    assert prioritize([JOHN, FIRST_GUEST], []) == Ambiguous()


def test_one_candidate_is_chosen_by_each_step_that_allows_it() -> None:
    assert {prioritize([JOHN], [step]) for step in (NEWEST, OLDEST, IDENTIFIED)} == {Resolved(1)}


STANDINGS: list[list[Priority]] = [[], [IDENTIFIED], [UNIDENTIFIED]]
RECENCIES: list[list[Priority]] = [[], [NEWEST], [OLDEST]]
EVERY_PRIORITIZATION = [
    steps for standing in STANDINGS for recency in RECENCIES for steps in (standing + recency, recency + standing)
]
"""All valid prioritizations: at most one step of each kind, in any order."""
CANDIDATES = st.lists(
    st.builds(Candidate, st.integers(1, 50), st.booleans(), st.integers(0, 4).map(day)),
    unique_by=lambda candidate: candidate.id,
    max_size=12,
)


def as_read(candidates: Sequence[Candidate], prioritization: Sequence[Priority]) -> list[Candidate]:
    """Return the candidates that `resolve_identifiers` reads: up to two identified and two unidentified ones.

    They are the last updated ones, or with the step for the least recently updated profile the first updated ones.
    """
    ordered = sorted(candidates, key=lambda candidate: candidate.updated_at, reverse=OLDEST not in prioritization)
    return [
        candidate
        for standing in (True, False)
        for candidate in [each for each in ordered if each.identified is standing][:2]
    ]


@given(CANDIDATES, st.sampled_from(EVERY_PRIORITIZATION))
@with_settings(max_examples=500, deadline=None)
def test_the_candidates_that_are_read_decide_like_all_candidates(
    candidates: list[Candidate], prioritization: list[Priority]
) -> None:
    assert prioritize(as_read(candidates, prioritization), prioritization) == prioritize(candidates, prioritization)


@given(CANDIDATES, st.sampled_from(EVERY_PRIORITIZATION), st.randoms())
@with_settings(max_examples=200, deadline=None)
def test_the_order_of_the_candidates_does_not_matter(
    candidates: list[Candidate], prioritization: list[Priority], shuffling: Any
) -> None:
    shuffled = list(candidates)
    shuffling.shuffle(shuffled)

    assert prioritize(shuffled, prioritization) == prioritize(candidates, prioritization)
