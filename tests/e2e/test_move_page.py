"""The tutorial of a move from the vendor: its commands run to the letter, and print what the page says."""

import re
import sys
from pathlib import Path

from tests.support.pages import read_blocks, run_blocks
from tests.support.system import System

DEADLINE_S = 120
#: The exit status of a command that refused lines.
SOME_REFUSED = 4


def test_the_move_goes_as_the_page_says(system: System, tmp_path: Path) -> None:
    start, *blocks = read_blocks("move-from-the-vendor.md")
    client = system.new_client()
    replacements = {
        "http://127.0.0.1:8000": system.base_url,
        "try-mergelane": client.key,
        "$PWD/.venv/bin": str(Path(sys.executable).parent),
    }
    printed = run_blocks(blocks, replacements=replacements, folder=tmp_path, seconds=DEADLINE_S)

    print("\n=====\n".join(f"{b.commands}---- {p.status}\n{p.text}" for b, p in zip(blocks, printed)))
    assert "make up" in start.commands
    assert [each.text for each in printed] == [block.printed or "" for block in blocks]
    refused = [block.commands for block, each in zip(blocks, printed, strict=True) if each.status == SOME_REFUSED]
    assert [re.split(r"[ \n]", commands)[3:] for commands in refused] == [["segment.zip", "--dry-run", ""], ["segment.zip", ""]]
    assert {each.status for each in printed} == {0, SOME_REFUSED}
