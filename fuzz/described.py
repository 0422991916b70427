"""Requests whose paths, queries and headers schemathesis generates from the OpenAPI document.

It generates values that the document allows, and values that it excludes. Every third request has a value at an edge of
its type in one parameter, because random generation rarely finds these.
"""

import copy
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from itertools import cycle, islice
from random import Random
from typing import Any
from urllib.parse import quote, unquote, urlencode

import orjson
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis.errors import Unsatisfiable
from schemathesis import Case
from schemathesis.generation import GenerationMode
from schemathesis.schemas import BaseSchema

from app.config import Settings
from app.web import create_app
from app.web.openapi.document import build_document
from fuzz import values
from fuzz.endpoints import ENDPOINTS, Endpoint, any_body
from fuzz.names import SPELL, Names
from fuzz.request import HEADERS, KEY, KEYS, Request

Json = dict[str, Any]
Pairs = list[tuple[str, str]]

#: Requests of one operation in succession: the first of them takes much longer to generate than the others.
CHUNK = 100
#: Share of the requests with a value at an edge.
EDGY = 0.35
METHODS = ("get", "put", "post", "patch", "delete")
#: Headers that the web server reads before the application: `fuzz.wire` sends them over sockets.
OF_THE_WIRE = frozenset({"content-length", "transfer-encoding", "content-encoding", "expect", "connection"})
#: Headers that generated values never replace.
OWN = frozenset({"authorization", "content-type"}) | OF_THE_WIRE
PLACEHOLDER = re.compile(r"{(\w+)}")


@cache
def schema() -> BaseSchema:
    """Return the document without bodies: `fuzz.endpoints` has valid ones, and `fuzz.bodies` makes them hostile."""
    document = copy.deepcopy(build_document(create_app(Settings(database_url="postgresql://"))))
    for operations in document["paths"].values():
        for method in METHODS:
            if method in operations:
                operations[method].pop("requestBody", None)
    loaded: BaseSchema = schemathesis.openapi.from_dict(document)
    return loaded


def template_of(endpoint: Endpoint) -> str:
    """Return the rule of *endpoint* in the notation of the document: `/merge/jobs/{job_id}`."""
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", endpoint.rule)


@cache
def described() -> Sequence[Endpoint]:
    """Return the endpoints that the document describes."""
    paths = schema().raw_schema["paths"]
    return [each for each in ENDPOINTS if each.method.lower() in paths.get(template_of(each), ())]


def parameters_of(endpoint: Endpoint, place: str) -> list[str]:
    """Return the names of the parameters of *endpoint* in *place*: query, path or header."""
    operation = schema().raw_schema["paths"][template_of(endpoint)][endpoint.method.lower()]
    return [each["name"] for each in map(_resolved, operation.get("parameters", ())) if each["in"] == place]


def _resolved(part: Json) -> Json:
    found: Any = schema().raw_schema
    for step in part.get("$ref", "").removeprefix("#/").split("/"):
        found = found[step] if step else part
    return dict(found)


def make_described(seed: str, count: int, *, chunk: int = CHUNK) -> Iterator[Request]:
    """Yield *count* requests of *seed*: a *chunk* of them for each operation in turn."""
    return islice(_described_without_end(seed, chunk), count)


def _described_without_end(seed: str, chunk: int) -> Iterator[Request]:
    number = 0
    for turn, endpoint in enumerate(cycle(described())):
        for case in _cases(endpoint, f"{seed} described {turn}", chunk):
            yield _request(endpoint, case, Random(f"{seed} described {number}"), number)
            number += 1


def _cases(endpoint: Endpoint, seed: str, count: int) -> list[Case[Any]]:
    """Return up to about *count* cases: the document allows half of them and excludes the other half."""
    half = max(1, count // 2)
    modes = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    return [case for mode in modes for case in _half(endpoint, mode, seed, half)]


def _half(endpoint: Endpoint, mode: GenerationMode, seed: str, count: int) -> list[Case[Any]]:
    operation = schema()[template_of(endpoint)][endpoint.method]
    found: list[Case[Any]] = []

    @seeded(seed)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def collect(case: Case[Any]) -> None:
        found.append(case)

    # The document may exclude nothing: any text is a valid value of a header.
    with suppress(Unsatisfiable):
        collect()
    return found


def _request(endpoint: Endpoint, case: Case[Any], rng: Random, number: int) -> Request:
    """Return *case* as a request with a valid body, and in some cases with a value at an edge."""
    query = [(name, text) for name, value in (case.query or {}).items() for text in _texts(value)]
    path = {
        name: unquote(_text(value), errors="surrogateescape") for name, value in (case.path_parameters or {}).items()
    }
    headers = {name: _text(value) for name, value in (case.headers or {}).items() if name.lower() not in OWN}
    if rng.random() < EDGY:
        _put_edge(endpoint, query, path, headers, rng)
    return _assembled(endpoint, query, path, headers, rng, number)


def _put_edge(endpoint: Endpoint, query: Pairs, path: dict[str, str], headers: dict[str, str], rng: Random) -> None:
    """Set one parameter to a value at an edge; the others keep their values."""
    places = [(place, name) for place in ("query", "path", "header") for name in parameters_of(endpoint, place)]
    if not places or rng.random() < 0.25:
        places = [("header", name) for name in HEADERS if name.lower() not in OWN]
    place, name = rng.choice(places)
    if place == "query":
        query[:] = [pair for pair in query if pair[0] != name] + [(name, rng.choice(values.EDGES))]
    elif place == "path":
        path[name] = rng.choice(values.EDGES)
    else:
        headers[name] = (
            rng.choice(HEADERS[name]) if name in HEADERS and rng.random() < 0.5 else rng.choice(values.EDGES)
        )


def edge_requests() -> Iterator[Request]:
    """Yield a request for each value at an edge in each parameter of a query or path of each endpoint."""
    number = 0
    for endpoint in described():
        for place in ("query", "path"):
            for name in parameters_of(endpoint, place):
                for edge in values.EDGES:
                    query = [(name, edge)] if place == "query" else []
                    path = {name: edge} if place == "path" else {}
                    yield _assembled(endpoint, query, path, {}, Random(number), number)
                    number += 1


def _assembled(
    endpoint: Endpoint, query: Pairs, path: Mapping[str, str], headers: Mapping[str, str], rng: Random, number: int
) -> Request:
    """Return the request. Path parameters without a value, and most of the others, are known ids."""
    template = template_of(endpoint)
    known = set(PLACEHOLDER.findall(template)) - path.keys()
    if known or not path or rng.random() < 0.5:
        path = {name: text for name, text in path.items() if text in values.EDGES}

    def put(match: "re.Match[str]") -> str:
        return quote(_bytes(path[match[1]]), safe="") if match[1] in path else match[0]

    tree = any_body(endpoint, Names(rng, number // SPELL))
    key = rng.choice(KEYS) if rng.random() < 0.02 else KEY
    own = [("Authorization", key)] + ([] if tree is None else [("Content-Type", endpoint.media)])
    given_headers = [(name, _latin(text)) for name, text in headers.items()]
    return Request(
        number=number,
        rule=endpoint.rule,
        method=endpoint.method,
        path=PLACEHOLDER.sub(put, template),
        query=urlencode([(_bytes(name), _bytes(text)) for name, text in query]),
        headers=(*own, *given_headers),
        body=None if tree is None else orjson.dumps(tree),
        tree=tree,
        pick=rng.randrange(10**6),
    )


def _texts(value: Any) -> list[str]:
    return [_text(each) for each in value] if isinstance(value, list | tuple) else [_text(value)]


def _text(value: Any) -> str:
    """Return a generated *value* in the notation of URLs: JSON has its own names for true, false and null."""
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _latin(text: str) -> str:
    """Return *text* as a header of WSGI: its bytes as characters of Latin-1."""
    return _bytes(text).decode("latin-1").replace("{", "(")
