"""No tracked file names a path of the machine that it was written on, and none contains a secret."""

import re
from pathlib import Path

import pytest

from demo.pictures import MOST_BYTES
from tests.project.tree import files, name_of

PICTURES = [path for path in files() if name_of(path).startswith("docs/pictures/")]
FILES = [path for path in files() if path != Path(__file__) and path not in PICTURES]
LARGEST = 512 * 1024
#: Files of other projects, unchanged to the byte: their hashes are the hashes of their releases.
AS_RELEASED = {"htmx.min.js"}

FORBIDDEN = {
    "a folder of a private machine": r"(?<![\w.:/}-])/(work|root|home|Users)/\w",
    "an address of a package index": r"pypi\.org|pythonhosted\.org|--(extra-)?index-url|--find-links|file:///",
    "a path beside the tree": r"\.\./shared\b|\bshared/(data|seeds|hooks)\b",
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    "a conflict that was never settled": r"^(<<<<<<<|>>>>>>>) ",
}


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_contains(what: str) -> None:
    pattern = re.compile(FORBIDDEN[what], re.MULTILINE)
    found = [f"{name_of(path)}: {match[0]}" for path in FILES for match in pattern.finditer(text(path))]

    assert found == []


def test_every_file_is_text_and_small() -> None:
    assert [name_of(path) for path in FILES if path.stat().st_size > LARGEST] == []
    assert all(text(path) is not None for path in FILES)


def test_every_picture_is_a_small_png() -> None:
    assert [name_of(path) for path in PICTURES if path.stat().st_size > MOST_BYTES] == []
    assert [name_of(path) for path in PICTURES if not path.read_bytes().startswith(b"\x89PNG")] == []


def test_every_file_ends_with_a_newline() -> None:
    ours = [path for path in FILES if path.name not in AS_RELEASED]
    torn = [name_of(path) for path in ours if text(path) and not text(path).endswith("\n")]

    assert torn == []


def test_no_line_ends_with_spaces() -> None:
    trailing = re.compile(r"[ \t]+$", re.MULTILINE)

    assert [name_of(path) for path in FILES if path.suffix != ".md" and trailing.search(text(path))] == []
