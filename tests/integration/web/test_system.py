"""`GET /system`: the processes, versions and settings of the installation, for keys with `system.read`."""

from collections.abc import Callable
from dataclasses import fields
from functools import partial

from app.config import Settings
from app.db.connections import Pool, lend_connection
from app.system.heartbeats import Heartbeat
from app.system.report import REPORTED
from tests.support.flask_caller import Caller


def test_the_system_has_processes_versions_and_settings_and_needs_system_read(
    make_caller: Callable[..., Caller], caller: Caller, pool: Pool
) -> None:
    reader = make_caller(workspace=caller.workspace, permissions=("system.read",))
    merger = make_caller(workspace=caller.workspace, permissions=("users.merge",))
    heartbeat = Heartbeat("worker", Settings(), partial(lend_connection, pool), name="worker-1@host", uses_broker=True)
    heartbeat.beat()
    answer = reader.get("/system")
    heartbeat.close()
    later = reader.get("/system")

    (process,) = answer.get_json()["processes"]
    named = ("kind", "name", "state", "broker", "broker_cause")
    assert [process[each] for each in named] == ["worker", "worker-1@host", "running", "reachable", None]
    assert process["schema_version"] == answer.get_json()["schema_version"]
    assert later.get_json()["processes"] == []
    assert {"name": "MERGELANE_UNDO_DAYS", "value": 30.0, "is_default": True} in [
        {each: value for each, value in setting.items() if each != "meaning"}
        for setting in answer.get_json()["settings"]
    ]
    assert merger.get("/system").status_code == 403


def test_no_reported_setting_is_a_secret_or_an_address() -> None:
    declared = {field.name: field for field in fields(Settings)}

    assert all(declared[name].repr for name in REPORTED)
    assert all(isinstance(declared[name].default, int | float | str) for name in REPORTED)
    assert not any(word in name for name in REPORTED for word in ("url", "host", "_address", "user"))
