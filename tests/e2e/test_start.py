"""Every process checks the schema at its start: it waits on an older one, and runs on a newer one."""

from pathlib import Path

import psycopg
import pytest

from app.db.schema_version import required_revision
from cli.up import commands
from tests.support.processes import Process
from tests.support.system import System

STARTED = {"web": "Booting worker", "worker": "ready."}


@pytest.fixture
def system(tmp_path: Path, database_url: str, broker_url: str) -> System:
    """A system without a running process."""
    return System(tmp_path / "system", database_url=database_url, broker_url=broker_url)


@pytest.mark.parametrize("name", ["web", "relay", "sender", "worker"])
def test_a_process_waits_on_an_older_schema_and_logs_this_once(system: System, name: str) -> None:
    set_revision(system, "0026")
    process = made(system, name).start()
    try:
        process.says(f"The schema is at revision 0026, and this version of Mergelane needs {required_revision()}; run")
        pid = process.pid
        set_revision(system, required_revision())
        process.says(STARTED.get(name, f"{name}_started"))

        assert process.running
        assert process.pid == pid
    finally:
        process.stop(seconds=15)
    assert process.log.count("service_waiting") == 1
    assert "Traceback" not in process.log


@pytest.mark.parametrize("name", ["web", "relay", "sender", "worker"])
def test_a_waiting_process_ends_on_a_signal(system: System, name: str) -> None:
    set_revision(system, "0026")
    process = made(system, name).start()
    process.says("service_waiting")

    assert process.stop(seconds=10)
    assert "Traceback" not in process.log


@pytest.mark.parametrize("name", ["web", "relay", "sender", "worker"])
def test_a_process_runs_on_a_newer_schema(system: System, name: str) -> None:
    set_revision(system, "9999")
    process = made(system, name).start()
    try:
        process.says(STARTED.get(name, f"{name}_started"))
    finally:
        process.stop(seconds=15)


def test_flower_starts_beside_a_kubernetes_service_of_its_name(system: System) -> None:
    system.environ |= {"FLOWER_PORT": "tcp://10.0.0.5:5555", "FLOWER_PORT_5555_TCP": "tcp://10.0.0.5:5555"}
    flower = system.process("flower", commands.flower(port=system.flower_port)).start()
    try:
        flower.says(f"http://127.0.0.1:{system.flower_port}")
    finally:
        flower.stop(seconds=15)


def set_revision(system: System, revision: str) -> None:
    """Set the schema's revision in the database to *revision*."""
    with psycopg.connect(system.database_url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = %s", [revision])


def made(system: System, name: str) -> Process:
    """Return the process *name* of the system without starting it."""
    made = {"worker": commands.worker("worker"), "sender": commands.sender()}
    return system.process(name, made[name]) if name in made else {"web": system.web, "relay": system.relay}[name]
