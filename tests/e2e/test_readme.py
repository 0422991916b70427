"""The README's quick start: its commands run unchanged against a running system, except for the port and the key."""

import re
import shutil
import subprocess
from pathlib import Path

import orjson
import pytest

from tests.support.missing import missing
from tests.support.system import System
from tests.support.waiting import wait_until

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
BLOCKS = [block for block in re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL) if "curl" in block]
DEADLINE_S = 60


@pytest.fixture
def responses(system: System) -> list[dict]:
    """The responses to the quick start's commands, in order."""
    if shutil.which("curl") is None or shutil.which("bash") is None:
        missing("curl and bash", FileNotFoundError("the README's commands need them"))
    profiles, merge, look = BLOCKS
    key = system.client.key
    written = _run(system, key, profiles)
    accepted = _run(system, key, profiles.split("curl")[0], merge)
    wait_until(lambda: _finished(system), seconds=DEADLINE_S, what="the quick start's merge")
    looked = _run(system, key, profiles.split("curl")[0], f"accepted='{accepted.strip()}'\n", look)
    return [orjson.loads(line) for line in (written + accepted + looked).splitlines() if line.strip()]


def test_the_quick_start_has_the_results_of_the_readme(responses: list[dict]) -> None:
    written, accepted, batch, jobs, export = responses
    (survivor,) = export["users"]

    assert written == {"message": "success", "attributes_processed": 2, "purchases_processed": 1}
    assert accepted["message"] == "success"
    assert batch["counts"] == {"merged": 1}
    assert [job["outcome"] for job in jobs["jobs"]] == ["merged"]
    assert (survivor["first_name"], survivor["last_name"], survivor["total_revenue"]) == ("Ada", "Lovelace", 80.0)
    assert survivor["user_aliases"] == [{"alias_name": "guest-1", "alias_label": "checkout"}]


def _run(system: System, key: str, *blocks: str) -> str:
    """Return the output of *blocks*, with each response on its own line."""
    script = "\n".join(blocks).replace("http://127.0.0.1:8000", system.base_url).replace("try-mergelane", key)
    script = re.sub(r"curl -s ", r"curl -s -w '\\n' ", script)
    done = subprocess.run(["bash", "-euc", script], capture_output=True, text=True, timeout=DEADLINE_S, check=True)
    return done.stdout


def _finished(system: System) -> bool:
    """Return whether the newest job has finished."""
    jobs = system.client.get("/merge/jobs").json()["jobs"]
    return bool(jobs) and jobs[0]["state"] == "finished"
