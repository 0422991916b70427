"""Folders of `mergelane up`.

As root it follows no link, changes no folder above its own, and refuses a folder that another user could replace.
"""

import errno
import os
import pwd
import shutil
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from app.errors import SetupError
from cli.up.system_user import user_ids

#: Others may pass through the folder and not list it.
PASSABLE = 0o711
OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
COMMON_FOLDERS = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108  a new folder is created there, or checked
WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def create_home(home: Path) -> None:
    """Create the folder *home*, and those above it if they are missing, or check it if it exists.

    Raises SetupError, when this process is root, for a path on which another user could change something, and OSError.
    """
    if os.geteuid() != 0:
        home.mkdir(mode=PASSABLE, parents=True, exist_ok=True)
        return
    require_safe_path(home)
    for folder in [*reversed(home.parents), home]:
        with suppress(FileExistsError):
            folder.mkdir()
            # Whatever the umask says: the system users pass through.
            _set_mode(folder, PASSABLE if folder == home else 0o755)
    _set_mode(home, stat.S_IMODE(home.lstat().st_mode) | PASSABLE)


def require_safe_path(path: Path) -> None:
    """Raise SetupError unless root alone decides what *path* names and contains, as far as it exists.

    Each folder on it must be no link, belong to root and be writable by root alone. Above *path*, a folder such as /tmp
    may be writable by others if its sticky bit keeps them from replacing what belongs to root.
    """
    require_safe_parent(path.parent)
    _require_safe(path, sticky_is_safe=False)


def require_safe_parent(folder: Path) -> None:
    """Raise SetupError unless no other user can replace what root creates in *folder*."""
    for each in [*reversed(folder.parents), folder]:
        _require_safe(each, sticky_is_safe=True)


def _require_safe(folder: Path, *, sticky_is_safe: bool) -> None:
    with suppress(FileNotFoundError):
        if fault := _fault(folder, folder.lstat(), sticky_is_safe=sticky_is_safe):
            raise SetupError(f"{fault} Choose another folder, such as --home /var/lib/mergelane.")


def _fault(folder: Path, found: os.stat_result, *, sticky_is_safe: bool) -> str | None:
    if stat.S_ISLNK(found.st_mode):
        return f"{folder} is a link, and `mergelane up` as root follows none."
    if not stat.S_ISDIR(found.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    if found.st_uid != 0:
        return f"The folder {folder} belongs to {_name(found.st_uid)}, who could replace what root writes there."
    if found.st_mode & WRITABLE_BY_OTHERS and not (sticky_is_safe and found.st_mode & stat.S_ISVTX):
        return f"Other users may write to the folder {folder}, who could replace what root writes there."
    return None


def require_passable(path: Path, user: str) -> None:
    """Raise SetupError unless the user *user* may pass through every folder above *path*."""
    uid, gid = user_ids(user)
    for folder in reversed(path.parents):
        found = folder.stat()
        bit = stat.S_IXUSR if found.st_uid == uid else stat.S_IXGRP if found.st_gid == gid else stat.S_IXOTH
        if not found.st_mode & bit:
            raise SetupError(
                f"The system user {user} cannot pass through the folder {folder}, and `mergelane up` does not change"
                f" it. Choose a home folder elsewhere, such as --home /var/lib/mergelane."
            )


def create_private_folder(folder: Path, user: str | None, *, group: str | None = None) -> None:
    """Create *folder* for *user* alone (None: the user of this process), or check that it is such a folder.

    Members of *group* may pass through it. Raises SetupError when there is something else, which is left as it is.
    """
    uid, gid = user_ids(user)
    mode, gid = (0o710, user_ids(group)[1]) if group else (0o700, gid)
    created = False
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
        created = True
    try:
        descriptor = os.open(folder, OPEN_FOLDER)
    except OSError:
        raise SetupError(_not_private(folder)) from None
    try:
        # Only what was created above is given away, never what another user may have put there instead.
        if created and os.fstat(descriptor).st_uid == os.geteuid():
            os.fchown(descriptor, uid, gid)
        found = os.fstat(descriptor)
        if found.st_uid != uid or found.st_mode & WRITABLE_BY_OTHERS:
            raise SetupError(_not_private(folder))
        os.fchmod(descriptor, mode)
    finally:
        os.close(descriptor)


def _not_private(folder: Path) -> str:
    return f"The folder {folder} is not private to its user. Remove it, or choose another --home."


def temporary_folder() -> Path:
    """Return the folder for temporary files; for root, one that every user may pass through, whatever TMPDIR says."""
    usual = Path(tempfile.gettempdir())
    if os.geteuid() != 0:
        return usual
    return next((each for each in (usual, *COMMON_FOLDERS) if _is_passable(each)), usual)


def _is_passable(path: Path) -> bool:
    folders = (path, *path.parents)
    return all(folder.is_dir() and folder.stat().st_mode & stat.S_IXOTH for folder in folders)


@contextmanager
def passable_temporary_folder(prefix: str) -> Iterator[Path]:
    """Yield a new temporary folder that the system users may pass through; remove it afterwards."""
    with tempfile.TemporaryDirectory(prefix=prefix, dir=temporary_folder()) as folder:
        Path(folder).chmod(PASSABLE)
        yield Path(folder)


def copy_readable(folders: Sequence[Path], base: Path, target: Path) -> None:
    """Copy *folders*, which are below *base*, into the new folder *target*, for every user to read."""
    unfinished = target.with_name(f"{target.name}.unfinished")
    remove_folder(unfinished)
    for folder in filter(Path.is_dir, folders):
        shutil.copytree(folder, unfinished / folder.relative_to(base), symlinks=True)
    for path in (target.parent, unfinished, *unfinished.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0o644)
    unfinished.rename(target)


def remove_folder(folder: Path) -> None:
    """Remove *folder* with all that is in it, if it exists."""
    with suppress(FileNotFoundError):
        shutil.rmtree(folder)


def _set_mode(folder: Path, mode: int) -> None:
    descriptor = os.open(folder, OPEN_FOLDER)
    try:
        if stat.S_IMODE(os.fstat(descriptor).st_mode) != mode:
            os.fchmod(descriptor, mode)
    finally:
        os.close(descriptor)


def _name(uid: int) -> str:
    try:
        return f"the user {pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"the user id {uid}"
