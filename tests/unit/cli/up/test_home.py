"""The folder of one `mergelane up`."""

import fcntl
from pathlib import Path

import pytest

from app.errors import SetupError
from cli.up.home import Home


def test_claiming_makes_the_folders(tmp_path: Path) -> None:
    home = Home(tmp_path / "deep" / "home")
    home.claim()

    assert home.logs.is_dir()
    assert home.run.stat().st_mode & 0o777 == 0o700
    home.release()


def test_a_home_that_is_taken_is_refused_with_a_sentence(tmp_path: Path) -> None:
    first, second = Home(tmp_path), Home(tmp_path)
    first.claim()

    with pytest.raises(SetupError, match=r"Another `mergelane up` \(process \d+\) uses the home folder"):
        second.claim()
    first.release()


def test_a_home_is_free_again_when_it_is_released(tmp_path: Path) -> None:
    first, second = Home(tmp_path), Home(tmp_path)
    first.claim()
    first.release()

    second.claim()
    second.release()


def test_a_home_of_a_killed_process_is_free(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.run.mkdir()
    (home.run / "lock").write_text("12345")

    home.claim()

    assert (home.run / "lock").read_text() != "12345"
    home.release()


def test_a_home_that_is_a_file_is_refused_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(SetupError, match=r"cannot be used: .* Choose another with --home"):
        Home(tmp_path / "file").claim()


def test_a_home_below_a_file_is_refused_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(SetupError, match="cannot be used"):
        Home(tmp_path / "file" / "home").claim()


def test_the_database_is_known_only_while_it_runs(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.claim()

    assert home.database_url() is None
    home.note_database("postgresql://somewhere")
    assert Home(tmp_path).database_url() == "postgresql://somewhere"
    home.release()
    assert Home(tmp_path).database_url() is None


def test_the_lock_is_not_passed_on_to_children(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.claim()

    assert home._lock is not None
    assert fcntl.fcntl(home._lock, fcntl.F_GETFD) & fcntl.FD_CLOEXEC
    home.release()
