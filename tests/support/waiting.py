"""Waits for a condition with a deadline, instead of sleeping for a fixed time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(condition: Callable[[], T], *, seconds: float = 30.0, every: float = 0.02, what: str = "") -> T:
    """Call *condition* every *every* seconds until it returns a truthy value, and return this value.

    An AssertionError of *condition* counts as a false value. After *seconds*, raise TimeoutError with *what*; its cause
    is the last AssertionError.
    """
    deadline = time.monotonic() + seconds
    doubt: AssertionError | None = None
    while True:
        try:
            value = condition()
        except AssertionError as error:
            doubt = error
        else:
            if value:
                return value
            doubt = None
        if time.monotonic() > deadline:
            name = what or getattr(condition, "__name__", "the condition")
            message = f"Waited {seconds:g} s in vain for: {name}"
            raise TimeoutError(message) from doubt
        time.sleep(every)
