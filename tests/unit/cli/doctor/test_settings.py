"""The doctor's checks of the settings."""

from typing import Any

import pytest

from app.config import Settings
from cli.doctor import settings as doctor
from cli.doctor.findings import Finding, Level

PEPPERED = {"key_pepper": ("a-pepper-of-some-length",)}


def found(level: Level, **values: Any) -> list[Finding]:
    """Return the findings at *level* in the default settings with *values*."""
    return [finding for finding in doctor.check_settings(Settings(**{**PEPPERED, **values})) if finding.level == level]


def test_the_defaults_do_not_contradict_each_other() -> None:
    assert [finding.level for finding in doctor.check_settings(Settings(**PEPPERED))] == [Level.FINE]


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"lock_timeout_ms": 15_000}, "MERGELANE_LOCK_TIMEOUT_MS"),
        ({"visibility_timeout_s": 15}, "MERGELANE_VISIBILITY_TIMEOUT_S"),
        ({"rescue_after_s": 10.0}, "MERGELANE_RESCUE_AFTER_S"),
        ({"prune_after_days": 0.5}, "MERGELANE_PRUNE_AFTER_DAYS"),
    ],
)
def test_settings_that_contradict_each_other_are_wrong(values: dict[str, Any], named: str) -> None:
    (finding,) = found(Level.WRONG, **values)

    assert named in finding.remedy
    assert finding.sentence.endswith(".")


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"idle_timeout_ms": 15_000}, "MERGELANE_IDLE_TIMEOUT_MS"),
        ({"rescue_after_s": 30.0}, "MERGELANE_RESCUE_AFTER_S"),
        ({"rescue_every_s": 90.0}, "MERGELANE_RESCUE_EVERY_S"),
        ({"lane_size": 1}, "MERGELANE_RELAY_CLAIM"),
        ({"key_pepper": ()}, "SECRET"),
        ({"key_pepper": ("",)}, "SECRET"),
        ({"dev_api_key": "a-long-key"}, "mergelane keys create"),
        ({"log_error_texts": True}, "MERGELANE_LOG_ERROR_TEXTS"),
    ],
)
def test_unusual_settings_that_work_are_a_notice(values: dict[str, Any], named: str) -> None:
    (finding,) = found(Level.NOTICE, **values)

    assert named in finding.remedy
    assert found(Level.WRONG, **values) == []


def test_no_secret_is_printed() -> None:
    secret = "s3cret-of-this-installation"
    settings = Settings(key_pepper=("",), dev_api_key=secret, flower_basic_auth=f"ada:{secret}")

    assert secret not in str(doctor.check_settings(settings))
