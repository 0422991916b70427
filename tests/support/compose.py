"""Starts docker-compose.yml with a Docker engine, as a separate project with its own name and ports."""

import os
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker
import pytest
import yaml

from cli.up.commands import DIRECTORY
from tests.support.client import Client
from tests.support.engine_containers import engine
from tests.support.processes import free_port

FILE = DIRECTORY / "docker-compose.yml"
PASSWORD = "p@ss/w#rd%41 $x\"y'z:?&"
FLOWER_LOGIN = "operator:a %2F#b"
#: The first version of compose in which a file can replace the ports of another file (`!override`).
LEAST_COMPOSE = (2, 24)
BUILT_FROM = ("python:3.12-slim", "postgres:18", "redis:7")
MONITORING = {"prometheus", "grafana"}


class Compose:
    """A compose project with two workers, on free ports of this machine."""

    def __init__(self, folder: Path) -> None:
        self.name = f"mergelane-test-{secrets.token_hex(4)}"
        self.port, self.flower_port = free_port(), free_port()
        services = yaml.safe_load(FILE.read_text())["services"]
        built = {
            name: f"  {name}: {{image: {self.name}}}" for name in services if services[name]["image"] == "mergelane"
        }
        built["web"] = f"  web: {{image: {self.name}, ports: !override ['127.0.0.1:{self.port}:8000']}}"
        built["flower"] = f"  flower: {{image: {self.name}, ports: !override ['127.0.0.1:{self.flower_port}:5555']}}"
        self._override = folder / "override.yml"
        self._override.write_text("\n".join(["services:", *built.values(), ""]))
        self._environ = folder / "env"
        self._environ.write_text(
            "\n".join(
                f"{name}='{value.replace(chr(39), chr(92) + chr(39))}'"
                for name, value in {
                    "POSTGRES_PASSWORD": PASSWORD,
                    "MERGELANE_PROCESS_PASSWORD": PASSWORD[::-1],
                    "MERGELANE_FLOWER_BASIC_AUTH": FLOWER_LOGIN,
                    "MERGELANE_WORKERS": "2",
                }.items()
            )
        )

    def run(self, *words: str, settings: bool = True, seconds: float = 300) -> str:
        """Run `docker compose` with the arguments *words* and return its output, without .env if not *settings*."""
        files = ["--file", str(FILE), "--file", str(self._override)]
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("MERGELANE_", "POSTGRES"))}
        env_file = str(self._environ) if settings else os.devnull
        command = ["docker", "compose", "--project-name", self.name, "--env-file", env_file, *files, *words]
        done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=seconds, check=False)
        assert done.returncode == 0, f"{' '.join(words)}: {done.stderr[-3000:]}"
        return done.stdout

    def up(self, *words: str) -> None:
        """Start all services and wait until they are healthy."""
        self.run("up", "--detach", "--wait", "--wait-timeout", "180", "--quiet-pull", *words)

    def containers(self) -> dict[str, str]:
        """Return the ids of the running containers by name, without the migration, which every `up` repeats."""
        lines = self.run("ps", "--format", "{{.Name}} {{.ID}}").splitlines()
        return {name.removeprefix(f"{self.name}-"): number for name, number in map(str.split, lines)}

    def execute(self, service: str, *words: str) -> str:
        """Run a command in the first container of *service*."""
        return self.run("exec", "--no-TTY", service, *words)

    def client(self) -> Client:
        """Return a client with a new key."""
        create = ("keys", "create", "--workspace", "default", "--label", "t", "--permission", "*")
        created = self.run("run", "--rm", "--no-TTY", "cli", *create)
        return Client(f"http://127.0.0.1:{self.port}", created.split()[-1])


@contextmanager
def started(folder: Path) -> Iterator[Compose]:
    """Build and start the project; skip the test with the reason if that is not possible."""
    client = engine()
    try:
        _require_compose()
        for image in BUILT_FROM:
            _require_image(client, image)
        compose = Compose(folder)
        try:
            compose.up("--build")
            yield compose
        finally:
            compose.run("down", "--volumes", "--remove-orphans", "--timeout", "5")
            client.images.remove(compose.name, force=True)
    finally:
        client.close()


def _require_compose() -> None:
    """Skip the test unless `docker compose` is new enough."""
    done = subprocess.run(["docker", "compose", "version", "--short"], capture_output=True, text=True, check=False)
    numbers = done.stdout.strip().lstrip("v").split("-")[0].split(".")
    if done.returncode or tuple(map(int, numbers[:2])) < LEAST_COMPOSE:
        pytest.skip(
            f"docker compose {'.'.join(map(str, LEAST_COMPOSE))} or later is needed: {done.stdout}{done.stderr}"
        )


def _require_image(client: "docker.DockerClient", image: str) -> None:
    """Skip the test unless the engine has *image* or can pull it."""
    try:
        client.images.get(image)
    except docker.errors.ImageNotFound:
        try:
            client.images.pull(image)
        except docker.errors.APIError as error:
            pytest.skip(f"The engine has no image {image} and cannot pull it: {error}")
