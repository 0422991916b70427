"""Provides a Python with the packages of this environment that every user of the machine can run."""

import os
import shutil
import sys
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cli.up.commands import DIRECTORY
from cli.up.system_user import runs_as

#: Parts of the standard library that no process needs.
LEFT_OUT = ("site-packages", "test", "tests", "config-*", "idlelib", "ensurepip", "lib2to3", "*.a")
ORDINARY = "nobody"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadablePython:
    """A Python program and the environment variables that it needs."""

    program: str
    environ: dict[str, str] = field(default_factory=dict)


def readable_python(folder: Path) -> ReadablePython:
    """Return this Python, or a copy of it in *folder* if other users cannot open the folder of this Python.

    Skip the test if they cannot open the folder of the packages either, as in a checkout in root's home.
    """
    if os.geteuid() != 0 or _runs(this := ReadablePython(program=sys.executable)):
        return ReadablePython(program=sys.executable)
    base, library = Path(sys.base_prefix), Path(sysconfig.get_path("stdlib"))
    shutil.copytree(
        library, folder / library.relative_to(base), symlinks=True, ignore=shutil.ignore_patterns(*LEFT_OUT)
    )
    (folder / "bin").mkdir()
    shutil.copy2(Path(sys.executable).resolve(), folder / "bin" / "python")
    for shared in (base / "lib").glob("libpython*.so*"):
        shutil.copy2(shared, folder / "lib" / shared.name)
    packages = f"{DIRECTORY}{os.pathsep}{sysconfig.get_path('purelib')}"
    this = ReadablePython(
        program=str(folder / "bin" / "python"),
        environ={"LD_LIBRARY_PATH": str(folder / "lib"), "PYTHONPATH": packages},
    )
    if not _runs(this):
        pytest.skip(f"The packages in {DIRECTORY} or {sysconfig.get_path('purelib')} are closed to other users.")
    return this


def _runs(python: ReadablePython) -> bool:
    command = [python.program, "-c", "import app, psycopg"]
    return runs_as(ORDINARY, command, environ={**os.environ, **python.environ}, directory=DIRECTORY)
