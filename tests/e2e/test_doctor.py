"""`mergelane doctor` as an operator runs it, on a sound installation and on a broken one."""

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest

from app.environment import child_environ
from cli.database import connected
from cli.up.commands import DIRECTORY
from tests.support.system import System
from tests.support.up import Up

SOUND = {
    "MERGELANE_LOCK_TIMEOUT_MS": "1000",
    "MERGELANE_STATEMENT_TIMEOUT_MS": "2000",
    "MERGELANE_KEY_PEPPER": "a-pepper-of-some-length,",
}
"""Settings of a sound installation, in place of the short timeouts of the tests' system."""


def doctor(environ: Mapping[str, str], *options: str) -> "subprocess.CompletedProcess[str]":
    """Run the command and return its result."""
    command = [sys.executable, "-m", "cli", "doctor", *options]
    whole = {**child_environ(), **environ}
    return subprocess.run(command, env=whole, cwd=DIRECTORY, capture_output=True, text=True, timeout=60, check=False)


def findings(done: "subprocess.CompletedProcess[str]") -> dict[str, dict[str, Any]]:
    """Return the gravest finding of each check, by the name of the check."""
    found = orjson.loads(done.stdout)["findings"]
    gravest = sorted(found, key=lambda finding: ("fine", "notice", "wrong").index(finding["level"]))
    return {finding["check"]: finding for finding in gravest}


@pytest.fixture
def sound(system: System) -> System:
    """The system that tests share, without their webhooks: no sender runs in it."""
    with connected(system.settings, system.database_url, name="test") as connection:
        connection.execute("UPDATE webhook SET enabled = false")
    return system


def test_a_sound_installation_has_no_finding(sound: System) -> None:
    done = doctor({**sound.environ, **SOUND})

    assert done.returncode == 0, done.stdout + done.stderr
    assert "fine    relay: A relay is running." in done.stdout
    assert "fine    workers: 2 workers respond: " in done.stdout
    assert done.stdout.splitlines()[-1].startswith("0 wrong, ")
    assert done.stderr == ""


def test_the_json_has_the_findings(sound: System) -> None:
    done = doctor({**sound.environ, **SOUND}, "--json")

    assert orjson.loads(done.stdout)["healthy"] is True
    assert findings(done)["schema"].keys() == {"level", "check", "sentence", "way_out"}


def test_a_broken_installation_has_findings_with_remedies(start_system: Callable[..., System]) -> None:
    system = start_system(workers=1)
    system.workers[0].kill()
    system.relay.kill()
    done = doctor({**system.environ, **SOUND}, "--json")
    found = findings(done)

    assert done.returncode == 1
    assert {check for check, finding in found.items() if finding["level"] == "wrong"} == {"relay", "workers"}
    assert all(finding["way_out"] for finding in found.values() if finding["level"] == "wrong")


def test_a_relay_that_hangs_is_found(start_system: Callable[..., System]) -> None:
    system = start_system(workers=1)
    system.relay.freeze()
    try:
        # The doctor reports a relay that is silent for ten seconds; the test shortens this.
        script = "from cli.doctor import processes; processes.SILENT_S = 0.5; from cli.main import main; main()"
        command = [sys.executable, "-c", script, "doctor", "--json"]
        environ = {**child_environ(), **system.environ, **SOUND}
        done = subprocess.run(
            command, env=environ, cwd=DIRECTORY, capture_output=True, text=True, timeout=60, check=False
        )
    finally:
        system.relay.thaw()

    assert "it hangs" in findings(done)["relay"]["sentence"]


def test_the_doctor_examines_the_servers_of_mergelane_up(make_up: Callable[..., Up]) -> None:
    up = make_up()
    up.start()
    done = doctor(SOUND, "--json", "--home", str(up.home))
    up.stop()
    after = doctor(SOUND, "--json", "--home", str(up.home))

    assert done.returncode == 0, done.stdout
    assert {check: findings(done)[check]["level"] for check in ("postgres", "broker", "relay", "workers")} == {
        "postgres": "fine",
        "broker": "fine",
        "relay": "fine",
        "workers": "fine",
    }
    assert after.returncode == 1
    assert "DATABASE_URL is not set" in findings(after)["postgres"]["sentence"]


def test_invalid_settings_are_reported_in_one_sentence(tmp_path: Path) -> None:
    done = doctor({"MERGELANE_LANE_SIZE": "many"}, "--home", str(tmp_path))

    assert done.returncode == 1
    assert done.stderr.startswith("Error: The environment cannot be read as settings: MERGELANE_LANE_SIZE")
