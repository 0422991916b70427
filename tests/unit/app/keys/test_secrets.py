"""The form of secrets and console tokens, with and without a route label."""

import re

import pytest

from app.keys.secrets import hint_of_secret, label_of_secret, new_secret, new_token, workspace_of_token
from tests.project.tree import text_of

LABEL = "3f9c2a71be"
RANDOM = "Ab3d-fGh1jKlMnOpQrStUvWxYz0123456789-abcdef"
#: The pattern for scanners of secrets in docs/operations.md.
SCANNED = re.compile(r"ml_([a-z0-9]{1,20}_)?[A-Za-z0-9_-]{43}")


def test_a_new_secret_has_the_label_and_43_random_characters() -> None:
    secret, other = new_secret(LABEL), new_secret(LABEL)

    assert re.fullmatch(rf"ml_{LABEL}_[A-Za-z0-9_-]{{43}}", secret)
    assert secret != other
    assert label_of_secret(secret) == LABEL


@pytest.mark.parametrize("secret", [f"ml_{RANDOM}", "chosen-by-an-operator", "ml_", "ml__", "", "ml_LABEL_x", "ml_ä_x"])
def test_other_secrets_have_no_label(secret: str) -> None:
    assert label_of_secret(secret) is None


def test_a_hint_of_a_new_secret_shows_the_label_and_four_characters() -> None:
    assert hint_of_secret(f"ml_{LABEL}_{RANDOM}", route_label=LABEL) == f"ml_{LABEL}_Ab3d"


@pytest.mark.parametrize(
    ("secret", "hint"),
    [(f"ml_{RANDOM}", "ml_Ab3d"), ("sixteen-letters!", "sixt"), ("ml_chosen_key", "ml_"), ("short", "s"), ("", "")],
)
def test_a_hint_of_another_secret_shows_at_most_a_quarter_of_it(secret: str, hint: str) -> None:
    assert hint_of_secret(secret) == hint


def test_a_token_has_the_label_and_the_workspace() -> None:
    token = new_token(LABEL, 1_000_007)

    assert token.startswith(f"{LABEL}.1000007.")
    assert workspace_of_token(token) == 1_000_007


def test_a_token_without_a_label_stays_valid() -> None:
    assert workspace_of_token(f"7.{RANDOM}") == 7


@pytest.mark.parametrize(
    "token",
    ["", "7", RANDOM, f".7.{RANDOM}", f"{LABEL}.0.{RANDOM}", f"{LABEL}.7.{RANDOM}x", f"{LABEL}.1234567890.{RANDOM}"],
)
def test_other_texts_are_no_tokens(token: str) -> None:
    assert workspace_of_token(token) is None


def test_the_documented_pattern_finds_both_forms() -> None:
    assert f"`{SCANNED.pattern}`" in text_of("docs/operations.md")
    assert SCANNED.fullmatch(new_secret(LABEL))
    assert SCANNED.fullmatch(f"ml_{RANDOM}")
