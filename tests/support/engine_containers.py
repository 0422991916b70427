"""Runs the cluster of tests/support/local_containers.py in containers of our image, if a Docker engine runs."""

import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import docker
import pytest
from pytest_celery import CeleryWorkerContainer, RedisContainer

from app.db import migrations
from cli.up import commands
from cli.up.commands import DIRECTORY
from tests.support.local_containers import QUEUE
from tests.support.processes import free_port
from tests.support.waiting import wait_until

PASSWORD = "mergelane"


class ImageWorkerContainer(CeleryWorkerContainer):
    """A worker in a container of our image, started with our command."""

    @classmethod
    def worker_queue(cls) -> str:
        """The only queue of the product."""
        return QUEUE


class PublishedRedisContainer(RedisContainer):
    """A Redis at the port that the engine publishes, even if the tests themselves run in a container."""

    @property
    def port(self) -> int:
        """The port on this machine."""
        self.reload()
        return int(self.attrs["NetworkSettings"]["Ports"]["6379/tcp"][0]["HostPort"])


def engine() -> "docker.DockerClient":
    """Return a client of the Docker engine; skip the test with the reason if no engine answers."""
    try:
        _knock(os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock"))
        client = docker.from_env()
        client.ping()
    except (OSError, docker.errors.DockerException) as error:
        pytest.skip(f"No Docker engine answers: {error}")
    return client


def _knock(address: str) -> None:
    """Raise OSError if no process listens on a unix socket. The library would leak its own socket and warn of it."""
    if address.startswith("unix://"):
        with socket.socket(socket.AF_UNIX) as knock:
            knock.connect(address.removeprefix("unix://"))


@contextmanager
def containers() -> Iterator[dict[str, Any]]:
    """Run PostgreSQL, Redis and a worker of our image; yield `database_url` for this process, `broker` and `worker`."""
    client = engine()
    name = f"mergelane-test-{secrets.token_hex(4)}"
    image, _ = client.images.build(path=str(DIRECTORY), tag=name, rm=True)
    network = client.networks.create(name)
    running: list[Any] = []

    def run(image: Any, part: str, **options: Any) -> Any:
        container = client.containers.run(image, name=f"{name}-{part}", network=name, detach=True, **options)
        running.append(container)
        return container

    try:
        postgres = run(
            "postgres:18",
            "postgres",
            environment={"POSTGRES_PASSWORD": PASSWORD},
            ports={"5432/tcp": ("127.0.0.1", None)},
        )
        # A fixed port: otherwise the engine chooses another one when the broker restarts.
        redis = run(
            "redis:7", "redis", command=RedisContainer.command(), ports={"6379/tcp": ("127.0.0.1", free_port())}
        )
        wait_until(lambda: postgres.exec_run("pg_isready --host localhost")[0] == 0, what="PostgreSQL in its container")
        postgres.reload()
        port = postgres.attrs["NetworkSettings"]["Ports"]["5432/tcp"][0]["HostPort"]
        database_url = f"postgresql://postgres:{PASSWORD}@127.0.0.1:{port}/postgres"
        migrations.upgrade_schema(database_url)
        inside = {
            "DATABASE_URL": f"postgresql://postgres:{PASSWORD}@{name}-postgres/postgres",
            "BROKER_URL": f"redis://{name}-redis:6379/0",
        }
        command = [*commands.WORKER, "-n", f"{ImageWorkerContainer.worker_name()}@%h"]
        worker = run(image, "worker", command=command, environment=inside)
        yield {
            "database_url": database_url,
            "broker": PublishedRedisContainer(redis),
            "worker": ImageWorkerContainer(worker),
        }
    finally:
        for container in reversed(running):
            with suppress(docker.errors.APIError):
                container.remove(force=True)
        network.remove()
        client.close()
