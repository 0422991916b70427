"""The embedded PostgreSQL and Redis: created, started, killed, restarted, and reachable only by their owner."""

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from cli.up.embedded_postgres import EmbeddedPostgres
from tests.support.folders import let_pass
from tests.support.postgres import PostgresServer
from tests.support.processes import Process
from tests.support.redis import RedisServer
from tests.support.waiting import wait_until


def test_postgres_keeps_what_was_committed_when_it_is_killed(own_postgres: PostgresServer) -> None:
    with psycopg.connect(own_postgres.url()) as conn:
        conn.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    own_postgres.kill()
    own_postgres.start()

    with psycopg.connect(own_postgres.url()) as conn:
        assert conn.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_postgres_is_the_version_that_production_runs(own_postgres: PostgresServer) -> None:
    with psycopg.connect(own_postgres.url()) as conn:
        assert conn.info.server_version // 10_000 == 18


def test_postgres_listens_to_no_network_and_only_to_its_owner(own_postgres: PostgresServer) -> None:
    with psycopg.connect(own_postgres.url()) as conn:
        assert conn.execute("SHOW listen_addresses").fetchone() == ("",)
        assert conn.execute("SHOW unix_socket_permissions").fetchone() == ("0700",)


def test_postgres_data_is_closed_to_others(own_postgres: PostgresServer, own_folder: Path) -> None:
    assert (own_folder / "data" / "postgres").stat().st_mode & 0o077 == 0


def test_postgres_starts_over_the_lock_of_a_server_that_is_gone(own_postgres: PostgresServer, own_folder: Path) -> None:
    own_postgres.stop()
    lock = own_folder / "data" / "postgres" / "postmaster.pid"
    # After a restart of a container, the pid in the lock may belong to another process: here, to this one.
    lock.write_text(f"{os.getpid()}\n{lock.parent}\n")

    own_postgres.start()


def test_postgres_in_a_folder_with_a_very_long_path_starts(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 100)
    folder.mkdir()
    server = PostgresServer(folder, {"fsync": "off"})
    try:
        server.start()

        psycopg.connect(server.url()).close()
    finally:
        server.stop()


def test_an_unfinished_data_folder_is_replaced(tmp_path: Path) -> None:
    let_pass(tmp_path)
    unfinished = tmp_path / "postgres.unfinished"
    unfinished.mkdir()
    (unfinished / "PG_VERSION").write_text("18")
    EmbeddedPostgres(tmp_path / "postgres", os.environ, {"fsync": "off"}).prepare()

    assert (tmp_path / "postgres" / "base").is_dir() or os.geteuid() != 0
    assert not unfinished.exists()


def test_a_database_is_made_once(own_postgres: PostgresServer) -> None:
    own_postgres._server.ensure_database("shop")
    own_postgres._server.ensure_database("shop")

    psycopg.connect(own_postgres.url("shop")).close()


def test_redis_is_empty_after_a_restart(own_redis: RedisServer) -> None:
    with own_redis.client() as client:
        client.set("message", "1")
    own_redis.restart()

    with own_redis.client() as client:
        assert client.get("message") is None


def test_redis_starts_over_the_socket_of_a_server_that_was_killed(own_redis: RedisServer) -> None:
    own_redis.kill()
    own_redis.start()

    with own_redis.client() as client:
        assert client.ping()


def test_redis_listens_to_no_network_and_only_to_its_owner(own_redis: RedisServer) -> None:
    with own_redis.client() as client:
        assert client.config_get("port") == {"port": "0"}
    assert Path(own_redis.url.removeprefix("redis+socket://")).stat().st_mode & 0o077 == 0


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Only Linux ties a child to its parent.")
def test_servers_end_with_the_process_that_started_them(tmp_path: Path) -> None:
    parent = Process.of("parent", [sys.executable, "-c", PARENT, str(tmp_path)], folder=tmp_path, environ={}).start()
    try:
        parent.says("started")
        parent.send_all(9)

        wait_until(lambda: not _running(str(tmp_path)), what="the servers to end")
    finally:
        parent.kill()


PARENT = """
import sys, threading
from pathlib import Path
from tests.support.folders import let_pass
from tests.support.postgres import PostgresServer
from tests.support.redis import RedisServer
PostgresServer(Path(sys.argv[1]), {"fsync": "off"}).start()
RedisServer(Path(sys.argv[1])).start()
print("started", flush=True)
threading.Event().wait()
"""


def _running(word: str) -> bool:
    """Return whether a server runs with *word* in its command."""
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return any(word in line and "-c" not in line.split()[:2] for line in listed.splitlines())
