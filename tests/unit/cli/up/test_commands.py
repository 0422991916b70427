"""The commands of the processes."""

import sys

from cli.up import commands


def test_every_command_is_run_by_this_python() -> None:
    runs = [commands.web(host="127.0.0.1", port=1), commands.relay(), commands.worker("a"), commands.flower(port=1)]

    assert {run[0] for run in runs} == {sys.executable}
    assert [run[1:3] for run in runs] == [
        ["-m", "gunicorn"],
        ["-m", "workers.relay"],
        ["-m", "celery"],
        ["-m", "celery"],
    ]


def test_web_listens_at_the_given_address() -> None:
    assert commands.web(host="10.0.0.1", port=8080)[-2:] == ["--bind", "10.0.0.1:8080"]
    assert commands.web(host="::1", port=8080)[-2:] == ["--bind", "[::1]:8080"]


def test_flower_is_read_only_and_listens_only_on_this_machine() -> None:
    command = commands.flower(port=5555)

    assert {"--read-only", "--address=127.0.0.1", "--port=5555"} <= set(command)
    assert any(word.startswith("--purge-offline-workers=") for word in command)


def test_flower_keeps_a_bounded_number_of_tasks() -> None:
    (limit,) = [word for word in commands.flower(port=5555) if word.startswith("--max-tasks=")]

    assert int(limit.partition("=")[2]) <= 10_000


def test_a_worker_runs_one_lane_at_a_time_and_sends_events_to_flower() -> None:
    command = commands.worker("worker7")

    assert command[command.index("--pool") + 1] == "solo"
    assert command[command.index("-n") + 1] == "worker7@%h"
    assert "-E" in command


def test_children_start_in_the_folder_of_the_packages() -> None:
    assert {"app", "cli", "workers", "schemas"} <= {folder.name for folder in commands.DIRECTORY.iterdir()}
