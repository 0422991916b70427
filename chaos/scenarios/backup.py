"""A backup under load, restored beside a broker with newer messages."""

import signal
import subprocess
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import cast

import psycopg

from app.db import migrations
from app.db.connections import Connection
from app.environment import child_environ
from chaos.audit import QUERIES, audit, unsettled
from chaos.client import Client
from chaos.driver import Driver, MergeApi
from chaos.errors import ChaosError
from chaos.families import Member, Sums
from chaos.installation import KEY, Installation, running_installation
from chaos.monkey import Strike
from chaos.promises import Promises
from chaos.queues import queues
from chaos.recovery import Recovery
from chaos.run import Options, Result, come_to_rest
from cli.up.embedded_postgres import DATABASE
from cli.up.postgres_programs import postgres_installation

#: Seconds of load before the backup.
LOAD_S = 5.0
BUSY_S = 60.0
#: Merges that are accepted after the backup and still wait in the broker at the restore.
NEWER = 40
FAULT = "restore_backup"


def run_backup(options: Options, *, log: Callable[[str], None]) -> Result:
    """Back up under load, restore beside the broker, wait until all restored jobs have ended, and audit them."""
    with running_installation() as home:
        home.run_product(workers=options.workers)
        driver = Driver(home, MergeApi(home), seed=options.seed, pace=options.pace)
        driver.prepare()
        driver.start()
        home.keeper.pause(max(LOAD_S, options.seconds))
        home.keeper.wait_until(lambda: _count_unfinished(home) > 0, seconds=BUSY_S, what="a merge to be in progress")
        file = _dump(home)
        driver.finish()
        come_to_rest(home)
        waiting = _accept_newer(home, driver)
        began = datetime.now(UTC)
        log(f"Restoring a backup beside {waiting} newer messages.")
        _restore(home, file)
        unfinished = _count_unfinished(home)
        _resume(home)
        strike = Strike(FAULT, began, datetime.now(UTC))
        rest_s, restless = come_to_rest(home)
        with home.connect() as connection:
            findings = audit(connection, contained_promises(connection, driver.promises))
        findings.broken.extend([*restless, *dict.fromkeys(driver.answers.faults)])
        if home.former_queues != _waiting_messages(home):
            findings.broken.append("The restored installation took messages of the former one.")
        open_s = (strike.ended - strike.begun).total_seconds()
        return Result(
            options=options,
            strikes=[strike],
            recoveries={FAULT: Recovery(1, unfinished, open_s + rest_s, rest_s)},
            findings=findings,
            answers=dict(driver.answers.by_status),
            starts={name: kept.starts for name, kept in home.processes.items()},
            uncertain=driver.promises.uncertain,
            rest_s=rest_s,
        )


def contained_promises(connection: Connection, promises: Promises) -> Promises:
    """Return the *promises* that the database contains: its batches, and the groups of members that are one profile."""
    batches = {row["batch_id"] for row in connection.execute(QUERIES["jobs_of_batches"])}
    members = {each.name: each for group in promises.groups.values() for each in group}
    found = Promises(batches=[each for each in promises.batches if each.batch_id in batches])
    for row in connection.execute(QUERIES["members"]):
        found.groups[str(row["profile_id"])].append(members[row["member"]])
    return found


def _dump(home: Installation) -> Path:
    """Back up with the command of docs/operations.md while merges run."""
    file = home.folder / "mergelane.dump"
    _run("pg_dump", "--format=custom", f"--file={file}", f"--dbname={home.database_url}")
    return file


def _accept_newer(home: Installation, driver: Driver) -> int:
    """Stop the workers and accept merges; return the number of messages when the relay has published them."""
    for name in home.workers:
        home.processes[name].hold_down(signal.SIGTERM)
    names = [f"newer-{number}" for number in range(2 * NEWER)]
    events = [event for name in names for event in Member(name=name, sums=Sums(1, 0, 0, 0)).tracked()["events"]]
    pairs = zip(names[::2], names[1::2], strict=True)
    updates = [
        {"identifier_to_merge": {"external_id": orphan}, "identifier_to_keep": {"external_id": survivor}}
        for orphan, survivor in pairs
    ]
    with closing(Client(home.base_url, KEY, driver.answers)) as client:
        for start in range(0, len(events), NEWER):
            client.accept("/users/track", {"events": events[start : start + NEWER]}, status=HTTPStatus.CREATED)
        client.accept("/users/merge", {"merge_updates": updates}, status=HTTPStatus.ACCEPTED)
    home.keeper.wait_until(lambda: home.count_messages() > 0, seconds=BUSY_S, what="the relay to publish")
    return home.count_messages()


def _waiting_messages(home: Installation) -> dict[str, int]:
    """Return the number of messages that wait in each queue of the broker."""
    with home.redis_client() as client:
        return {queue: cast("int", client.llen(queue)) for queue in queues(client)}


def _restore(home: Installation, file: Path) -> None:
    """Stop the other processes and replace the database by the backup."""
    for kept in home.processes.values():
        kept.hold_down(signal.SIGTERM)
    home.former_queues = _waiting_messages(home)
    maintenance = home.database_url.replace(f"/{DATABASE}?", "/postgres?")
    with psycopg.connect(maintenance, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)".encode())
        connection.execute(f"CREATE DATABASE {DATABASE}".encode())
    _run("pg_restore", "--no-owner", "--no-privileges", "--exit-on-error", f"--dbname={home.database_url}", str(file))
    with home.connect() as connection:
        connection.execute("ANALYZE")
    migrations.upgrade_schema(home.database_url)


def _resume(home: Installation) -> None:
    for kept in home.processes.values():
        kept.let_up()
    home.wait_for_web()


def _count_unfinished(home: Installation) -> int:
    with home.connect() as connection:
        return unsettled(connection)


def _run(program: str, *arguments: str) -> None:
    command = [str(postgres_installation() / "bin" / program), *arguments]
    done = subprocess.run(command, env=child_environ(), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ChaosError(f"{program} failed: {done.stderr.strip()}")
