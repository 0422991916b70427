"""Waiting for a condition with a deadline, instead of sleeping for a guess."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(condition: Callable[[], T], *, seconds: float = 30.0, every: float = 0.02, what: str = "") -> T:
    """Return the first truthy value of *condition*, asked again until *seconds* have passed.

    An AssertionError that *condition* raises counts as "not yet"; the last one is shown when time is up.
    Raises TimeoutError naming *what* was waited for.
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
