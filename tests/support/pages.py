"""Runs the commands of a documentation page in one shell, block by block."""

import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from app.environment import child_environ
from tests.support.missing import missing

DOCS = Path(__file__).parents[2] / "docs"
MARK = "---- end of block ----"


class Block(NamedTuple):
    """Commands of a page, and their documented output; None if the page does not contain it."""

    commands: str
    printed: str | None


class Printed(NamedTuple):
    """The standard output of a block of commands, and the status of its last failed command, or 0."""

    text: str
    status: int


def read_page(page: str) -> str:
    """Return the text of *page*."""
    return (DOCS / page).read_text(encoding="utf-8")


def read_blocks(page: str) -> list[Block]:
    """Return the blocks of commands of *page*; a text block right after one is its output."""
    found = re.findall(r"^```sh\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", read_page(page), re.MULTILINE | re.DOTALL)
    return [Block(commands, printed or None) for commands, printed in found]


def run_blocks(
    blocks: Sequence[Block], *, replacements: Mapping[str, str], folder: Path, seconds: float
) -> list[Printed]:
    """Run *blocks* in *folder* and return the output of each; each of *replacements* must occur."""
    if shutil.which("curl") is None or shutil.which("bash") is None:
        missing("curl and bash", FileNotFoundError("the commands of the page need them"))
    script = "failed=0\ntrap 'failed=$?' ERR\n"
    script += "".join(f"{block.commands}echo '{MARK}' $failed\nfailed=0\n" for block in blocks)
    for theirs, ours in replacements.items():
        assert theirs in script
        script = script.replace(theirs, ours)
    done = subprocess.run(
        ["bash", "-uc", script],
        cwd=folder,
        env=child_environ(),
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    *ended, rest = re.split(rf"{MARK} (\d+)\n", done.stdout)
    assert (len(ended), rest) == (2 * len(blocks), ""), done.stderr
    return [Printed(text, int(status)) for text, status in zip(ended[::2], ended[1::2], strict=True)]
