"""The Procfile, docker-compose.yml and `mergelane up` run the same processes by the same commands."""

import re
import shlex
import subprocess
from collections.abc import Collection
from typing import Any

import pytest
import yaml

from app.config import Settings
from cli.up import commands
from cli.up.embedded_postgres import NO_ROWS_IN_LOG
from cli.up.process_environ import OWNERS, SECRETS
from tests.project.tree import ROOT, text_of

PROCESSES = {
    "web": commands.WEB,
    "relay": commands.RELAY,
    "sender": commands.SENDER,
    "worker": commands.WORKER,
    "flower": commands.FLOWER,
}
#: What the profile `monitoring` adds.
MONITORING = {"prometheus", "grafana"}
PLACES = re.compile(r"--(address|port|bind)=.*")


def essence(words: list[str]) -> list[str]:
    """Return a command without the address that it listens on and the name of a worker."""
    kept = list(words)
    for option in ("--bind", "-n"):
        if option in kept:
            at = kept.index(option)
            del kept[at : at + 2]
    return [word for word in kept if not PLACES.fullmatch(word)]


def procfile() -> dict[str, list[str]]:
    lines = (line.split(": ", 1) for line in text_of("Procfile").splitlines() if line)
    return {name: shlex.split(command) for name, command in lines}


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    return yaml.safe_load(text_of("docker-compose.yml"))["services"]


def test_the_procfile_lists_every_process() -> None:
    assert procfile().keys() == PROCESSES.keys()


@pytest.mark.parametrize("name", PROCESSES)
def test_the_procfile_runs_what_up_runs(name: str) -> None:
    assert sorted(essence(procfile()[name])) == sorted(PROCESSES[name])


@pytest.mark.parametrize("name", PROCESSES)
def test_compose_runs_what_the_procfile_runs(services: dict[str, dict[str, Any]], name: str) -> None:
    assert essence(services[name]["command"]) == essence(procfile()[name])


def test_compose_adds_the_servers_and_the_migration(services: dict[str, dict[str, Any]]) -> None:
    assert services.keys() - MONITORING == {*PROCESSES, *OWNERS, "postgres", "redis"}
    assert services["migrate"]["command"] == ["mergelane", "migrate"]
    assert services["cli"]["entrypoint"] == ["mergelane"]
    assert services["postgres"]["image"] == "postgres:18"
    assert services["redis"]["image"] == "redis:7"


@pytest.mark.parametrize("name", PROCESSES)
def test_compose_starts_each_process_after_the_migration(services: dict[str, dict[str, Any]], name: str) -> None:
    assert services[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


def test_compose_runs_the_web_server_without_a_broker(services: dict[str, dict[str, Any]]) -> None:
    assert "redis" not in services["web"]["depends_on"]


def test_compose_runs_the_sender_of_webhooks_without_a_broker(services: dict[str, dict[str, Any]]) -> None:
    assert "redis" not in services["sender"]["depends_on"]


def test_compose_opens_ports_only_to_this_machine(services: dict[str, dict[str, Any]]) -> None:
    ports = {name: service["ports"] for name, service in services.items() if "ports" in service}

    assert ports == {
        "web": ["127.0.0.1:8000:8000"],
        "flower": ["127.0.0.1:5555:5555"],
        "prometheus": ["127.0.0.1:9090:9090"],
        "grafana": ["127.0.0.1:3000:3000"],
    }


def start_flower_with(entrypoint: list[str], password: str) -> "subprocess.CompletedProcess[str]":
    """Run the entry point of the container with a command that prints a word."""
    words = [word.replace("$$", "$") for word in entrypoint]
    environ = {"PATH": "/usr/bin:/bin", "FLOWER_BASIC_AUTH": password}
    return subprocess.run([*words, "echo", "started"], env=environ, capture_output=True, text=True, check=False)


def test_compose_refuses_to_start_flower_without_a_password(services: dict[str, dict[str, Any]]) -> None:
    flower = services["flower"]
    without, with_one = (start_flower_with(flower["entrypoint"], password) for password in ("", "a:b c"))

    assert flower["environment"]["FLOWER_BASIC_AUTH"] == "${MERGELANE_FLOWER_BASIC_AUTH:-}"
    assert (without.returncode, without.stdout) == (1, "")
    assert "set MERGELANE_FLOWER_BASIC_AUTH=USER:PASSWORD" in without.stderr
    assert (with_one.returncode, with_one.stdout) == (0, "started\n")


def test_compose_needs_no_variable() -> None:
    """Every command of compose reads the whole file, also `logs`, `ps` and `down`."""
    variables = re.findall(r"\$\{([A-Z_]+)(:?.)", text_of("docker-compose.yml"))

    assert variables
    assert {separator for _, separator in variables} == {":-"}
    assert {name for name, _ in variables} == set(re.findall(r"^([A-Z_]+)=", text_of(".env.example"), re.MULTILINE))


def test_compose_builds_one_image_once(services: dict[str, dict[str, Any]]) -> None:
    ours = {name: services[name] for name in (*PROCESSES, *OWNERS)}

    assert {service["image"] for service in ours.values()} == {"mergelane"}
    assert [name for name, service in services.items() if "build" in service] == ["migrate"]
    assert {name for name, service in ours.items() if service["pull_policy"] != "never"} == {"migrate"}


#: Each setting with a secret, and the variable of compose and Kubernetes that is a part of its value.
SECRET_VARIABLES = {
    "database_url": "PGPASSWORD",
    "broker_url": "BROKER_URL",
    "key_pepper": "MERGELANE_KEY_PEPPER",
    "webhook_pepper": "MERGELANE_WEBHOOK_PEPPER",
    "flower_basic_auth": "FLOWER_BASIC_AUTH",
    "process_password": "MERGELANE_PROCESS_PASSWORD",
}
#: Settings that neither compose nor Kubernetes gives to a process.
NOT_DEPLOYED = {"database_replica_url", "rate_limit_url", "otel_exporter_otlp_endpoint"}


def secrets_of(variables: Collection[str]) -> set[str]:
    """Return the secret settings that a process with these *variables* has."""
    unknown = [name for name in variables if re.search(r"PASS|PEPPER|AUTH|SECRET|KEY|TOKEN", name)]
    assert set(unknown) <= set(SECRET_VARIABLES.values())
    return {setting for setting, name in SECRET_VARIABLES.items() if name in variables}


@pytest.mark.parametrize("name", [*PROCESSES, *OWNERS])
def test_compose_gives_each_process_only_the_secrets_that_it_uses(
    services: dict[str, dict[str, Any]], name: str
) -> None:
    assert secrets_of(services[name]["environment"]) == SECRETS[name] - NOT_DEPLOYED


def test_compose_gives_the_owner_of_the_tables_to_no_long_running_process(
    services: dict[str, dict[str, Any]],
) -> None:
    users = {
        name: (service["environment"]["PGUSER"], service["environment"]["PGPASSWORD"])
        for name, service in services.items()
        if "PGUSER" in service.get("environment", {})
    }
    owner = ("mergelane", "${POSTGRES_PASSWORD:-mergelane}")
    processes = (Settings().process_user, "${MERGELANE_PROCESS_PASSWORD:-mergelane}")

    assert users == {
        **dict.fromkeys(OWNERS, owner),
        **dict.fromkeys(("web", "relay", "sender", "worker"), processes),
    }
    assert services["migrate"]["environment"]["MERGELANE_PROCESS_PASSWORD"] == processes[1]
    assert services["cli"]["profiles"] == ["cli"]


def test_compose_inserts_no_password_into_a_url() -> None:
    assert re.findall(r"://[^\s\"]*\$", text_of("docker-compose.yml")) == []


def test_compose_checks_every_container_cheaply(services: dict[str, dict[str, Any]]) -> None:
    tests = {name: services[name]["healthcheck"]["test"] for name in PROCESSES}
    of_progress = ["CMD", "healthy", "file"]

    assert tests == {
        "web": ["CMD", "healthy", "http", "8000", "/health/ready"],
        "flower": ["CMD", "healthy", "http", "5555", "/healthcheck"],
        **dict.fromkeys(("relay", "sender", "worker"), of_progress),
    }
    for name, test in tests.items():
        file = services[name]["environment"].get("MERGELANE_HEALTH_FILE", "")
        assert file.startswith("/tmp/") == (test == of_progress)  # noqa: S108  the one writable folder
        assert services[name]["healthcheck"]["start_interval"] == "1s"


def test_compose_repeats_the_migration_a_bounded_number_of_times(services: dict[str, dict[str, Any]]) -> None:
    assert services["migrate"]["restart"] == "on-failure:10"


def test_every_container_is_confined(services: dict[str, dict[str, Any]]) -> None:
    confined = {
        name: (service["read_only"], service["cap_drop"], service["security_opt"]) for name, service in services.items()
    }

    assert confined == dict.fromkeys(services, (True, ["ALL"], ["no-new-privileges:true"]))
    assert not any(service.keys() & {"privileged", "cap_add", "network_mode", "pid"} for service in services.values())


def test_no_container_runs_as_root(services: dict[str, dict[str, Any]]) -> None:
    ((user, group),) = re.findall(r"^USER (\S+):(\S+)$", text_of("Dockerfile"), re.MULTILINE)
    servers = {name: services[name]["user"] for name in ("postgres", "redis", *MONITORING)}

    assert int(user) > 0
    assert f"--uid {user} " in text_of("Dockerfile")
    assert group == user
    assert f"--gid {group} " in text_of("Dockerfile")
    assert servers == {"postgres": "postgres", "redis": "redis", "prometheus": "nobody", "grafana": "472"}
    assert not any("user" in services[name] for name in (*PROCESSES, *OWNERS))


def test_a_container_writes_only_to_memory_and_to_its_volume(services: dict[str, dict[str, Any]]) -> None:
    mounted = {name: service["volumes"] for name, service in services.items() if "volumes" in service}

    writable = {name: [each for each in volumes if not each.endswith(":ro")] for name, volumes in mounted.items()}

    assert writable == {
        "postgres": ["postgres:/var/lib/postgresql"],
        "prometheus": ["prometheus:/prometheus"],
        "grafana": ["grafana:/var/lib/grafana"],
    }
    assert all("/tmp" in service["tmpfs"] for service in services.values())  # noqa: S108  the folder itself


def test_compose_keeps_rows_out_of_the_log_of_postgres(services: dict[str, dict[str, Any]]) -> None:
    said = services["postgres"]["command"]

    assert {f"{name}={value}" for name, value in NO_ROWS_IN_LOG.items()} <= set(said)


def test_nothing_listens_beyond_this_machine_by_default(services: dict[str, dict[str, Any]]) -> None:
    places = [word for command in procfile().values() for word in command if re.search(r"\d+\.\d+\.\d+\.\d+", word)]

    assert places == ["--address=127.0.0.1"]
    assert Settings().web_host == "127.0.0.1"
    assert "--address=127.0.0.1" in commands.flower(port=5555)


def test_the_worker_can_be_scaled(services: dict[str, dict[str, Any]]) -> None:
    assert not services["worker"].keys() & {"container_name", "ports", "hostname"}
    # Not only `--scale`: the next `up` without it would undo it.
    assert services["worker"]["deploy"] == {"replicas": "${MERGELANE_WORKERS:-1}"}
    assert "%h" in " ".join(services["worker"]["command"])


def test_the_image_runs_the_web_server_by_default(services: dict[str, dict[str, Any]]) -> None:
    (command,) = re.findall(r"^CMD (\[.*\])$", text_of("Dockerfile"), re.MULTILINE)

    assert yaml.safe_load(command) == services["web"]["command"]


def test_the_image_is_not_built_in_a_folder_called_app() -> None:
    folders = re.findall(r"^WORKDIR (\S+)$", text_of("Dockerfile"), re.MULTILINE)

    assert folders
    assert "/app" not in folders


def test_prometheus_and_grafana_start_only_with_the_profile_monitoring(services: dict[str, dict[str, Any]]) -> None:
    assert {name for name, service in services.items() if service.get("profiles") == ["monitoring"]} == MONITORING


def test_every_process_serves_its_metrics_where_prometheus_looks(
    services: dict[str, dict[str, Any]],
) -> None:
    scraped = yaml.safe_load(text_of("monitoring/prometheus.yml"))["scrape_configs"]
    looked_for = {
        name: f"0.0.0.0:{where['port']}"
        for each in scraped
        for where in each.get("dns_sd_configs", ())
        for name in where["names"]
    }
    shown = {
        name: service["environment"]["MERGELANE_METRICS_ADDRESS"]
        for name, service in services.items()
        if "MERGELANE_METRICS_ADDRESS" in service.get("environment", {})
    }

    assert looked_for == shown
    assert shown.keys() == {"web", "relay", "worker", "sender"}


def test_every_mounted_file_exists(services: dict[str, dict[str, Any]]) -> None:
    mounted = [each.split(":")[0] for service in services.values() for each in service.get("volumes", ())]
    missing = [name for name in mounted if name.startswith("./") and not (ROOT / name).exists()]

    assert missing == []
