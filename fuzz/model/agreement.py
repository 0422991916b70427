"""Compares the product with the model; a disagreement contains both values."""

from collections.abc import Mapping
from typing import Any


class Disagreement(AssertionError):
    """The product and the model differ; the message contains both values."""


def agree(what: str, *, actual: Any, expected: Any) -> None:
    """Raise Disagreement unless *actual*, the product's value of *what*, equals *expected*, the model's value."""
    if actual == expected:
        return
    if isinstance(actual, Mapping) and isinstance(expected, Mapping):
        names = [name for name in {**actual, **expected} if actual.get(name) != expected.get(name)]
        actual = {name: actual.get(name) for name in names}
        expected = {name: expected.get(name) for name in names}
    raise Disagreement(f"{what} is {actual!r}, but the model has {expected!r}.")
