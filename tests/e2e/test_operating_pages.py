"""The how-to pages for operators: their commands run unchanged, except for the id of the run."""

import sys
import textwrap
from pathlib import Path

import orjson

from tests.support.client import Client
from tests.support.commands import make_profiles
from tests.support.pages import Block, Printed, read_page, run_blocks
from tests.support.system import System
from tests.support.waiting import wait_until

NAMES = ["grace-2", "grace", "a", "b", "c", "d"]


def run_page(page: str, system: System, folder: Path, **replacements: str) -> list[Printed]:
    """Run the blocks of *page*, which may be in list items."""
    parts = read_page(page).split("```sh\n")[1:]
    blocks = [Block(textwrap.dedent(part.partition("```")[0].rstrip(" ")), None) for part in parts]
    environment = (
        f"export PATH={Path(sys.executable).parent}:$PATH"
        f" MERGELANE_URL={system.base_url} MERGELANE_API_KEY={system.client.key}\n"
    )
    printed = run_blocks([Block(environment, None), *blocks], replacements=replacements, folder=folder, seconds=120)
    assert [each.status for each in printed] == [0] * len(printed), printed
    return printed[1:]


def merge_in_run(client: Client, run_id: str, orphan: str, survivor: str) -> str:
    update = {"identifier_to_merge": {"external_id": orphan}, "identifier_to_keep": {"external_id": survivor}}
    body = {"merge_updates": [update]}
    accepted = client.request("POST", "/users/merge", json=body, headers={"Merge-Run": run_id}).json()
    return str(accepted["batch_id"])


def test_the_pages_stop_and_undo_a_run_and_send_an_urgent_merge(client: Client, system: System, tmp_path: Path) -> None:
    make_profiles(client, NAMES)
    before = [client.profile(name) for name in NAMES]
    run_id = client.post("/merge/runs", {"label": "wrong"}).json()["run_id"]
    client.finished(merge_in_run(client, run_id, "a", "b"))
    client.put("/merge/queue", {"state": "paused"})
    waiting = merge_in_run(client, run_id, "c", "d")
    stopped = run_page("stop-a-merge.md", system, tmp_path, RUN_ID=run_id)
    after = [client.profile(name) for name in NAMES]
    urgent, queue = run_page("urgent-merge.md", system, tmp_path)
    wait_until(lambda: client.batch(waiting)["counts"] == {"cancelled": 1}, what="the cancelled batch")

    assert "wrong" in stopped[1].text
    assert "cancelled" in stopped[2].text
    assert "undone=1" in stopped[-1].text
    assert after == before
    assert orjson.loads(urgent.text)["batch"]["jobs"][0]["outcome"] == "merged"
    assert "running" in queue.text
