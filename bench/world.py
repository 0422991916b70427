"""The data of the benchmark: people and their duplicates, written by set-based SQL outside the measurements."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, LiteralString

import orjson
import psycopg

from app.db.connections import Connection
from app.db.queries import load_queries
from bench.errors import BenchError
from bench.ground import Ground

QUERIES = load_queries("bench", "world.sql")
#: Updates of one request.
BATCH = 50
SURVIVOR, ORPHAN = 0, 1
#: Number of ids reserved for profiles of one role.
ROOM = 10**8
#: Profiles written in one statement.
CHUNK = 50_000
#: The workspace of the empty database: its only one.
WORKSPACE_ID = 1


@dataclass(frozen=True, slots=True)
class World:
    """A database with *pairs* pairs of profiles; each round uses a copy."""

    database: str
    pairs: int

    @property
    def span(self) -> dict[str, int]:
        """The number of pairs, and the stride between two requests: their profiles are far apart on disk."""
        stride = max(1, round(self.pairs * 0.618))
        while math.gcd(stride, self.pairs) > 1:
            stride += 1
        return {"pairs": self.pairs, "stride": stride}


def make_world(ground: Ground, pairs: int) -> World:
    """Return a database with *pairs* survivors and as many orphans, counted and analysed."""
    database = empty_world(ground)
    with ground.connect(database) as connection:
        plant(connection, role=SURVIVOR, first=0, count=pairs)
        plant(connection, role=ORPHAN, first=0, count=pairs)
        settle(connection)
    return World(database, pairs)


def empty_world(ground: Ground) -> str:
    """Return a database without profiles, but with the functions that write them."""
    database = ground.copy(ground.empty)
    with ground.connect(database) as connection:
        connection.execute(QUERIES["make_functions"], prepare=False)
    return database


def plant(connection: Connection, *, role: int, first: int, count: int, email: str | None = None) -> None:
    """Write the survivors or orphans of *count* pairs from *first* on, all with the same *email* if one is given."""
    for start in range(first, first + count, CHUNK):
        span = {"first": start, "last": min(start + CHUNK, first + count) - 1, "first_id": first_id(role)}
        run_query(connection, "plant_profiles", {"workspace_id": WORKSPACE_ID, "role": role, "email": email, **span})
        if role == ORPHAN:
            run_query(connection, "plant_aliases", {"workspace_id": WORKSPACE_ID, **span})


def first_id(role: int) -> int:
    """Return the id of the first survivor or orphan; the others follow."""
    return 1 + role * ROOM


def settle(connection: Connection) -> None:
    """Analyze and vacuum the tables, as autovacuum does after some time."""
    run_query(connection, "settle_ids", {})
    connection.execute("VACUUM ANALYZE", prepare=False)


def plant_events(connection: Connection, *, origin_id: int, count: int) -> None:
    """Write *count* events of the profile *origin_id*."""
    run_query(connection, "plant_events", {"workspace_id": WORKSPACE_ID, "origin_id": origin_id, "count": count})


def plant_backlog(
    connection: Connection, world: World, *, first: int, count: int, published: bool = False, size: int = BATCH
) -> None:
    """Write the requests for *count* pairs from number *first* on into the ledger, in one transaction."""
    parameters = {
        "workspace_id": WORKSPACE_ID,
        "first": first,
        "last": first + count - 1,
        **world.span,
        "size": size,
        "published": published,
    }
    run_query(connection, "plant_backlog", parameters)


def requests(connection: Connection, world: World, *, first: int, count: int, size: int = BATCH) -> list[bytes]:
    """Return the bodies of the requests for *count* pairs from number *first* on, *size* updates each."""
    if first + count > world.pairs:
        raise BenchError(
            f"The database has {world.pairs} pairs, but pairs {first} to {first + count - 1} were requested."
        )
    parameters = {"first": first, "last": first + count - 1, **world.span}
    updates = [
        {"identifier_to_merge": row["orphan"], "identifier_to_keep": row["survivor"]}
        for row in run_query(connection, "list_pairs", parameters)
    ]
    return [body_of(updates[start : start + size]) for start in range(0, count, size)]


def all_requests(connection: Connection, world: World) -> list[bytes]:
    """Return the bodies of the requests for all pairs, read in chunks to limit the memory."""
    starts = range(0, world.pairs, CHUNK)
    parts = (requests(connection, world, first=at, count=min(CHUNK, world.pairs - at)) for at in starts)
    return list(chain.from_iterable(parts))


def merged_into(bodies: Sequence[bytes]) -> list[bytes]:
    """Return *bodies* with the first survivor in place of every other."""
    requests = [orjson.loads(body)["merge_updates"] for body in bodies]
    hub = requests[0][0]["identifier_to_keep"]
    return [body_of([update | {"identifier_to_keep": hub} for update in updates]) for updates in requests]


def body_of(updates: Sequence[Mapping[str, Any]]) -> bytes:
    """Return the body of a request for *updates*."""
    return orjson.dumps({"merge_updates": updates})


def stock(connection: Connection) -> dict[str, int]:
    """Return the sums that merges must not change, and the numbers of redirects, origins and records."""
    (row,) = run_query(connection, "take_stock", {})
    return row


def check(before: Mapping[str, int], after: Mapping[str, int], *, merged: int) -> None:
    """Raise BenchError with the differences unless *after* is *before* after *merged* merges."""
    expected = dict(before)
    expected["profiles"] -= merged
    for trace in ("redirects", "origins", "records"):
        expected[trace] += merged
    wrong = {name: (after[name], expected[name]) for name in expected if after[name] != expected[name]}
    if wrong:
        differences = ", ".join(f"{name} is {found} and should be {due}" for name, (found, due) in wrong.items())
        raise BenchError(f"After {merged} merges {differences}.")


def run_query(connection: Connection, query: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of the named query, as run_statement does."""
    return run_statement(connection, QUERIES[query], parameters)


def run_statement(
    connection: Connection, statement: LiteralString, parameters: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return the rows of *statement*, planned for these values: the tables may have grown since the last plan."""
    # The client inserts the values, because the server cannot infer their types in every statement.
    found = psycopg.ClientCursor(connection, row_factory=psycopg.rows.dict_row).execute(statement, parameters)
    return found.fetchall() if found.description else []
