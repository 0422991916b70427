"""`mergelane up` from the operator's view: its output, its processes, and how it stops."""

import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests
from uuid_utils.compat import uuid7

from cli.up.commands import DIRECTORY
from tests.support.on_citus import database_environ
from tests.support.processes import Process
from tests.support.up import DEV_KEY, UP, Up, environ_of
from tests.support.waiting import wait_until

PROCESSES = {"web", "relay", "worker1", "worker2", "sender", "flower", "postgres", "redis"}


def mergelane(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of `mergelane` and return its result."""
    command = [sys.executable, "-m", "cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=DIRECTORY)


def listing(base_url: str, key: str) -> requests.Response:
    """Return the response to *key* for the list of batches."""
    headers = {"Authorization": f"Bearer {key}"}
    return requests.get(f"{base_url}/merge/batches", headers=headers, timeout=30)


def test_every_process_runs(shared_up: Up) -> None:
    assert shared_up.look().keys() == PROCESSES


def test_the_output_names_the_addresses_and_folders(shared_up: Up) -> None:
    assert f"API           {shared_up.base_url}" in shared_up.output
    assert shared_up.flower_url in shared_up.output
    assert f"{shared_up.base_url}/docs" in shared_up.output
    assert f"{shared_up.base_url}/console" in shared_up.output
    assert str(shared_up.home / "postgres") in shared_up.output
    assert str(shared_up.home / "logs") in shared_up.output
    assert f"curl {shared_up.base_url}/users/merge" in shared_up.output


def test_the_web_process_is_ready(shared_up: Up) -> None:
    assert requests.get(f"{shared_up.base_url}/health/ready", timeout=30).status_code == 200


def test_the_dev_key_is_accepted_and_another_is_refused(shared_up: Up) -> None:
    assert listing(shared_up.base_url, DEV_KEY).status_code == 200
    assert listing(shared_up.base_url, "somebody-elses-key").status_code == 401


def test_the_dev_key_is_not_printed(shared_up: Up) -> None:
    assert DEV_KEY not in shared_up.output


def test_a_key_from_the_command_line_is_accepted_until_it_is_revoked(shared_up: Up) -> None:
    home = ["--home", str(shared_up.home)]
    made = mergelane("keys", "create", *home, "--workspace", "shop", "--label", "till 3", "--permission", "users.merge")
    secret = made.stdout.strip()
    first = listing(shared_up.base_url, secret)
    listed = mergelane("keys", "list", *home, "--workspace", "shop")
    key_id = listed.stdout.splitlines()[1].split()[0]
    revoked = mergelane("keys", "revoke", *home, key_id)

    assert (made.returncode, listed.returncode, revoked.returncode) == (0, 0, 0)
    assert first.status_code == 200
    assert "till 3" in listed.stdout
    assert secret not in listed.stdout
    assert listing(shared_up.base_url, secret).status_code == 401


def test_every_process_has_a_log_without_a_traceback(shared_up: Up) -> None:
    logs = {path.stem for path in (shared_up.home / "logs").iterdir()}

    assert logs == PROCESSES
    assert "Traceback" not in "".join(shared_up.log(name) for name in logs)


def test_flower_refuses_a_request_without_the_password(shared_up: Up) -> None:
    assert requests.get(f"{shared_up.flower_url}/workers", timeout=30).status_code == 401


def test_flower_lists_the_workers(shared_up: Up) -> None:
    def online() -> set[str]:
        answer = requests.get(f"{shared_up.flower_url}/workers?json=1", auth=("ada", "lovelace"), timeout=30)
        return {worker["hostname"].split("-")[0] for worker in answer.json()["data"] if worker["status"]}

    wait_until(lambda: online() == {"worker1", "worker2"}, what="Flower to list both workers")


def test_flower_shows_the_task_of_a_job_without_personal_data(shared_up: Up) -> None:
    client = shared_up.client()
    client.track(attributes=[{"external_id": "secret-1", "email": "ada@example.com"}, {"external_id": "secret-2"}])
    (job,) = client.finished(client.merge([("secret-1", "secret-2")]))["jobs"]
    client.close()

    def shown() -> dict[str, Any]:
        url = f"{shared_up.flower_url}/api/task/info/{job['task_id']}"
        answer = requests.get(url, auth=("ada", "lovelace"), timeout=30)
        task: dict[str, Any] = answer.json() if answer.status_code == 200 else {}
        return task if task.get("state") == "SUCCESS" else {}

    task = wait_until(shown, what="Flower to show the task as done")
    assert task["name"] == "mergelane.lane"
    assert job["job_id"] in task["args"]
    assert "secret" not in str(task)
    assert "ada@" not in str(task)


@pytest.mark.parametrize("operation", ["worker/shutdown", "worker/pool/restart", "worker/pool/grow", "task/apply"])
def test_flower_refuses_operations(shared_up: Up, operation: str) -> None:
    target = "mergelane.lane" if operation == "task/apply" else f"worker1@{socket.gethostname()}"
    answer = requests.post(
        f"{shared_up.flower_url}/api/{operation}/{target}", auth=("ada", "lovelace"), data="{}", timeout=30
    )

    assert answer.status_code == 403
    assert "read" in answer.text.lower() or "read" in answer.reason.lower()


def test_a_home_in_use_is_refused_with_one_sentence(shared_up: Up, make_up: Callable[..., Up]) -> None:
    second = make_up(home=shared_up.home).start(wait=False)

    assert second.process.ended() == 1
    assert second.output.startswith("Error: Another `mergelane up` (process ")
    assert len(second.output.splitlines()) == 1


def test_a_port_in_use_is_refused_with_one_sentence(shared_up: Up, make_up: Callable[..., Up]) -> None:
    second = make_up(port=shared_up.port).start(wait=False)

    assert second.process.ended() == 1
    assert second.output.startswith(f"Error: Cannot listen on 127.0.0.1 port {shared_up.port}: ")
    assert len(second.output.splitlines()) == 1


def test_an_unusable_home_is_refused_with_one_sentence(make_up: Callable[..., Up], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    up = make_up(home=tmp_path / "file" / "home").start(wait=False)

    assert up.process.ended() == 1
    assert "is not usable" in up.output
    assert len(up.output.splitlines()) == 1


def test_an_invalid_setting_is_refused_with_one_sentence(make_up: Callable[..., Up]) -> None:
    up = make_up(environ={"MERGELANE_LANE_SIZE": "many"}).start(wait=False)

    assert up.process.ended() == 1
    assert "MERGELANE_LANE_SIZE" in up.output
    assert len(up.output.splitlines()) == 1


def test_two_installations_run_side_by_side(shared_up: Up, make_up: Callable[..., Up]) -> None:
    second = make_up().start()
    home = ["--home", str(second.home)]
    made = mergelane("keys", "create", *home, "--workspace", "other", "--label", "x", "--permission", "*")
    secret = made.stdout.strip()

    assert listing(second.base_url, secret).status_code == 200
    assert listing(shared_up.base_url, secret).status_code == 401


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_up_stops_cleanly_at_a_signal(make_up: Callable[..., Up], number: signal.Signals) -> None:
    up = make_up().start()

    assert up.stop(number) == 0
    assert up.output.rstrip().endswith("Stopped.")
    assert "Killing" not in up.output
    assert up.left_over() == []
    assert "database system is shut down" in up.log("postgres")
    assert "Warm shutdown" in up.log("worker1")


def test_up_stops_cleanly_during_its_start(make_up: Callable[..., Up]) -> None:
    up = make_up().start(wait=False)
    wait_until((up.home / "run" / "postgres.pid").exists, what="PostgreSQL to be started")
    up.look()

    assert up.stop(signal.SIGHUP) == 0
    assert UP not in up.output
    up.wait_for_nothing_left()


def test_up_starts_no_server_if_the_urls_are_set(
    make_up: Callable[..., Up], empty_database_url: str, broker_url: str
) -> None:
    up = make_up(environ={"DATABASE_URL": empty_database_url, "BROKER_URL": broker_url}).start()

    assert up.look().keys() == PROCESSES - {"postgres", "redis"}
    assert not (up.home / "postgres").exists()
    assert listing(up.base_url, DEV_KEY).status_code == 200


def test_processes_on_a_given_server_use_a_login_that_is_not_the_owner(
    make_up: Callable[..., Up], empty_database_url: str, broker_url: str
) -> None:
    login, password = f"login_{uuid7().hex}", "p@ss/w%rd'"
    servers = {"DATABASE_URL": empty_database_url, "BROKER_URL": broker_url}
    up = make_up(environ={**servers, "MERGELANE_PROCESS_USER": login, "MERGELANE_PROCESS_PASSWORD": password}).start()
    try:
        environs = {name: environ_of(child) for name, child in up.look().items()}

        assert listing(up.base_url, DEV_KEY).status_code == 200
        assert {name for name, environ in environs.items() if f"user={login} " in environ} == PROCESSES - {
            "postgres",
            "redis",
            "flower",
        }
        assert not any("MERGELANE_PROCESS_PASSWORD" in environ for environ in environs.values())
    finally:
        up.end()
        with psycopg.connect(empty_database_url) as connection:
            connection.execute(f"DROP ROLE {login}".encode())


def test_an_older_version_runs_on_a_newer_schema(
    make_up: Callable[..., Up], database_url: str, broker_url: str, tmp_path: Path
) -> None:
    sentence = "The schema is at revision 9999, newer than this version. Nothing to do."
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")

    command = [sys.executable, "-m", "cli", "migrate"]
    migrate = Process.of("migrate", command, folder=tmp_path, environ=database_environ(database_url)).start()
    up = make_up(environ={**database_environ(database_url), "BROKER_URL": broker_url}).start()

    assert (migrate.ended(), migrate.log) == (0, f"{sentence}\n")
    assert sentence in up.output
    assert listing(up.base_url, DEV_KEY).status_code == 200


def test_an_unreachable_database_is_reported_in_one_sentence(make_up: Callable[..., Up]) -> None:
    up = make_up(environ={"DATABASE_URL": "postgresql://127.0.0.1:1/none", "BROKER_URL": "redis://127.0.0.1:1"})
    up.start(wait=False)

    assert up.process.ended() == 1
    assert up.output.startswith("Error: Cannot connect to the database: ")
    assert len(up.output.splitlines()) == 1


def test_migrate_without_a_database_url_names_the_setting(tmp_path: Path) -> None:
    answer = mergelane("migrate", "--home", str(tmp_path))

    assert answer.returncode == 1
    assert "DATABASE_URL is not set" in answer.stderr
    assert len(answer.stderr.splitlines()) == 1


def test_migrate_creates_the_schema_and_can_be_repeated(empty_database_url: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cli", "migrate"]
    runs = []
    for number in range(2):
        run = Process.of(
            f"migrate{number}", command, folder=tmp_path, environ={"DATABASE_URL": empty_database_url}
        ).start()
        runs.append((run.ended(), run.log))

    assert runs[0] == runs[1]
    assert runs[0][0] == 0
    assert runs[0][1].startswith("The schema is at revision ")
