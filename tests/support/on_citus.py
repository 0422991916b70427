"""Whether the suites run on distributed databases of a Citus cluster: TEST_ON_CITUS, see docs/testing.md."""

import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest

from app.config import Settings
from chaos.citus_cluster import CitusCluster, cluster_url


def is_on_citus() -> bool:
    """Return whether the databases of the tests are distributed."""
    return os.environ.get("TEST_ON_CITUS") in {"on", "nodes"}


def database_environ(database_url: str) -> Mapping[str, str]:
    """Return the environment for processes on *database_url*; TEST_ON_CITUS=nodes lets them connect to any node."""
    if not is_on_citus():
        return {"DATABASE_URL": database_url}
    url = cluster_url()
    if url is not None and os.environ["TEST_ON_CITUS"] == "nodes":
        database_url = CitusCluster(url).entry_url(urlsplit(database_url).path.removeprefix("/"))
    return {"DATABASE_URL": database_url, "DATABASE_DISTRIBUTED": "on"}


def node_urls(database_url: str) -> list[str]:
    """Return the URL of *database_url* on each server that has rows of it."""
    url = cluster_url() if is_on_citus() else None
    if url is None:
        return [database_url]
    cluster = CitusCluster(url)
    return [cluster.url(urlsplit(database_url).path.removeprefix("/"), node) for node in cluster.nodes]


def database_settings(database_url: str, **others: Any) -> Settings:
    """Return settings, with *others*, for an application in this process on a database of the tests."""
    return Settings(database_url=database_url, database_distributed=is_on_citus(), **others)


def skip_on_citus(reason: str) -> None:
    """Skip a test that does not apply to distributed databases."""
    if is_on_citus():
        pytest.skip(f"TEST_ON_CITUS: {reason}")
