"""The tutorial of a move from the vendor: its commands run unchanged and print the output on the page."""

import re
import sys
from pathlib import Path

from tests.support.pages import read_blocks, read_page, run_blocks
from tests.support.system import System
from tests.support.waiting import wait_until

PAGE = "move-from-the-vendor.md"
PERMISSION = re.compile(r"--permission (\S+)")
DEADLINE_S = 240
MERGES = 2
#: The exit status of a command that refused lines.
SOME_REFUSED = 4


def test_the_commands_of_the_page_print_its_output(system: System, tmp_path: Path) -> None:
    start, *blocks = read_blocks(PAGE)
    client = system.new_client(permissions=PERMISSION.findall(read_page(PAGE)))
    replacements = {
        "http://127.0.0.1:8000": system.base_url,
        "try-mergelane": client.key,
        "$PWD/.venv/bin": str(Path(sys.executable).parent),
    }
    (feed,) = [place for place, block in enumerate(blocks) if "identities export" in block.commands]
    printed = run_blocks(blocks[:feed], replacements=replacements, folder=tmp_path, seconds=DEADLINE_S)
    # The relay numbers a change half a second after it. A reader is slower than that.
    wait_until(lambda: len(client.get("/identities").json()["changes"]) == MERGES)
    _, *later = run_blocks([blocks[0], *blocks[feed:]], replacements=replacements, folder=tmp_path, seconds=DEADLINE_S)
    printed += later

    assert "make up" in start.commands
    assert [each.text for each in printed] == [block.printed or "" for block in blocks]
    refused = [block.commands for block, each in zip(blocks, printed, strict=True) if each.status]
    assert refused == ["mergelane profiles import segment.zip --dry-run\n", "mergelane profiles import segment.zip\n"]
    assert {each.status for each in printed} == {0, SOME_REFUSED}
