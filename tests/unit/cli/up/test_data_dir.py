"""The data directory of one `mergelane up`."""

import fcntl
from pathlib import Path

import pytest

from app.errors import SetupError
from cli.up.data_dir import DataDir


def test_locking_creates_the_folders(tmp_path: Path) -> None:
    home = DataDir(tmp_path / "deep" / "home")
    home.lock()

    assert home.logs.is_dir()
    assert home.run.stat().st_mode & 0o777 == 0o700
    home.unlock()


def test_a_home_in_use_is_refused_with_a_message(tmp_path: Path) -> None:
    first, second = DataDir(tmp_path), DataDir(tmp_path)
    first.lock()

    with pytest.raises(SetupError, match=r"Another `mergelane up` \(process \d+\) uses the home folder"):
        second.lock()
    first.unlock()


def test_a_home_can_be_locked_again_after_its_release(tmp_path: Path) -> None:
    first, second = DataDir(tmp_path), DataDir(tmp_path)
    first.lock()
    first.unlock()

    second.lock()
    second.unlock()


def test_a_home_of_a_killed_process_is_free(tmp_path: Path) -> None:
    home = DataDir(tmp_path)
    home.run.mkdir()
    (home.run / "lock").write_text("12345")

    home.lock()

    assert (home.run / "lock").read_text() != "12345"
    home.unlock()


def test_a_home_that_is_a_file_is_refused_with_a_message(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(SetupError, match=r"is not usable: .* Choose another with --home"):
        DataDir(tmp_path / "file").lock()


def test_a_home_below_a_file_is_refused_with_a_message(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(SetupError, match="is not usable"):
        DataDir(tmp_path / "file" / "home").lock()


def test_the_database_is_known_only_while_it_runs(tmp_path: Path) -> None:
    home = DataDir(tmp_path)
    home.lock()

    assert home.database_url() is None
    home.save_database_url("postgresql://somewhere")
    assert DataDir(tmp_path).database_url() == "postgresql://somewhere"
    home.unlock()
    assert DataDir(tmp_path).database_url() is None


def test_children_do_not_inherit_the_lock(tmp_path: Path) -> None:
    home = DataDir(tmp_path)
    home.lock()

    assert home._lock_file is not None
    assert fcntl.fcntl(home._lock_file, fcntl.F_GETFD) & fcntl.FD_CLOEXEC
    home.unlock()
