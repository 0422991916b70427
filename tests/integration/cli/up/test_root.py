"""`mergelane up` as root: other users plant links and folders, or system users cannot enter the folder."""

import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.errors import SetupError
from cli.up import data_dir, postgres_programs, process_user, safe_folders, sockets
from cli.up.data_dir import DataDir
from cli.up.embedded_postgres import EmbeddedPostgres
from cli.up.postgres_access import AccessByUser
from cli.up.safe_folders import create_private_folder
from cli.up.system_user import DATABASE_USER, PROCESS_USER, ensure_system_user
from tests.support.folders import let_pass
from tests.support.postgres import FAST

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="These are faults of root alone.")
STRANGER = 65_534


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    let_pass(tmp_path)
    return tmp_path


@pytest.fixture
def victim(folder: Path) -> Iterator[Path]:
    """A folder of root that nothing may change."""
    made = folder / "victim"
    made.mkdir(mode=0o750)
    (made / "secret").write_text("kept")
    before = made.stat()
    yield made
    after = made.stat()
    assert (after.st_uid, after.st_gid, after.st_mode) == (before.st_uid, before.st_gid, before.st_mode)
    assert {path.name: path.read_text() for path in made.iterdir()} == {"secret": "kept"}


def modes(path: Path) -> dict[Path, int]:
    """Return the modes of all folders above *path*."""
    return {parent: stat.S_IMODE(parent.stat().st_mode) for parent in path.parents}


def of_stranger(path: Path) -> Path:
    """Make *path* a folder of another user, and return it."""
    path.mkdir()
    os.chown(path, STRANGER, STRANGER)
    return path


def link_as_home(folder: Path, victim: Path) -> Path:
    (folder / "home").symlink_to(victim)
    return folder / "home"


def link_above(folder: Path, victim: Path) -> Path:
    (folder / "link").symlink_to(victim)
    return folder / "link" / "home"


def link_in_a_folder_like_tmp(folder: Path, victim: Path) -> Path:
    (folder / "tmp").mkdir()
    (folder / "tmp").chmod(0o1777)
    (folder / "tmp" / "home").symlink_to(victim)
    os.lchown(folder / "tmp" / "home", STRANGER, STRANGER)
    return folder / "tmp" / "home"


def link_to_nothing(folder: Path, _: Path) -> Path:
    (folder / "home").symlink_to(folder / "missing")
    return folder / "home"


def home_of_another_user(folder: Path, _: Path) -> Path:
    return of_stranger(folder / "home")


def below_a_folder_of_another_user(folder: Path, _: Path) -> Path:
    return of_stranger(folder / "theirs") / "deep" / "home"


def below_a_folder_that_all_may_write(folder: Path, _: Path) -> Path:
    (folder / "open").mkdir()
    (folder / "open").chmod(0o777)
    return folder / "open" / "home"


def home_that_a_group_may_write(folder: Path, _: Path) -> Path:
    (folder / "home").mkdir()
    (folder / "home").chmod(0o770)
    return folder / "home"


def link_as_a_folder_of_the_home(folder: Path, victim: Path) -> Path:
    (folder / "home").mkdir()
    (folder / "home" / "logs").symlink_to(victim)
    return folder / "home"


def run_of_another_user(folder: Path, _: Path) -> Path:
    (folder / "home").mkdir()
    of_stranger(folder / "home" / "run")
    return folder / "home"


#: Links in the path of the home. Below it, a link is not a private folder.
LINKS = (link_as_home, link_above, link_in_a_folder_like_tmp, link_to_nothing)
TRAPS = (
    *LINKS,
    home_of_another_user,
    below_a_folder_of_another_user,
    below_a_folder_that_all_may_write,
    home_that_a_group_may_write,
    link_as_a_folder_of_the_home,
    run_of_another_user,
)


@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: trap.__name__)
def test_a_home_that_another_user_controls_is_refused(
    folder: Path, victim: Path, trap: Callable[[Path, Path], Path]
) -> None:
    home = trap(folder, victim)
    before = modes(home) if home.parent.exists() else {}

    with pytest.raises(SetupError, match=r"--home") as refused:
        DataDir(home).lock()

    assert ("is a link, and" in str(refused.value)) == (trap in LINKS)
    assert not (folder / "missing").exists()
    assert not before or modes(home) == before


def test_a_home_in_a_folder_like_tmp_is_used(folder: Path) -> None:
    (folder / "tmp").mkdir()
    (folder / "tmp").chmod(0o1777)
    home = DataDir(folder / "tmp" / "deep" / "home")
    home.lock()
    home.unlock()

    assert stat.S_IMODE(home.path.stat().st_mode) == 0o711


def test_no_folder_above_the_home_is_changed_and_a_closed_one_is_refused(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    home = DataDir(closed / "home")
    home.lock()
    before = modes(home.postgres)

    with pytest.raises(SetupError, match=f"cannot pass through the folder {closed}, and `mergelane up` does not"):
        EmbeddedPostgres(home.postgres, os.environ, FAST).prepare()

    home.unlock()
    assert modes(home.postgres) == before


def test_the_data_of_an_earlier_version_are_not_left_behind(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_dir, "DEFAULT_HOME", folder / "former")
    monkeypatch.setattr(data_dir, "DEFAULT_HOME_OF_ROOT", folder / "new")
    data_dir.require_moved_home(folder / "new")
    (folder / "former" / "postgres").mkdir(parents=True)

    with pytest.raises(SetupError, match=rf"Move it: mv {folder}/former {folder}/new$"):
        data_dir.require_moved_home(folder / "new")
    data_dir.require_moved_home(folder / "other")


def test_root_has_a_home_that_the_system_users_can_reach() -> None:
    assert data_dir.default_home() == Path("/var/lib/mergelane")


@pytest.mark.parametrize("planted", ["link", "folder"])
def test_a_stand_in_that_another_user_planted_is_refused_before_it_is_given_away(
    folder: Path, victim: Path, planted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The temporary folder is like /tmp, with or without the kernel's protection of links."""
    (folder / "t").mkdir()
    (folder / "t").chmod(0o1777)
    monkeypatch.setattr(sockets, "temporary_folder", lambda: folder / "t")
    data = folder / ("x" * 90) / "postgres"
    stand_in = sockets.socket_folder(data.with_name("postgres-socket"), ".s.PGSQL.5432")
    if planted == "link":
        stand_in.symlink_to(victim)
    else:
        of_stranger(stand_in)
    access = AccessByUser(user=ensure_system_user(PROCESS_USER) or "", role="processes")

    with pytest.raises(SetupError, match=f"The folder {stand_in} is not private to its user"):
        EmbeddedPostgres(data, os.environ, FAST, access=access).prepare()

    assert os.lstat(stand_in).st_uid == (0 if planted == "link" else STRANGER)


def test_a_stand_in_where_another_user_may_replace_it_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "t").mkdir()
    (folder / "t").chmod(0o777)
    monkeypatch.setattr(sockets, "temporary_folder", lambda: folder / "t")

    with pytest.raises(SetupError, match="Other users may write to the folder"):
        sockets.socket_folder(folder / ("x" * 90), "redis.sock")


@pytest.mark.parametrize("planted", ["link", "folder of root", "folder of another user"])
def test_data_that_do_not_belong_to_the_server_are_not_changed(folder: Path, victim: Path, planted: str) -> None:
    data = folder / "postgres"
    if planted == "link":
        data.symlink_to(victim)
    elif planted == "folder of root":
        data.mkdir(mode=0o700)
    else:
        of_stranger(data)
    owner = os.lstat(data).st_uid

    with pytest.raises(SetupError, match="is not private to its user"):
        EmbeddedPostgres(data, os.environ, FAST).prepare()

    assert os.lstat(data).st_uid == owner


@pytest.mark.parametrize("planted", ["link", "hard link", "pipe"])
def test_a_lock_that_the_server_planted_is_removed_and_not_followed(folder: Path, victim: Path, planted: str) -> None:
    server = EmbeddedPostgres(folder / "postgres", os.environ, FAST)
    server.prepare()
    lock, secret = folder / "postgres" / "postmaster.pid", victim / "secret"
    if planted == "link":
        lock.symlink_to(secret)
    elif planted == "hard link":
        os.link(secret, lock)
    else:
        os.mkfifo(lock)

    server.prepare()

    assert not os.path.lexists(lock)


def test_a_private_folder_that_exists_is_not_given_away(folder: Path) -> None:
    (folder / "mine").mkdir()

    with pytest.raises(SetupError, match="is not private"):
        create_private_folder(folder / "mine", ensure_system_user(DATABASE_USER))

    assert (folder / "mine").stat().st_uid == 0


def test_programs_in_a_closed_installation_are_copied_and_the_installation_is_not_changed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = postgres_programs.postgres_installation().parents[1]
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    for name in (f"{postgres_programs.PACKAGE}/{postgres_programs.RELEASE}", postgres_programs.LIBRARIES):
        shutil.copytree(wheel / name, closed / name, symlinks=True, ignore=shutil.ignore_patterns("include"))
    installed = closed / postgres_programs.PACKAGE / postgres_programs.RELEASE
    monkeypatch.setattr(postgres_programs, "postgres_installation", lambda: installed)
    server = EmbeddedPostgres(folder / "postgres", os.environ, FAST)
    server.prepare()
    program = Path(server.program(folder / "log").command[0])
    inode = program.stat().st_ino
    server.prepare()

    assert program.is_relative_to(folder / "postgres-programs")
    assert program.stat().st_ino == inode
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    assert not [path for path in (folder / "postgres-programs").rglob("*") if path.lstat().st_uid != 0]
    assert not [path for path in (folder / "postgres-programs").rglob("*") if path.stat().st_mode & 0o022]


def test_the_processes_stay_root_with_one_warning_if_only_root_can_read_the_installation(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    (closed / "python").symlink_to(sys.executable)
    monkeypatch.setattr(process_user.sys, "executable", str(closed / "python"))
    user, warning = process_user.choose_process_user()

    assert user is None
    assert warning.startswith("Warning: all processes except PostgreSQL run as root, because the system user")


def test_a_closed_temporary_folder_is_not_used(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    monkeypatch.setattr(tempfile, "tempdir", str(closed))

    assert safe_folders.temporary_folder() == Path("/tmp")  # noqa: S108  where every user may pass through
    with safe_folders.passable_temporary_folder("mergelane-test-") as made:
        assert stat.S_IMODE(made.stat().st_mode) == 0o711


def test_a_port_of_root_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "first").write_text("1024\n")
    monkeypatch.setattr(sockets, "UNPRIVILEGED", folder / "first")

    with pytest.raises(SetupError, match=r"Only root can listen on port 80, .* Choose another with --port"):
        sockets.require_usable_port("127.0.0.1", 80, "--port", user=PROCESS_USER)


def test_another_user_reads_who_can_open_the_state(folder: Path) -> None:
    home = DataDir(folder / "home")
    home.lock()
    home.save_database_url("postgresql://")
    imported = "from cli.up.data_dir import DataDir"
    code = f"DataDir(Path({str(home.path)!r})).database_url()"
    user = pwd.getpwuid(STRANGER)
    try:
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                f"import os; from pathlib import Path; {imported}; os.setuid({user.pw_uid}); {code}",
            ],
            capture_output=True,
            text=True,
            check=False,
            cwd=Path(__file__).parents[4],
        )
    finally:
        home.unlock()

    assert "cannot be read: Permission denied. Run this command as the user who started it." in done.stderr
