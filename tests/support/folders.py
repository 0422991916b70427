"""Gives each test run its own temporary folder, in memory if it has enough space.

The tests create hundreds of databases with hundreds of files each, and need none of them afterwards. On a disk, writing
these files takes most of the time. Also, all pytest runs on a machine share one temporary folder, and each run closes
it to other users. Under root, PostgreSQL runs as such another user.

TMPDIR names another place. There pytest's own rules apply.
"""

import os
import re
import shutil
import tempfile
from pathlib import Path

import psutil
import pytest

MEMORY = Path("/dev/shm")  # noqa: S108  shared memory on Linux; each run creates its own folder in it
ROOM_BYTES = 2 * 1024**3
NAME = "mergelane-tests-{}"

_own = pytest.StashKey[Path]()


def pytest_configure(config: pytest.Config) -> None:
    """Create the temporary folder of this run; the processes that it starts inherit it."""
    if "TMPDIR" in os.environ:
        return
    parent = MEMORY if _has_room(MEMORY) else Path(tempfile.gettempdir())
    _remove_old_folders(parent)
    folder = parent / NAME.format(os.getpid())
    folder.mkdir()
    folder.chmod(0o711)  # the system user of PostgreSQL can pass through, but not list it
    config.stash[_own] = folder
    _keep_to(str(folder))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the folder at the end of the run."""
    if folder := config.stash.get(_own, None):
        _keep_to(None)
        shutil.rmtree(folder, ignore_errors=True)


def let_pass(folder: Path) -> None:
    """Let the system users of PostgreSQL and of `mergelane up` pass through *folder* and pytest's folders above it.

    Only root starts them as other users. pytest closes its folders to other users.
    """
    top = Path(tempfile.gettempdir()).resolve()
    if os.geteuid() != 0:
        return
    for each in (folder.resolve(), *folder.resolve().parents):
        if each == top or not each.is_relative_to(top):
            return
        if each.exists():
            each.chmod(each.stat().st_mode | 0o111)


def _keep_to(folder: str | None) -> None:
    """Set the temporary folder of this process and of its children; None restores the default."""
    tempfile.tempdir = folder
    if folder is None:
        del os.environ["TMPDIR"]
    else:
        os.environ["TMPDIR"] = folder


def _has_room(folder: Path) -> bool:
    """Return whether *folder* is writable and has ROOM_BYTES free."""
    return os.access(folder, os.W_OK | os.X_OK) and shutil.disk_usage(folder).free >= ROOM_BYTES


def _remove_old_folders(parent: Path) -> None:
    """Remove the folders in *parent* of runs whose process no longer exists."""
    for folder in parent.glob(NAME.format("*")):
        number = re.fullmatch(NAME.format(r"(\d+)"), folder.name)
        if number and (int(number[1]) == os.getpid() or not psutil.pid_exists(int(number[1]))):
            shutil.rmtree(folder, ignore_errors=True)
