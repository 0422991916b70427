"""The programs that `mergelane up` runs, and their settings."""

import signal
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from cli.up.data_dir import DataDir
from cli.up.programs import UpOptions, product_programs

OPTIONS = UpOptions(home=Path("/srv/lane"), host="127.0.0.1", port=8123, flower_port=5123, workers=3)


def test_each_worker_has_a_program_with_its_own_name_and_log() -> None:
    workers = product_programs(OPTIONS, DataDir(OPTIONS.home), {}).workers

    assert [worker.name for worker in workers] == ["worker1", "worker2", "worker3"]
    assert len({worker.log for worker in workers}) == 3


def test_no_worker_of_another_run_has_its_node_name() -> None:
    runs = [product_programs(OPTIONS, DataDir(OPTIONS.home), {}).workers for _ in range(2)]

    names = [worker.command[worker.command.index("-n") + 1] for workers in runs for worker in workers]
    assert [name.split("-")[0] for name in names] == ["worker1", "worker2", "worker3"] * 2
    assert len(set(names)) == 6


def test_only_the_web_server_stops_gracefully_when_its_parent_dies() -> None:
    programs = product_programs(OPTIONS, DataDir(OPTIONS.home), {})

    assert programs.web.orphan_signal == signal.SIGTERM
    assert {program.orphan_signal for program in (programs.relay, *programs.workers, programs.flower)} == {
        signal.SIGKILL
    }


def environs(options: UpOptions = OPTIONS, **secrets: str) -> dict[str, Mapping[str, str]]:
    """Return the environment of each process."""
    made = product_programs(options, DataDir(options.home), secrets)
    return {each.name: each.environ for each in (made.web, made.relay, made.sender, *made.workers, made.flower)}


def test_children_get_the_servers_and_the_operators_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MERGELANE_LANE_SIZE", "3")
    monkeypatch.setenv("DATABASE_URL", "postgresql://stale")

    environ = environs(database_url="postgresql://fresh", broker_url="redis://fresh")["worker1"]

    assert environ["DATABASE_URL"] == "postgresql://fresh"
    assert environ["BROKER_URL"] == "redis://fresh"
    assert environ["MERGELANE_LANE_SIZE"] == "3"


def test_logs_are_text_unless_the_operator_sets_another_format(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MERGELANE_LOG_FORMAT", raising=False)
    plain = environs()
    monkeypatch.setenv("MERGELANE_LOG_FORMAT", "json")
    chosen = environs()

    assert {environ["MERGELANE_LOG_FORMAT"] for environ in plain.values()} == {"text"}
    assert {environ["MERGELANE_LOG_FORMAT"] for environ in chosen.values()} == {"json"}


def test_the_console_leads_to_the_flower_beside_it_unless_the_operator_says_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("MERGELANE_FLOWER_URL", raising=False)
    beside = environs()["web"]
    monkeypatch.setenv("MERGELANE_FLOWER_URL", "https://flower.example.com")
    chosen = environs()["web"]

    assert beside["MERGELANE_FLOWER_URL"] == "http://127.0.0.1:5123"
    assert chosen["MERGELANE_FLOWER_URL"] == "https://flower.example.com"


def test_flowers_password_is_passed_by_its_own_variable() -> None:
    environ = environs(flower_basic_auth="ada:secret")

    assert environ["flower"]["FLOWER_BASIC_AUTH"] == "ada:secret"
    assert not any("ada:secret" in each.values() for name, each in environ.items() if name != "flower")


def test_each_process_with_metrics_has_its_own_port() -> None:
    addresses = {
        name: environ["MERGELANE_METRICS_ADDRESS"]
        for name, environ in environs(replace(OPTIONS, metrics_port=9000)).items()
    }

    assert addresses == {
        "web": "127.0.0.1:9004",
        "relay": "127.0.0.1:9000",
        "sender": "",
        "worker1": "127.0.0.1:9001",
        "worker2": "127.0.0.1:9002",
        "worker3": "127.0.0.1:9003",
        "flower": "",
    }


def test_a_port_of_metrics_that_is_in_use_is_named_with_its_option() -> None:
    listeners = replace(OPTIONS, metrics_port=9000).listeners

    assert listeners[2:] == [("127.0.0.1", port, "--metrics-port") for port in range(9000, 9005)]


def test_there_are_no_metrics_without_the_option(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MERGELANE_METRICS_ADDRESS", "127.0.0.1:9464")

    assert {environ["MERGELANE_METRICS_ADDRESS"] for environ in environs().values()} == {""}
