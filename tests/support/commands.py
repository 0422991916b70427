"""Runs `mergelane` as a user of the API does, with a key in its environment."""

import csv
import sys
from collections.abc import Iterable, Sequence
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from click.testing import CliRunner

from cli.main import main
from tests.support.client import Client
from tests.support.processes import Process

Json = dict[str, Any]
PROGRAM = (sys.executable, "-m", "cli")
MAX_TRACKED = 75
"""Profiles in one request to `/users/track`."""


class Done(NamedTuple):
    """The result of a command."""

    returncode: int
    stdout: bytes
    stderr: bytes


def environ(client: Client) -> dict[str, str]:
    """Return environment variables that give the command the server and the key of *client*."""
    return {"MERGELANE_URL": client.base_url, "MERGELANE_API_KEY": client.key}


def run(client: Client, *words: object, feed: bytes = b"") -> Done:
    """Run `mergelane` in this process with the arguments *words* and the standard input *feed*; return its result."""
    result = CliRunner(env=environ(client)).invoke(main, [str(word) for word in words], input=feed)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Done(result.exit_code, result.stdout_bytes, result.stderr_bytes)


def process(client: Client, folder: Path, *words: object) -> Process:
    """Return a process of `mergelane` with the arguments *words* and a log in *folder*; it is not started."""
    return Process.of("mergelane", [*PROGRAM, *map(str, words)], folder=folder, environ=environ(client))


def ext_pair(orphan: str, survivor: str) -> Json:
    """Return a pair of external_ids as a line of a merge file."""
    return {"identifier_to_merge": {"external_id": orphan}, "identifier_to_keep": {"external_id": survivor}}


def write_lines(path: Path, values: Iterable[Any]) -> Path:
    """Write *values* as JSON Lines and return *path*."""
    path.write_bytes(b"".join(orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE) for value in values))
    return path


def read_lines(path: Path) -> list[Any]:
    """Return the values of a file of JSON Lines."""
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def read_rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file."""
    return list(csv.DictReader(StringIO(path.read_text(encoding="utf-8"))))


def make_profiles(client: Client, external_ids: Sequence[str], **attributes: Any) -> None:
    """Create a profile for each of *external_ids*."""
    for start in range(0, len(external_ids), MAX_TRACKED):
        some = external_ids[start : start + MAX_TRACKED]
        client.track(attributes=[{"external_id": each, "first_name": each, **attributes} for each in some])
