"""Braze's examples have an expected outcome for each update, and their own profiles."""

import pytest

from demo.examples import EXAMPLES, Example


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_an_example_expects_an_outcome_for_each_of_its_updates(example: Example) -> None:
    assert len(example.body["merge_updates"]) == len(example.expected)


def test_each_example_creates_its_own_profiles() -> None:
    identifiers = [str(profile.identifier) for example in EXAMPLES for profile in example.profiles]

    assert len(identifiers) == len(set(identifiers))
