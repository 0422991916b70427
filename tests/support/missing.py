"""What to do when a server that tests need cannot be had."""

import os
from typing import NoReturn

import pytest


def missing(what: str, error: Exception) -> NoReturn:
    """Skip the test on a laptop and fail it in CI, telling that *what* is missing and why."""
    reason = f"{what} is not available: {error}"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
