"""What is told and what is expected, compared; a disagreement says in what they differ."""

from collections.abc import Mapping
from typing import Any


class Disagreement(AssertionError):
    """The product and the model do not tell the same; the message says what each of them tells."""


def agree(what: str, *, told: Any, expected: Any) -> None:
    """Raise Disagreement unless what the product *told* of *what* is what the model *expected*."""
    if told == expected:
        return
    if isinstance(told, Mapping) and isinstance(expected, Mapping):
        names = [name for name in {**told, **expected} if told.get(name) != expected.get(name)]
        told = {name: told.get(name) for name in names}
        expected = {name: expected.get(name) for name in names}
    raise Disagreement(f"{what} is {told!r}, and the model has {expected!r}.")
