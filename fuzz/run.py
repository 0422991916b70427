"""One run: send hostile requests, run the lanes that they create, and collect all faults."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from app.db.connections import Connection
from app.db.queries import load_queries
from chaos.audit import MUST_BE_EMPTY
from chaos.audit import QUERIES as AUDIT
from fuzz import wire
from fuzz.application import Answer, Application
from fuzz.lanes import Worker
from fuzz.request import Request, make
from fuzz.shrink import shrunk
from fuzz.verdict import faults

QUERIES = load_queries("fuzz", "state.sql")

#: Requests between two runs of the waiting jobs.
RUN_EVERY = 100
#: Number of faulty responses after which a run stops.
ENOUGH = 20
#: Queries of the chaos audit. Deleting a profile deletes its redirects, so that query does not apply.
AUDITED = tuple(name for name in MUST_BE_EMPTY if name != "orphans_without_redirect")
#: Key of a response that contains an id → placeholder of the id in later requests.
ID_KEYS = {name: name for name in ("batch_id", "job_id", "run_id", "braze_id", "webhook_id", "notice_id")} | {
    "next_cursor": "cursor"
}
ID = re.compile(rf'"({"|".join(ID_KEYS)})":"([\w-]+)"'.encode())
#: Expected errors of PostgreSQL: an invalid regular expression, and a filter that exceeds the statement timeout.
EXPECTED = ("2201B", "57014")
ERROR_LINE = re.compile(r"(?:ERROR|FATAL|PANIC):  (\w{5}): .*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A request with a faulty response."""

    number: int
    #: The request, in a form that can be sent again.
    description: str
    faults: list[str]


@dataclass
class Result:
    """The result of a run; *found* and *broken* are empty if there was no fault."""

    seed: str
    requests: int = 0
    #: Number of *requests* that were generated from the OpenAPI document.
    described: int = 0
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
        """Whether there was no fault."""
        return not (self.found or self.broken)


def ask_all(application: Application, worker: Worker, result: Result, numbers: Iterable[int]) -> None:
    """Send the requests *numbers* of the result's seed to *application*, and run their jobs with *worker*."""
    ask_each(application, worker, result, (make(result.seed, number) for number in numbers))


def ask_described(application: Application, worker: Worker, result: Result, requests: Iterable[Request]) -> None:
    """Send *requests* that are generated from the OpenAPI document."""
    before = result.requests
    ask_each(application, worker, result, requests)
    result.described += result.requests - before


def ask_each(application: Application, worker: Worker, result: Result, requests: Iterable[Request]) -> None:
    """Send *requests* to *application*, and run their jobs with *worker*; stop after ENOUGH faulty responses."""
    for request in requests:
        answer = application.ask(request)
        _note(application, result, request, answer)
        if request.number % RUN_EVERY == RUN_EVERY - 1:
            worker.work()
        if len(result.found) >= ENOUGH:
            break
    worker.work()


def ask_over_sockets(port: int, key: str, result: Result, numbers: Iterable[int]) -> None:
    """Send broken HTTP to the web server on *port*."""
    for number in numbers:
        parts = wire.broken(result.seed, number, key)
        response = wire.send(port, parts)
        result.over_sockets += 1
        result.answers.update([str(status) for status in response.statuses] or ["hung up"])
        if found := wire.faults(response):
            result.found.append(Found(number=number, description=f"{parts!r}"[:2_000], faults=found))
        if len(result.found) >= ENOUGH:
            break


def check_state(connection: Connection, result: Result) -> None:
    """Add faults in the tables after every lane has run; *connection* must see all workspaces."""
    (count,) = connection.execute(QUERIES["job_count"]).fetchall()
    result.jobs = count["jobs"]
    for row in connection.execute(QUERIES["unhappy_jobs"]):
        result.broken.append(f"Job {row['id']} is {row['state']} after {row['attempts']} attempts: {row['reason']}")
    for name in AUDITED:
        rows = connection.execute(AUDIT[name]).fetchall()
        if rows:
            result.broken.append(f"{name}: {len(rows)}")


def check_log(log: str, result: Result) -> None:
    """Add unexpected errors in PostgreSQL's *log*."""
    lines = Counter(match[0] for match in ERROR_LINE.finditer(log) if match[1] not in EXPECTED)
    result.broken.extend(f"PostgreSQL logged {count} times: {line}" for line, count in lines.items())


def _note(application: Application, result: Result, request: Request, answer: Answer) -> None:
    """Count a response, store the ids that it contains, and add its faults."""
    result.requests += 1
    result.answers[str(answer.status)] += 1
    result.endpoints[request.rule] += 1
    result.slowest_s = max(result.slowest_s, answer.seconds)
    for name, found in ID.findall(answer.body[:20_000]):
        application.known.note(ID_KEYS[name.decode()], found.decode())
    wrong = faults(request, answer, key=application.key)
    if wrong:
        result.found.append(_found(application, request, wrong))


def _found(application: Application, request: Request, wrong: list[str]) -> Found:
    """Return the smallest form of *request* that still has one of the faults."""
    kinds = _kinds(wrong)

    def still_fails(candidate: Request) -> bool:
        return bool(kinds & _kinds(faults(candidate, application.ask(candidate), key=application.key)))

    small = shrunk(request, still_fails)
    return Found(number=request.number, description=describe(small), faults=wrong)


def _kinds(wrong: Iterable[str]) -> set[str]:
    """Return the first words of the faults, which name their kinds."""
    return {each[:28] for each in wrong}


def describe(request: Request) -> str:
    """Return the whole *request* as Python literals."""
    query = f"?{request.query}" if request.query else ""
    chunked = " in chunks" if request.chunked else ""
    return f"{request.method} {request.path}{query}\n{request.headers!r}\n{request.body!r}{chunked}"
