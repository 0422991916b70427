"""Where the sockets of the embedded servers lie."""

import os
from pathlib import Path

import pytest

from app.errors import SetupError
from cli.up import sockets


@pytest.fixture
def short_folders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the stand-ins in the test's own folder, however long its path."""
    folder = tmp_path_factory.mktemp("s")
    monkeypatch.setattr(sockets.tempfile, "gettempdir", lambda: str(folder))
    return folder


def test_a_short_folder_is_used_as_it_is() -> None:
    assert sockets.socket_folder(Path("/srv/mergelane/run"), "redis.sock") == Path("/srv/mergelane/run")


def test_a_long_folder_gets_a_short_private_stand_in(short_folders: Path) -> None:
    stand_in = sockets.socket_folder(Path("/srv", "x" * 90), "redis.sock")

    assert stand_in.parent == short_folders
    assert stand_in.stat().st_mode & 0o777 == 0o700
    assert len(stand_in.name) < 25


def test_a_long_folder_gets_the_same_stand_in_at_every_start(short_folders: Path) -> None:
    first, again, other = (sockets.socket_folder(Path("/srv", letter * 90), "redis.sock") for letter in "xxy")

    assert first == again
    assert first != other


@pytest.mark.parametrize("name", ["a b", "a,b", "a%20b", "a?b", "a#b", "a@b", "é", "a'b", 'a"b'])
def test_a_folder_whose_name_means_something_in_a_url_or_list_gets_a_stand_in(short_folders: Path, name: str) -> None:
    assert sockets.socket_folder(Path("/srv", name), "redis.sock").parent == short_folders


def test_a_stand_in_is_removed_and_nothing_else(short_folders: Path) -> None:
    preferred = short_folders / ("x" * 90)
    preferred.mkdir()
    stand_in = sockets.socket_folder(preferred, "redis.sock")
    sockets.remove_short_folder(preferred, preferred)
    sockets.remove_short_folder(stand_in, preferred)

    assert list(short_folders.iterdir()) == [preferred]


@pytest.mark.parametrize("mode", [0o777, 0o750, 0o701])
def test_a_folder_that_others_can_enter_is_refused(tmp_path: Path, mode: int) -> None:
    tmp_path.chmod(mode)

    with pytest.raises(SetupError, match="is not private to this user"):
        sockets.require_private_folder(tmp_path, os.geteuid())


def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)

    with pytest.raises(SetupError, match="is not private to this user"):
        sockets.require_private_folder(tmp_path, os.geteuid() + 1)


def test_a_link_laid_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir(mode=0o700)
    link = tmp_path / "link"
    link.symlink_to(target)

    with pytest.raises(SetupError, match="is not private to this user"):
        sockets.require_private_folder(link, os.geteuid())


def test_a_private_folder_of_ones_own_is_accepted(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)

    sockets.require_private_folder(tmp_path, os.geteuid())
