"""`python -m chaos.neighbours`: measure how much one workspace's requests slow down those of another workspace.

A stranger reads and merges one pair at a time: first alone, then while a neighbour with many clients sends each load.
Web runs with its default settings. A refusal of the stranger is an error; refusals of the neighbour are counted.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from statistics import quantiles
from threading import Event, Thread
from time import monotonic
from typing import Any

import click
import requests

from app import keys
from app.config import Settings
from chaos.errors import ChaosError
from chaos.fairness import USUAL
from chaos.installation import KEY, Installation, running_installation
from cli.database import connected

STRANGER, STRANGER_KEY = "stranger", "key-of-the-stranger"
NUMBERS = count(1)
PEOPLE = 5_000
#: Seconds after the start of a load in which nothing is measured.
WARM_S = 2.0
PATTERN = "(" + "|".join(["(a|b){1,250}"] * 60) + ")|z%d"

Send = Callable[[requests.Session, str], requests.Response]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What the stranger saw beside one load."""

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
        Event().wait(5 if response.ok else 0.2)
        return response


LOADS: Mapping[str, tuple[Send, int]] = {
    "50 slow regular expressions in a segment": (_segment, 17),
    "segments that read every profile": (_scan, 24),
    "previews of 50 merges": (_preview, 24),
    "exports that are not read": (_unread, 24),
    "requests that wait for their batch": (_wait, 60),
    "tracking of 75 events": (_track, 40),
}


def measure(*, seconds: float) -> Iterator[Figures]:
    """Yield what the stranger sees alone, and beside each load for *seconds*."""
    with running_installation(settings=USUAL) as home:
        home.run_product(workers=1)
        with connected(Settings(), home.database_url, name="chaos") as connection:
            keys.ensure_key(connection, key=STRANGER_KEY, workspace=STRANGER, permissions=["*"])
        _make_people(home)
        yield Figures(load="alone", seconds=_visit(home, seconds), neighbour={})
        for load, (send, clients) in LOADS.items():
            with _loading(home, send, clients) as answers:
                home.keeper.pause(WARM_S)
                visited = _visit(home, seconds)
            yield Figures(load=load, seconds=visited, neighbour=answers)


def _visit(home: Installation, seconds: float) -> list[float]:
    """Let the stranger send requests for *seconds*; return how long each took. Raises ChaosError for a refusal."""
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
                    raise ChaosError(f"The stranger's {path} was answered {response.status_code}: {response.text}")
    return took


@contextmanager
def _loading(home: Installation, send: Send, clients: int) -> Iterator[Counter[str]]:
    """Let *clients* of the neighbour send requests during the block; yield their responses by status."""
    over, answers = Event(), Counter[str]()

    def run() -> None:
        with _session(KEY) as session:
            while not over.is_set():
                try:
                    response = send(session, home.base_url)
                except requests.RequestException:
                    answers["no answer"] += 1
                    continue
                answers[str(response.status_code)] += 1
                # As a client does that obeys Retry-After, but impatiently.
                over.wait(0.0 if response.ok else 0.1)

    threads = [Thread(target=run, daemon=True) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        over.set()
        for thread in threads:
            thread.join()


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


def _row(figures: Figures, alone: Figures) -> str:
    seen = ", ".join(f"{number:,} x {status}" for status, number in sorted(figures.neighbour.items())) or "none"
    ratio = figures.p99 / alone.p99
    return f"| {figures.load} | {figures.p50 * 1000:.1f} | {figures.p99 * 1000:.1f} | {ratio:.2f} | {seen} |"


@click.command()
@click.option("--seconds", default=15.0, show_default=True, help="Seconds beside each load.")
def main(seconds: float) -> None:
    """Measure the requests of one workspace beside loads of another."""
    click.echo("| Load of the neighbour | p50 ms | p99 ms | p99 / alone | Its responses |\n|---|---|---|---|---|")
    alone: Figures | None = None
    try:
        for figures in measure(seconds=seconds):
            alone = alone or figures
            click.echo(_row(figures, alone))
    except ChaosError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main(prog_name="python -m chaos.neighbours")
