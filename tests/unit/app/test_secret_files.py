"""Each secret setting can come from a file. The variable NAME_FILE contains its path."""

import dataclasses
from pathlib import Path

import pytest

from app.config import Settings
from app.errors import SetupError
from app.setting_declaration import variable

SECRETS = {field.name for field in dataclasses.fields(Settings) if not field.repr}
VALUES = {
    "database_url": "postgresql://u:p@h/d",
    "database_replica_url": "postgresql://u:p@standby/d",
    "broker_url": "redis://:p@h/0",
    "rate_limit_url": "redis://:p@h/1",
    "otel_exporter_otlp_endpoint": "https://u:p@h",
}
OTHER = "a-secret-of-some-length"


@pytest.mark.parametrize("setting", sorted(SECRETS))
def test_a_secret_is_read_from_its_file_without_the_line_end(tmp_path: Path, setting: str) -> None:
    value = VALUES.get(setting, OTHER)
    file = tmp_path / "secret"
    file.write_text(f"{value}\r\n")

    assert Settings.from_environ({f"{variable(setting)}_FILE": str(file)}) == Settings.from_environ(
        {variable(setting): value}
    )


def test_a_setting_that_is_no_secret_has_no_file() -> None:
    assert Settings.from_environ({"MERGELANE_LANE_SIZE_FILE": "/nowhere"}) == Settings()


def test_a_secret_with_a_value_and_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"Both BROKER_URL and BROKER_URL_FILE are set\. Unset one of them\."):
        Settings.from_environ({"BROKER_URL": "redis://h", "BROKER_URL_FILE": str(tmp_path / "none")})


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"\xff\xfea", "is not text in UTF-8"),
    ],
)
def test_an_empty_or_unreadable_file_is_refused(tmp_path: Path, content: bytes | None, reason: str) -> None:
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(SetupError, match=f"The file that MERGELANE_KEY_PEPPER_FILE names {reason}"):
        Settings.from_environ({"MERGELANE_KEY_PEPPER_FILE": str(file)})


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="DATABASE_URL_FILE names cannot be read: Is a directory"):
        Settings.from_environ({"DATABASE_URL_FILE": str(tmp_path)})
