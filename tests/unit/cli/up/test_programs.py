"""The programs that `mergelane up` runs, and their settings."""

import signal
from dataclasses import replace
from pathlib import Path

import pytest

from cli.up.data_dir import DataDir
from cli.up.programs import UpOptions, product_environ, product_programs

OPTIONS = UpOptions(home=Path("/srv/lane"), host="127.0.0.1", port=8123, flower_port=5123, workers=3)


def test_there_is_a_program_for_each_worker_with_a_name_and_a_log_of_its_own() -> None:
    workers = product_programs(OPTIONS, DataDir(OPTIONS.home), {}).workers

    assert [worker.name for worker in workers] == ["worker1", "worker2", "worker3"]
    assert len({worker.log for worker in workers}) == 3


def test_no_worker_of_another_run_has_its_node_name() -> None:
    runs = [product_programs(OPTIONS, DataDir(OPTIONS.home), {}).workers for _ in range(2)]

    names = [worker.command[worker.command.index("-n") + 1] for workers in runs for worker in workers]
    assert [name.split("-")[0] for name in names] == ["worker1", "worker2", "worker3"] * 2
    assert len(set(names)) == 6


def test_only_the_front_door_is_given_time_when_its_parent_dies() -> None:
    wanted = product_programs(OPTIONS, DataDir(OPTIONS.home), {})

    assert wanted.web.orphan_signal == signal.SIGTERM
    assert {program.orphan_signal for program in (wanted.relay, *wanted.workers, wanted.flower)} == {signal.SIGKILL}


def test_children_get_the_servers_and_the_operators_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MERGELANE_LANE_SIZE", "3")
    monkeypatch.setenv("DATABASE_URL", "postgresql://stale")

    environ = product_environ(database_url="postgresql://fresh", broker_url="redis://fresh", flower_port=5555)

    assert environ["DATABASE_URL"] == "postgresql://fresh"
    assert environ["BROKER_URL"] == "redis://fresh"
    assert environ["MERGELANE_LANE_SIZE"] == "3"


def test_logs_are_for_people_unless_the_operator_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MERGELANE_LOG_FORMAT", raising=False)
    plain = product_environ(database_url="", broker_url="", flower_port=5555)
    monkeypatch.setenv("MERGELANE_LOG_FORMAT", "json")
    chosen = product_environ(database_url="", broker_url="", flower_port=5555)

    assert plain["MERGELANE_LOG_FORMAT"] == "text"
    assert chosen["MERGELANE_LOG_FORMAT"] == "json"


def test_the_console_leads_to_the_flower_beside_it_unless_the_operator_says_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("MERGELANE_FLOWER_URL", raising=False)
    beside = product_environ(database_url="", broker_url="", flower_port=5556)
    monkeypatch.setenv("MERGELANE_FLOWER_URL", "https://flower.example.com")
    chosen = product_environ(database_url="", broker_url="", flower_port=5556)

    assert beside["MERGELANE_FLOWER_URL"] == "http://127.0.0.1:5556"
    assert chosen["MERGELANE_FLOWER_URL"] == "https://flower.example.com"


def test_flowers_password_is_passed_by_its_own_variable() -> None:
    environ = product_environ(database_url="", broker_url="", flower_port=5555, flower_basic_auth="ada:secret")

    assert environ["FLOWER_BASIC_AUTH"] == "ada:secret"


def test_whoever_shows_metrics_has_a_port_of_its_own() -> None:
    options = replace(OPTIONS, metrics_port=9000)
    wanted = product_programs(
        options, DataDir(options.home), product_environ(database_url="", broker_url="", flower_port=5555)
    )
    processes = (wanted.web, wanted.relay, *wanted.workers, wanted.flower)

    assert [process.environ["MERGELANE_METRICS_ADDRESS"] for process in processes] == [
        "",
        "127.0.0.1:9000",
        "127.0.0.1:9001",
        "127.0.0.1:9002",
        "127.0.0.1:9003",
        "",
    ]


def test_nobody_shows_metrics_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MERGELANE_METRICS_ADDRESS", "127.0.0.1:9464")
    wanted = product_programs(
        OPTIONS, DataDir(OPTIONS.home), product_environ(database_url="", broker_url="", flower_port=5555)
    )

    assert {process.environ["MERGELANE_METRICS_ADDRESS"] for process in (wanted.relay, *wanted.workers)} == {""}
