"""The final actions of the console, whose buttons are red."""

import pytest

from app.web.console.confirmation import CANCELLED_FOR_GOOD, CANNOT_BE_UNDONE, UNDONE_FOR_GOOD, Confirmation


@pytest.mark.parametrize(
    ("lasting", "is_final"),
    [
        (CANNOT_BE_UNDONE, True),
        (f"{CANNOT_BE_UNDONE} To plan the pairs again, send them again.", True),
        (CANCELLED_FOR_GOOD, True),
        (UNDONE_FOR_GOOD, False),
        ("You can resume it at any time.", False),
    ],
)
def test_an_action_that_cannot_be_undone_is_final(lasting: str, is_final: bool) -> None:
    question = Confirmation(title="Sure?", sentences=(), lasting=lasting, button="Yes", back="/console")

    assert question.is_final is is_final
