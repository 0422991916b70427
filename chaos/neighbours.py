"""`python -m chaos.neighbours`: measure how much one workspace's requests slow down those of another workspace.

A client of one workspace, the stranger, reads and merges one pair at a time: first alone, then while many clients of
another workspace, the neighbour, send a load. Web runs with its default settings. A refusal of the stranger is an
error; refusals of the neighbour are counted.

The neighbour's clients would be on other machines. Here they run in a separate process, only while no other process
needs the processor. The control is a load on a server that only refuses: it measures how much the clients themselves
slow down the stranger.
"""

import multiprocessing
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Event
from pathlib import Path
from statistics import quantiles
from threading import Event as Wait
from threading import Thread
from time import monotonic
from typing import Any

import click
import requests

from app import keys
from chaos.errors import ChaosError
from chaos.fairness import USUAL
from chaos.installation import KEY, DirectInstallation, Installation, running_installation
from cli.database import connected

STRANGER, STRANGER_KEY = "stranger", "key-of-the-stranger"
NUMBERS = count(1)
AUTOGROUP = Path("/proc/self/autogroup")
FORK = multiprocessing.get_context("fork")
PEOPLE = 5_000
#: Seconds after the start of a load in which nothing is measured.
WARM_S = 2.0
PATTERN = "(" + "|".join(["(a|b){1,250}"] * 60) + ")|z%d"

Send = Callable[[requests.Session, str], requests.Response]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The measurements of the stranger during one load."""

    load: str
    #: Seconds of each of the stranger's requests.
    seconds: Sequence[float]
    #: The neighbour's responses by status.
    neighbour: Mapping[str, int]

    @property
    def p50(self) -> float:
        """The median in seconds."""
        return quantiles(self.seconds, n=100)[49]

    @property
    def p99(self) -> float:
        """The 99th percentile in seconds."""
        return quantiles(self.seconds, n=100)[98]


def _segment(session: requests.Session, url: str) -> requests.Response:
    leaf = {"custom_attribute_name": "x", "comparison": "matches_regex"}
    leaves = [{"custom_attribute": {**leaf, "value": PATTERN % next(NUMBERS)}} for _ in range(50)]
    return session.post(f"{url}/segments/query", json={"filter": {"OR": leaves}}, timeout=60)


def _scan(session: requests.Session, url: str) -> requests.Response:
    leaf = {"attribute": {"name": "country", "comparison": "does_not_equal", "value": f"X{next(NUMBERS) % 10}"}}
    return session.post(f"{url}/segments/query", json={"filter": leaf}, timeout=60)


def _preview(session: requests.Session, url: str) -> requests.Response:
    return session.post(f"{url}/users/merge/preview", json={"merge_updates": _pairs(50)}, timeout=60)


def _wait(session: requests.Session, url: str) -> requests.Response:
    body, waits = {"merge_updates": _pairs(1)}, {"Prefer": "wait=30"}
    return session.post(f"{url}/users/merge", json=body, headers=waits, timeout=60)


def _track(session: requests.Session, url: str) -> requests.Response:
    events = [{"external_id": _person(), "name": "visited", "time": "2026-01-01T00:00:00Z"} for _ in range(75)]
    return session.post(f"{url}/users/track", json={"events": events}, timeout=60)


def _unread(session: requests.Session, url: str) -> requests.Response:
    """Request an export and do not read it for five seconds."""
    with session.get(f"{url}/duplicates/preview.csv?identifier=email", stream=True, timeout=60) as response:
        Wait().wait(5 if response.ok else 0.2)
        return response


CONTROL, ALONE = "control: refused at once by another server", "alone"
LOADS: Mapping[str, tuple[Send, int]] = {
    CONTROL: (_track, 17),
    "50 slow regular expressions in a segment": (_segment, 17),
    "segments that read every profile": (_scan, 24),
    "previews of 50 merges": (_preview, 24),
    "exports that are not read": (_unread, 24),
    "requests that wait for their batch": (_wait, 60),
    "tracking of 75 events": (_track, 40),
}


def measure(*, seconds: float, rounds: int, loads: Sequence[str]) -> list[Figures]:
    """Return the stranger's figures alone and during each of *loads*, each for *seconds*, which *rounds* divide."""
    seen: dict[str, list[float]] = {load: [] for load in (ALONE, CONTROL, *loads)}
    answers = {load: Counter[str]() for load in seen}
    with (
        running_installation(settings=USUAL, build=DirectInstallation) as home,
        _refusing_server() as refusing_url,
    ):
        home.run_product(workers=1)
        with connected(home.command_settings, home.database_url, name="chaos") as connection:
            keys.ensure_key(connection, key=STRANGER_KEY, workspace=STRANGER, permissions=["*"])
        _make_people(home)
        for load in [load for _ in range(rounds) for load in (CONTROL, *loads)]:
            # Wait until the neighbour's last merge has finished and the table statistics are up to date.
            home.keeper.pause(WARM_S)
            seen[ALONE] += _visit(home, seconds / rounds / (len(loads) + 1))
            url = refusing_url if load == CONTROL else home.base_url
            with _loading(url, *LOADS[load]) as counted:
                home.keeper.pause(WARM_S)
                seen[load] += _visit(home, seconds / rounds)
            answers[load].update(counted)
    return [Figures(load=load, seconds=each, neighbour=answers[load]) for load, each in seen.items()]


@contextmanager
def _refusing_server() -> Iterator[str]:
    """Run a server with the clients' priority that refuses each request at once; yield its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Refusing)
    process = FORK.Process(target=_serve, args=(server,), daemon=True)
    process.start()
    server.server_close()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        process.kill()
        process.join()


def _serve(server: ThreadingHTTPServer) -> None:
    _use_idle_time()
    server.serve_forever()


class _Refusing(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(HTTPStatus.TOO_MANY_REQUESTS)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def _use_idle_time() -> None:
    """Let this process run only while no other process needs the processor."""
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    # Linux may divide the processors among sessions first (autogroup), and by priority only within each of them.
    os.setsid()
    with suppress(OSError):
        AUTOGROUP.write_text("19")


def _visit(home: Installation, seconds: float) -> list[float]:
    """Send the stranger's requests for *seconds*; return the seconds of each. Raises ChaosError for a refusal."""
    took, ended = [], monotonic() + seconds
    with _session(STRANGER_KEY) as session:
        while monotonic() < ended:
            for method, path, body in (
                ("POST", "/users/merge", {"merge_updates": _pairs(1)}),
                ("GET", "/merge/jobs", None),
            ):
                began = monotonic()
                response = session.request(method, home.base_url + path, json=body, timeout=60)
                took.append(monotonic() - began)
                if not response.ok:
                    raise ChaosError(f"The stranger's {path} got {response.status_code}: {response.text}")
    return took


@contextmanager
def _loading(url: str, send: Send, clients: int) -> Iterator[Counter[str]]:
    """Send requests with *clients* of the neighbour during the block; yield a counter of the responses by status.

    The counter is filled at the end of the block.
    """
    answers = Counter[str]()
    over, counted = FORK.Event(), FORK.SimpleQueue()
    process = FORK.Process(target=_send_until, args=(over, counted, send, url, clients), daemon=True)
    process.start()
    try:
        yield answers
    finally:
        over.set()
        answers.update(counted.get())
        process.join()


def _send_until(over: Event, counted: SimpleQueue[Counter[str]], send: Send, url: str, clients: int) -> None:
    """Send requests with *clients* threads until *over* is set, then put the number of responses by status."""
    _use_idle_time()
    answers = Counter[str]()

    def run() -> None:
        with _session(KEY) as session:
            while not over.is_set():
                try:
                    response = send(session, url)
                except requests.RequestException:
                    answers["no answer"] += 1
                    continue
                answers[str(response.status_code)] += 1
                # An impatient client waits less than Retry-After.
                over.wait(0.0 if response.ok else 0.1)

    threads = [Thread(target=run, daemon=True) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counted.put(answers)


def _make_people(home: Installation) -> None:
    """Create the neighbour's profiles: every two share an email."""
    with _session(KEY) as session:
        for start in range(0, PEOPLE, 50):
            people = [
                {"external_id": f"person-{number}", "email": f"{number // 2}@example.com", "country": "DE"}
                for number in range(start, start + 50)
            ]
            response = session.post(f"{home.base_url}/users/track", json={"attributes": people}, timeout=60)
            if not response.ok:
                raise ChaosError(f"The neighbour's profiles were refused: {response.text}")


@contextmanager
def _session(key: str) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {key}"
        yield session


def _pairs(pairs: int) -> list[dict[str, Any]]:
    return [
        {"identifier_to_merge": {"external_id": _person()}, "identifier_to_keep": {"external_id": _person()}}
        for _ in range(pairs)
    ]


def _person() -> str:
    return f"person-{next(NUMBERS) % PEOPLE}"


def _table(figures: Sequence[Figures]) -> Iterator[str]:
    """Yield the lines of a table, with the 99th percentiles as multiples of those alone and of the control."""
    alone, control, *_ = figures
    yield "| Load of the neighbour | p50 ms | p99 ms | p99 / alone | p99 / control | Its responses |"
    yield "|---|---|---|---|---|---|"
    for each in figures:
        seen = ", ".join(f"{number:,} x {status}" for status, number in sorted(each.neighbour.items())) or "none"
        ratios = f"{each.p99 / alone.p99:.2f} | {each.p99 / control.p99:.2f}"
        yield f"| {each.load} | {each.p50 * 1000:.1f} | {each.p99 * 1000:.1f} | {ratios} | {seen} |"


@click.command()
@click.option("--seconds", default=15.0, show_default=True, help="Seconds beside each load.")
@click.option("--rounds", default=3, show_default=True, help="Rounds into which they are divided.")
@click.option("--load", "named", multiple=True, help="Only loads whose name contains this; may be repeated.")
@click.option("--bound", default=2.0, show_default=True, help="Fail if a p99 is more than this multiple of alone.")
def main(seconds: float, rounds: int, named: Sequence[str], bound: float) -> None:
    """Measure the requests of one workspace beside loads of another."""
    loads = [load for load in LOADS if load != CONTROL and (not named or any(part in load for part in named))]
    try:
        figures = measure(seconds=seconds, rounds=rounds, loads=loads)
    except ChaosError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)
    click.echo("\n".join(_table(figures)))
    above = [each.load for each in figures if each.p99 > bound * figures[0].p99]
    if above:
        click.echo(
            f"Error: the 99th percentile is above {bound:g} times that alone beside: {'; '.join(above)}", err=True
        )
        sys.exit(1)


if __name__ == "__main__":
    main(prog_name="python -m chaos.neighbours")
