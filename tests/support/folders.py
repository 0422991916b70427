"""Where the tests keep their folders: in memory, where there is room, and for each run apart from all others.

The tests make databases by the hundred, each of some hundred files, and need none of them afterwards: on a disk, that
is most of their work. Beside, pytest's own folder of folders is shared by all its runs on a machine, and each closes it
to the system user that PostgreSQL runs as under root.

TMPDIR names another place, where things are left as pytest leaves them.
"""

import os
import re
import shutil
import tempfile
from pathlib import Path

import psutil
import pytest

MEMORY = Path("/dev/shm")  # noqa: S108  where Linux has it; the folder in it is this run's own
ROOM_BYTES = 2 * 1024**3
NAME = "mergelane-tests-{}"

_own = pytest.StashKey[Path]()


def pytest_configure(config: pytest.Config) -> None:
    """Give the run a folder of its own for everything temporary; the processes that it starts inherit it."""
    if "TMPDIR" in os.environ:
        return
    parent = MEMORY if _has_room(MEMORY) else Path(tempfile.gettempdir())
    _remove_leftovers(parent)
    folder = parent / NAME.format(os.getpid())
    folder.mkdir()
    folder.chmod(0o711)  # the system user of PostgreSQL passes through, and sees nothing
    config.stash[_own] = folder
    _keep_to(str(folder))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the folder when everything in it has ended."""
    if folder := config.stash.get(_own, None):
        _keep_to(None)
        shutil.rmtree(folder, ignore_errors=True)


def let_pass(folder: Path) -> None:
    """Let the system users of PostgreSQL and of `mergelane up` pass through *folder* and those that pytest made above.

    Only root has such users, and pytest closes its folders to all others.
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
    """Let *folder* be the one for everything temporary, of this process and of those that it starts."""
    tempfile.tempdir = folder
    if folder is None:
        del os.environ["TMPDIR"]
    else:
        os.environ["TMPDIR"] = folder


def _has_room(folder: Path) -> bool:
    """Tell whether *folder* may be written to and has room for all that the tests keep at a time."""
    return os.access(folder, os.W_OK | os.X_OK) and shutil.disk_usage(folder).free >= ROOM_BYTES


def _remove_leftovers(parent: Path) -> None:
    """Remove what runs that were killed, and are no more, left in *parent*."""
    for folder in parent.glob(NAME.format("*")):
        number = re.fullmatch(NAME.format(r"(\d+)"), folder.name)
        if number and (int(number[1]) == os.getpid() or not psutil.pid_exists(int(number[1]))):
            shutil.rmtree(folder, ignore_errors=True)
