"""Typing errors of the kinds that FEBRL, a generator of test records, produces."""

import string
from collections.abc import Callable
from random import Random


def mistype(name: str, rng: Random) -> str:
    """Return *name* with one typing error in it, never the same name."""
    while True:
        mistyped = rng.choice(ERRORS)(name, rng)
        if mistyped.casefold() != name.casefold():
            return mistyped


def _leave_out(name: str, rng: Random) -> str:
    """Return *name* without one of its letters; a name of one letter stays."""
    at = rng.randrange(len(name))
    return name[:at] + name[at + 1 :] if len(name) > 1 else name


def _put_in(name: str, rng: Random) -> str:
    """Return *name* with an extra letter."""
    at = rng.randrange(1, len(name) + 1)
    return name[:at] + rng.choice(string.ascii_lowercase) + name[at:]


def _replace(name: str, rng: Random) -> str:
    """Return *name* with a letter replaced."""
    at = rng.randrange(len(name))
    return name[:at] + rng.choice(string.ascii_lowercase) + name[at + 1 :]


def _swap(name: str, rng: Random) -> str:
    """Return *name* with two neighbouring letters swapped."""
    at = rng.randrange(max(len(name) - 1, 1))
    return name[:at] + name[at : at + 2][::-1] + name[at + 2 :]


ERRORS: tuple[Callable[[str, Random], str], ...] = (_leave_out, _put_in, _replace, _swap)
