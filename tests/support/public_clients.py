"""Installs and runs public clients of Braze from registries, and installs npm packages for generated clients."""

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

E2E = Path(__file__).parents[1] / "e2e"
#: The maximum time of an installation and of a response, in seconds.
INSTALLATION = 240
ANSWER = 30

Result = dict[str, Any]


class PublicClient:
    """A program that reads one call per line and makes it with a public client."""

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

    def call(self, **line: Any) -> Result:
        """Return the result of the call *line*: an `answer`, or the `error` that the client raised."""
        assert self._process.stdin is not None
        self._process.stdin.write(orjson.dumps(line) + b"\n")
        self._process.stdin.flush()
        result: Result = orjson.loads(self._line())
        return result

    def answer(self, **line: Any) -> Any:
        """Return the answer to the call *line*; an error fails the test."""
        result = self.call(**line)

        assert "error" not in result, result
        return result["answer"]

    def error(self, **line: Any) -> Result:
        """Return the error of the call *line*; an answer fails the test."""
        result = self.call(**line)

        assert "answer" not in result, result
        error: Result = result["error"]
        return error

    def _line(self) -> bytes:
        """Return the next line of the program; raise TimeoutError when there is none."""
        stdout = self._process.stdout
        assert stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            if not selector.select(ANSWER):
                message = f"The client did not answer within {ANSWER} s"
                raise TimeoutError(message)
        return stdout.readline()


def install_python(name: str, folder: Path) -> dict[str, str]:
    """Install the Python client *name* into *folder*; return the environment variables that it needs."""
    requirements = E2E / "python" / f"{name}.txt"
    # Without dependencies: the file pins the necessary ones; `requests` is in this environment.
    options = ("--quiet", "--disable-pip-version-check", "--no-deps", "--target", str(folder), "-r", str(requirements))
    _install(name, [sys.executable, "-m", "pip", "install", *options])
    return {"PYTHONPATH": str(folder)}


def python_command(name: str, base_url: str, key: str) -> list[str]:
    """Return the command that starts the Python client *name*."""
    return [sys.executable, str(E2E / "python" / "drive.py"), name, base_url, key]


def install_javascript(folder: Path) -> Path:
    """Install the JavaScript client and its driver into *folder*; return the driver's path."""
    install_npm("javascript", ("drive.mjs",), folder)
    return folder / "drive.mjs"


def install_npm(source: str, files: Sequence[str], folder: Path) -> None:
    """Copy *files* of `tests/e2e/{source}` to *folder*, and install its npm packages there."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            missing(program, FileNotFoundError("install Node.js and npm (on Debian: nodejs and npm)"))
    for name in ("package.json", "package-lock.json", *files):
        shutil.copy(E2E / source / name, folder)
    _install(f"tests/e2e/{source}", ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder=folder)


def _install(name: str, command: Sequence[str], *, folder: Path | None = None) -> None:
    """Run *command*; report the client *name* as missing if it fails."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=INSTALLATION, check=False)
    except subprocess.TimeoutExpired as error:
        missing(f"The public client {name}", error)
    if done.returncode:
        missing(f"The public client {name}", RuntimeError(done.stderr[-1000:]))
