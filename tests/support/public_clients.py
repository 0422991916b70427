"""Clients that others wrote for the vendor: installed as they are on the registries, and driven line by line."""

import os
import selectors
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import orjson

from tests.support.missing import missing

ROOM = Path(__file__).parents[1] / "e2e"
#: Seconds that an installation may take, and an answer.
INSTALLATION = 240
ANSWER = 30

Told = dict[str, Any]


class PublicClient:
    """A program that carries out the calls of a public client, one line for each."""

    def __init__(self, command: Sequence[str], *, environ: Mapping[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **(environ or {})},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.communicate(timeout=ANSWER)

    def tell(self, **line: Any) -> Told:
        """Return what came of the call *line*: its `answer`, or the `error` that the client raised."""
        assert self._process.stdin is not None
        self._process.stdin.write(orjson.dumps(line) + b"\n")
        self._process.stdin.flush()
        told: Told = orjson.loads(self._line())
        return told

    def answer(self, **line: Any) -> Any:
        """Return the answer of the call *line*, which must get one."""
        told = self.tell(**line)

        assert "error" not in told, told
        return told["answer"]

    def error(self, **line: Any) -> Told:
        """Return the error that the call *line* must end in."""
        told = self.tell(**line)

        assert "answer" not in told, told
        error: Told = told["error"]
        return error

    def _line(self) -> bytes:
        """Return the next line that the program writes; raises TimeoutError when none comes."""
        stdout = self._process.stdout
        assert stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            if not selector.select(ANSWER):
                message = f"The client did not answer within {ANSWER} s"
                raise TimeoutError(message)
        return stdout.readline()


def install_python(name: str, folder: Path) -> dict[str, str]:
    """Install the Python client *name* into *folder*; return the environment in which it is found."""
    requirements = ROOM / "python" / f"{name}.txt"
    # Without dependencies: the file names those that are needed here, pinned; `requests` is in this environment.
    options = ("--quiet", "--disable-pip-version-check", "--no-deps", "--target", str(folder), "-r", str(requirements))
    _install(name, [sys.executable, "-m", "pip", "install", *options])
    return {"PYTHONPATH": str(folder)}


def python_command(name: str, base_url: str, key: str) -> list[str]:
    """Return the command that drives the Python client *name*."""
    return [sys.executable, str(ROOM / "python" / "drive.py"), name, base_url, key]


def install_javascript(folder: Path) -> Path:
    """Install the JavaScript client into *folder*, with what drives it; return the driver's path."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            missing(program, FileNotFoundError("install Node.js and npm (on Debian: nodejs and npm)"))
    for name in ("package.json", "package-lock.json", "drive.mjs"):
        shutil.copy(ROOM / "javascript" / name, folder)
    _install("braze-api", ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder=folder)
    return folder / "drive.mjs"


def _install(name: str, command: Sequence[str], *, folder: Path | None = None) -> None:
    """Run *command*; where it fails, the public client *name* is missing."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=INSTALLATION, check=False)
    except subprocess.TimeoutExpired as error:
        missing(f"The public client {name}", error)
    if done.returncode:
        missing(f"The public client {name}", RuntimeError(done.stderr[-1000:]))
