"""Runs the commands of a page of the documentation, block after block in one shell, as a reader types them."""

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
    """Commands of a page, and what the page says that they print; None if it does not say it."""

    commands: str
    printed: str | None


class Printed(NamedTuple):
    """What a block of commands printed on standard output, and the status of its last command that failed, or 0."""

    text: str
    status: int


def read_page(page: str) -> str:
    """Return the text of *page*."""
    return (DOCS / page).read_text(encoding="utf-8")


def read_blocks(page: str) -> list[Block]:
    """Return the blocks of commands of *page*; a block of text right after one is what it prints."""
    found = re.findall(r"^```sh\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", read_page(page), re.MULTILINE | re.DOTALL)
    return [Block(commands, printed or None) for commands, printed in found]


def run_blocks(
    blocks: Sequence[Block], *, replacements: Mapping[str, str], folder: Path, seconds: float
) -> list[Printed]:
    """Run *blocks* in *folder* and return what each printed; each of *replacements* must occur."""
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
