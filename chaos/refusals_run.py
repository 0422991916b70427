"""`python -m chaos.refusals_run`: inject every refusal of the matrix while merges are posted, then check the promises.

The processes use real servers through proxies that refuse. During each refusal, web must respond according to the table
of app/db/errors.py, and every process must keep running and report the cause as a metric. Afterwards, every job must be
finished at its first attempt, and every batch must have been announced to its webhook once.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from threading import Thread
from time import monotonic
from typing import Any, cast

import click
import psycopg
import requests

from app.db.errors import Response, response_to
from chaos.errors import ChaosError
from chaos.installation import KEY, Installation, running_installation
from chaos.refusals import ALL_BROKER_REFUSALS, CONNECT_REFUSALS, STATEMENT_REFUSALS, BrokerRefusal, DatabaseRefusal
from chaos.refusing import PostgresRefuser, RedisRefuser
from cli.up import commands
from demo.product import free_port

Refusal = BrokerRefusal | DatabaseRefusal
#: Maximum seconds until a process notices a refusal, and until everything is finished afterwards.
NOTICED_S, DONE_S = 20.0, 60.0
SETTINGS = {
    "MERGELANE_RESCUE_AFTER_S": "3",
    "MERGELANE_WEBHOOK_PRIVATE_NETWORKS": "true",
    "MERGELANE_WEBHOOK_PEPPER": "the-pepper-of-these-webhooks",
}
STATUSES = {Response.WAIT: 503, Response.REFUSE: 400, Response.BUG: 500}
WAITING = "mergelane_server_waiting"


@dataclass
class Receiver:
    """A webhook's receiver: the ids of the notices that it received."""

    url: str
    notice_ids: list[str] = field(default_factory=list)


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Run a receiver on this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            receiver.notice_ids.append(self.headers["webhook-id"])
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver = Receiver(f"http://127.0.0.1:{server.server_port}/hook")
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class RefusingInstallation:
    """The whole product behind proxies that refuse, and the merges that were posted to it."""

    def __init__(self, home: Installation, receiver: Receiver) -> None:
        self.home = home
        self.receiver = receiver
        self.postgres = cast("PostgresRefuser", home.postgres_proxy)
        self.redis = cast("RedisRefuser", home.redis_proxy)
        self.batches = 0
        self.ports: dict[str, int] = {}
        self._numbers = count()
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["Authorization"] = f"Bearer {KEY}"
        self.pids: dict[str, int] = {}

    def start(self) -> None:
        """Start web, relay, sender, two workers and Flower, and wait until each runs."""
        home = self.home
        home.run("flower", commands.flower(port=free_port()))
        for name, command in (
            ("web", commands.web(host="127.0.0.1", port=home.port)),
            ("relay", commands.relay()),
            ("sender", commands.sender()),
            ("worker1", commands.worker("worker1")),
            ("worker2", commands.worker("worker2")),
        ):
            self.ports[name] = free_port()
            home.run(name, command, MERGELANE_METRICS_ADDRESS=f"127.0.0.1:{self.ports[name]}")
        home.wait_for_web()
        for name in self.ports:
            self._await(lambda name=name: self.waiting(name) is not None, NOTICED_S, f"{name} to start")  # type: ignore[misc]
        self._post("/webhooks", {"url": self.receiver.url}, expected=201)
        self.pids = self.running_pids()

    def running_pids(self) -> dict[str, int]:
        """Return the id of each process; raise ChaosError if one has ended."""
        ended = [name for name, kept in self.home.processes.items() if not kept.running or kept.starts != 1]
        if ended:
            raise ChaosError(f"Ended: {', '.join(ended)}.")
        return {name: kept.family()[0].pid for name, kept in self.home.processes.items()}

    def strike(self, refusal: Refusal, *, workers: bool = True) -> None:
        """Refuse, post a batch, and check the responses and metrics of the processes. Raises ChaosError.

        Without *workers*, do not wait until the workers report a refusal of the broker.
        """
        if isinstance(refusal, BrokerRefusal):
            self._strike_broker(refusal, workers=workers)
        else:
            self._strike_database(refusal)
        if self.running_pids() != self.pids:
            raise ChaosError(f"A process was replaced during {refusal.name}.")

    def make_profiles(self, pairs: int) -> None:
        """Create profiles for the next *pairs* merges."""
        number = self.batches
        names = [f"{role}{each}" for each in range(number, number + pairs) for role in ("orphan", "survivor")]
        self._post("/users/track", {"attributes": [{"external_id": name} for name in names]}, expected=201)

    def post_merge(self) -> requests.Response:
        """Post the next merge; return the response."""
        number = self.batches
        response = self._send(
            "/users/merge",
            {
                "merge_updates": [
                    {
                        "identifier_to_merge": {"external_id": f"orphan{number}"},
                        "identifier_to_keep": {"external_id": f"survivor{number}"},
                    }
                ]
            },
        )
        self.batches += response.status_code == HTTPStatus.ACCEPTED
        return response

    def end(self) -> None:
        """End all refusals."""
        self.redis.end()
        self.postgres.end()

    def await_end(self, *, workers: bool = False) -> float:
        """Wait until every job is finished and every process works again; check the jobs. Return the seconds.

        An idle worker reports a refusal of PostgreSQL for some seconds more, so *workers* are checked on request.
        """
        began = monotonic()
        self._await(self._is_done, DONE_S, "every job to be finished and every batch to be announced")
        names = [name for name in self.ports if workers or not name.startswith("worker")]
        self._await(lambda: not any(map(self.waiting, names)), DONE_S, "every process to work again")
        with self.home.connect() as connection:
            rows = connection.execute("SELECT outcome, attempts, stalled_attempts FROM job").fetchall()
        odd = [row for row in rows if (row["outcome"], row["attempts"], row["stalled_attempts"]) != ("merged", 1, 0)]
        if odd or len(rows) != self.batches:
            raise ChaosError(f"{len(rows)} of {self.batches} jobs, of them not merged at the first attempt: {odd}")
        if sorted(self.receiver.notice_ids) != sorted(set(self.receiver.notice_ids)):
            raise ChaosError("A notice was sent twice.")
        return monotonic() - began

    def waiting(self, name: str) -> dict[tuple[str, str], float] | None:
        """Return the servers and causes for which the process *name* waits, from its metrics; None without metrics."""
        try:
            text = requests.get(f"http://127.0.0.1:{self.ports[name]}/metrics", timeout=10).text
        except requests.RequestException:
            return None
        found: dict[tuple[str, str], float] = {}
        for line in text.splitlines():
            if line.startswith(WAITING + "{"):
                cause, server = (part.split('"')[1] for part in line.partition("}")[0].split(","))
                found[server, cause] = float(line.rpartition(" ")[2])
        return {place: number for place, number in found.items() if number}

    def _strike_broker(self, refusal: BrokerRefusal, *, workers: bool) -> None:
        self.redis.begin(refusal.line, writes_alone=refusal.writes_alone)
        if not refusal.writes_alone:
            # A real server in this state also ends the commands that wait in it.
            with self.home.redis_client() as client:
                for each in client.client_list():
                    if "b" in each["flags"]:
                        client.client_unblock(int(each["id"]), error=True)
        self._expect(refusal, self.post_merge(), 202)
        self._expect(refusal, self._get("/health/ready"), 200)
        for name in ("relay", "worker1", "worker2") if workers else ("relay",):
            self._await(
                lambda name=name: ("broker", refusal.cause) in (self.waiting(name) or {}),  # type: ignore[misc]
                NOTICED_S,
                f"{name} to report {refusal.name}",
            )

    def _strike_database(self, refusal: DatabaseRefusal) -> None:
        kind = response_to(psycopg.errors.lookup(refusal.sqlstate)()) if refusal.is_known else Response.WAIT
        expected = 503 if refusal.at_connect else STATUSES[kind]
        answer = self._refuse(refusal, expected)
        self._expect(refusal, answer, expected)
        ready = self._get("/health/ready")
        self._expect(refusal, ready, 503)
        for each in (answer, ready):
            if each.status_code == HTTPStatus.SERVICE_UNAVAILABLE and int(each.headers.get("Retry-After", 0)) < 1:
                raise ChaosError(f"{refusal.name}: a 503 without Retry-After.")
        if expected == HTTPStatus.SERVICE_UNAVAILABLE:
            self._await(lambda: bool(self.waiting("relay")), NOTICED_S, f"the relay to wait for {refusal.name}")

    def _expect(self, refusal: Refusal, response: requests.Response, status: int) -> None:
        if response.status_code != status:
            raise ChaosError(
                f"{refusal.name}: {response.request.path_url} answers {response.status_code} {response.text}"
            )

    def _refuse(self, refusal: DatabaseRefusal, expected: int) -> requests.Response:
        """Begin *refusal* and post a merge; return the response.

        Unless web waits for this refusal, it must already have an open connection: opening one runs a statement.
        """
        deadline = monotonic() + NOTICED_S
        while True:
            if expected != HTTPStatus.SERVICE_UNAVAILABLE:
                self.postgres.end()
                self._await(lambda: self._get("/health/ready").ok, NOTICED_S, "web to be ready")
            self.postgres.begin(refusal.sqlstate, at_connect=refusal.at_connect)
            response = self.post_merge()
            if response.status_code == expected or monotonic() > deadline:
                return response

    def _is_done(self) -> bool:
        with self.home.connect() as connection:
            (row,) = connection.execute("SELECT count(*) AS jobs FROM job WHERE state <> 'finished'").fetchall()
        return row["jobs"] == 0 and len(set(self.receiver.notice_ids)) == self.batches

    def _post(self, path: str, body: dict[str, Any], *, expected: int) -> None:
        response = self._send(path, body)
        if response.status_code != expected:
            raise ChaosError(f"{path} answers {response.status_code} {response.text}")

    def _send(self, path: str, body: dict[str, Any]) -> requests.Response:
        return self._session.post(self.home.base_url + path, json=body, timeout=15)

    def _get(self, path: str) -> requests.Response:
        return self._session.get(self.home.base_url + path, timeout=15)

    def _await(self, ready: Callable[[], bool], seconds: float, what: str) -> None:
        self.home.keeper.wait_until(ready, seconds=seconds, what=what)


BEHIND_PROXIES = partial(Installation, postgres_proxy=PostgresRefuser, redis_proxy=RedisRefuser)


@contextmanager
def refusing_installation() -> Iterator[RefusingInstallation]:
    """Run the product behind the proxies."""
    with (
        receiving() as receiver,
        running_installation(settings=SETTINGS, build=BEHIND_PROXIES) as home,
    ):
        built = RefusingInstallation(home, receiver)
        built.start()
        yield built


def run_matrix(refusals: Sequence[Refusal], report: Callable[[str], None]) -> int:
    """Inject each of *refusals* alone, and check everything after each; return the number of jobs."""
    with refusing_installation() as installation:
        for refusal in refusals:
            installation.make_profiles(2)
            installation.post_merge()
            installation.strike(refusal)
            installation.end()
            took = installation.await_end()
            report(f"| {refusal.name} | {took:.1f} s |")
        installation.await_end(workers=True)
        return installation.batches


@click.command()
@click.option("--only", default="", help="A part of the names of the refusals to inject.")
def main(only: str) -> None:
    """Inject every refusal of PostgreSQL and of the broker, one after another."""
    refusals: list[Refusal] = [*ALL_BROKER_REFUSALS, *STATEMENT_REFUSALS, *CONNECT_REFUSALS]
    refusals = [each for each in refusals if only in each.name]
    click.echo("| Refusal | Everything finished after |\n|---|---|")
    try:
        jobs = run_matrix(refusals, click.echo)
    except ChaosError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)
    click.echo(
        f"\n{len(refusals)} refusals, {jobs} jobs: no process ended, none lost, none doubled, no attempt counted."
    )


if __name__ == "__main__":
    main(prog_name="python -m chaos.refusals_run")
