"""The folders of the sockets of the embedded servers."""

from pathlib import Path

import pytest

from cli.up import sockets


@pytest.fixture
def short_folders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Create the short substitute folders in a folder of the test."""
    folder = tmp_path_factory.mktemp("s")
    monkeypatch.setattr(sockets, "temporary_folder", lambda: folder)
    return folder


def test_a_short_folder_is_used_directly() -> None:
    assert sockets.socket_folder(Path("/srv/mergelane/run"), "redis.sock") == Path("/srv/mergelane/run")


def test_a_long_folder_gets_a_short_substitute(short_folders: Path) -> None:
    stand_in = sockets.socket_folder(Path("/srv", "x" * 90), "redis.sock")

    assert stand_in.parent == short_folders
    assert len(stand_in.name) < 25


def test_a_long_folder_gets_the_same_substitute_at_every_start(short_folders: Path) -> None:
    first, again, other = (sockets.socket_folder(Path("/srv", letter * 90), "redis.sock") for letter in "xxy")

    assert first == again
    assert first != other


@pytest.mark.parametrize("name", ["a b", "a,b", "a%20b", "a?b", "a#b", "a@b", "é", "a'b", 'a"b'])
def test_a_folder_with_special_characters_in_its_name_gets_a_substitute(short_folders: Path, name: str) -> None:
    assert sockets.socket_folder(Path("/srv", name), "redis.sock").parent == short_folders


def test_a_substitute_is_removed_only_if_it_is_empty(short_folders: Path) -> None:
    empty, used = short_folders / "empty", short_folders / "used"
    for folder in (empty, used):
        folder.mkdir()
    (used / "redis.sock").touch()
    for folder in (empty, used):
        sockets.remove_short_folder(folder)

    assert list(short_folders.iterdir()) == [used]
