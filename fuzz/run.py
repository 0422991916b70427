"""One run: hostile requests by the thousand, the lanes that they make, and what was not as it should be."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from app.db.connections import Connection
from app.db.queries import load_queries
from chaos.audit import MUST_BE_EMPTY
from chaos.audit import QUERIES as AUDIT
from fuzz import wire
from fuzz.door import Answer, Door
from fuzz.lanes import Worker
from fuzz.request import Request, make
from fuzz.shrink import shrunk
from fuzz.verdict import faults

QUERIES = load_queries("fuzz", "state.sql")

#: Requests after which the jobs that they asked for are run.
RUN_EVERY = 100
#: Faults after which a run has told enough.
ENOUGH = 20
#: What the auditor of the chaos room looks at; whoever was deleted has taken the redirects to them away.
AUDITED = tuple(name for name in MUST_BE_EMPTY if name != "orphans_without_redirect")
#: By the member of an answer that tells one: the ids that later requests may name.
TOLD = {name: name for name in ("batch_id", "job_id", "run_id", "braze_id", "webhook_id", "notice_id")} | {
    "next_cursor": "cursor"
}
ID = re.compile(rf'"({"|".join(TOLD)})":"([\w-]+)"'.encode())
#: What PostgreSQL may say of a hostile request: a regular expression that is none, and a filter that takes too long.
FORESEEN = ("2201B", "57014")
ERROR_LINE = re.compile(r"(?:ERROR|FATAL|PANIC):  (\w{5}): .*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A request that was not answered as it should be."""

    number: int
    #: How to send it again, and what it was answered with.
    told: str
    faults: list[str]


@dataclass
class Result:
    """What a run came to; *found* and *broken* are empty when all was well."""

    seed: str
    requests: int = 0
    over_sockets: int = 0
    jobs: int = 0
    slowest_s: float = 0.0
    seconds: float = 0.0
    answers: Counter[str] = field(default_factory=Counter)
    endpoints: Counter[str] = field(default_factory=Counter)
    found: list[Found] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Tell whether all was well."""
        return not (self.found or self.broken)


def ask_all(door: Door, worker: Worker, result: Result, numbers: Iterable[int]) -> None:
    """Send the requests *numbers* of the result's seed to *door*, and have *worker* run what they ask for."""
    for number in numbers:
        request = make(result.seed, number)
        answer = door.ask(request)
        _note(door, result, request, answer)
        if number % RUN_EVERY == RUN_EVERY - 1:
            worker.work()
        if len(result.found) >= ENOUGH:
            break
    worker.work()


def ask_over_sockets(port: int, key: str, result: Result, numbers: Iterable[int]) -> None:
    """Send broken HTTP to the front door on *port*."""
    for number in numbers:
        parts = wire.broken(result.seed, number, key)
        told = wire.send(port, parts)
        result.over_sockets += 1
        result.answers.update([str(status) for status in told.statuses] or ["hung up"])
        if found := wire.faults(told):
            result.found.append(Found(number=number, told=f"{parts!r}"[:2_000], faults=found))
        if len(result.found) >= ENOUGH:
            break


def check_state(connection: Connection, result: Result) -> None:
    """Note what is wrong with the tables, now that every lane was run; *connection* must see all workspaces."""
    (count,) = connection.execute(QUERIES["job_count"]).fetchall()
    result.jobs = count["jobs"]
    for row in connection.execute(QUERIES["unhappy_jobs"]):
        result.broken.append(f"Job {row['id']} is {row['state']} after {row['attempts']} attempts: {row['reason']}")
    for name in AUDITED:
        rows = connection.execute(AUDIT[name]).fetchall()
        if rows:
            result.broken.append(f"{name}: {len(rows)}")


def check_log(log: str, result: Result) -> None:
    """Note what PostgreSQL's *log* says that the product did not foresee."""
    lines = Counter(match[0] for match in ERROR_LINE.finditer(log) if match[1] not in FORESEEN)
    result.broken.extend(f"PostgreSQL said {count} times: {line}" for line, count in lines.items())


def _note(door: Door, result: Result, request: Request, answer: Answer) -> None:
    """Count an answer, remember ids that it tells, and tell what is wrong with it."""
    result.requests += 1
    result.answers[str(answer.status)] += 1
    result.endpoints[request.rule] += 1
    result.slowest_s = max(result.slowest_s, answer.seconds)
    for name, found in ID.findall(answer.body[:20_000]):
        door.known.note(TOLD[name.decode()], found.decode())
    wrong = faults(request, answer, key=door.key)
    if wrong:
        result.found.append(_found(door, request, wrong))


def _found(door: Door, request: Request, wrong: list[str]) -> Found:
    """Return what is to be told of a request that was not answered as it should be, in its smallest form."""
    kinds = _kinds(wrong)

    def still_fails(candidate: Request) -> bool:
        return bool(kinds & _kinds(faults(candidate, door.ask(candidate), key=door.key)))

    small = shrunk(request, still_fails)
    return Found(number=request.number, told=tell(small), faults=wrong)


def _kinds(wrong: Iterable[str]) -> set[str]:
    """Return what kinds of faults these are: their first words."""
    return {each[:28] for each in wrong}


def tell(request: Request) -> str:
    """Return *request* whole, as Python writes it."""
    query = f"?{request.query}" if request.query else ""
    chunked = " in chunks" if request.chunked else ""
    return f"{request.method} {request.path}{query}\n{request.headers!r}\n{request.body!r}{chunked}"
