"""Skips or fails a test whose server is not available."""

import os
from typing import NoReturn

import pytest


def missing(what: str, error: Exception) -> NoReturn:
    """Fail the test in CI and skip it elsewhere; the reason contains *what* and *error*."""
    reason = f"{what} is not available: {error}"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
