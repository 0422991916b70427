"""Counts per merge that do not depend on the machine: statements, round trips, Redis commands, messages, WAL, rows.

The whole product runs, with a counting proxy before PostgreSQL. The relay starts after all requests were posted, so
every run has the same backlog and packs the same lanes.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from app.db.connections import Connection
from bench.client import ApiConnection
from bench.contenders import Mergelane, running, wait_for_rest
from bench.ground import Ground
from bench.limit import Limit
from bench.sizes import Sizes
from bench.wal import Place, Written, read_wal, wal_place
from bench.wire import WireCounter, names
from bench.world import WORKSPACE_ID, World, make_world, requests, run_query
from chaos.proxy import Proxy
from cli.up.embedded_postgres import SOCKET

MERGES = 1_000
WARM = 500
THOUSAND = 1_000
#: Periodic queries of the relay, whose number depends on time and not on merges.
ON_TIME = frozenset(
    {
        "workspaces_with_pending_jobs",
        "workspaces_with_published_jobs",
        "all_workspaces",
        "latest_running_task",
        "lock_stranded_jobs",
        "lock_lost_jobs",
        "prune_batches",
        "prune_idempotency_keys",
    }
)
#: Redis commands of the benchmark itself, and of new connections.
OURS = frozenset({"info", "ping", "client|setinfo", "client|setname", "select"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Counts of *merges* merges, by name."""

    merges: int
    statements: Mapping[str, int]
    round_trips: Mapping[str, int]
    redis_commands: Mapping[str, int]
    messages: int
    wal_bytes: int
    #: Bytes of images of whole pages among them, which depend on the time of the last checkpoint.
    wal_image_bytes: int
    #: Versions of rows and index entries, by table and index.
    written: Written

    @property
    def per_thousand(self) -> dict[str, float]:
        """Every count per thousand merges."""
        share = THOUSAND / self.merges
        return {
            "statements": sum(self.statements.values()) * share,
            "round_trips": sum(self.round_trips.values()) * share,
            "redis_commands": sum(self.redis_commands.values()) * share,
            "messages": self.messages * share,
            "wal_bytes": self.wal_bytes * share,
            "wal_image_bytes": self.wal_image_bytes * share,
            "rows_written": sum(self.written.rows.values()) * share,
            "index_entries": sum(self.written.entries.values()) * share,
        }

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON for the results."""
        share = THOUSAND / self.merges
        return {
            "merges": self.merges,
            "per_thousand": self.per_thousand,
            "statements": {name: count * share for name, count in self.statements.items()},
            "round_trips": {name: count * share for name, count in self.round_trips.items()},
            "redis_commands": {name: count * share for name, count in self.redis_commands.items()},
            "rows_written": {name: count * share for name, count in self.written.rows.items()},
            "index_entries": {name: count * share for name, count in self.written.entries.items()},
        }


def run(ground: Ground, sizes: Sizes, log: Callable[[str], None]) -> dict[str, Any]:
    """Count a thousand merges. This is quick, so it does not depend on the scale."""
    del sizes
    counts = count(ground)
    log(", ".join(f"{name} {value:,.0f}" for name, value in counts.per_thousand.items()))
    limit = count_limit(ground)
    log("limit: " + ", ".join(f"{name} {value:,.0f}" for name, value in limit.items()))
    return {**counts.to_json(), "limit": limit}


def count(ground: Ground, *, merges: int = MERGES, warm: int = WARM) -> Counts:
    """Return the counts of *merges* merges, after *warm* merges that are not counted."""
    world = make_world(ground, warm + merges)
    counter = WireCounter()
    proxy = Proxy(lambda: ground.postgres_sockets / SOCKET, counter.watch)
    proxy.start()
    try:
        return _count(Watched(ground, world, ground.copy(world.database), proxy), counter, merges=merges, warm=warm)
    finally:
        proxy.stop()
        ground.drop(world.database)


def count_limit(ground: Ground) -> dict[str, float]:
    """Return the WAL without images of whole pages, the rows and the index entries of the limit per thousand merges."""
    world = make_world(ground, WARM + MERGES)
    limit = Limit(ground, world, ground.copy(world.database))
    with running(limit) as connection:
        limit.prepare(connection, warm=WARM, count=MERGES)
        before = wal_place(connection)
        limit.merge()
        after = wal_place(connection)
        images, found = read_wal(ground, connection, before, after)
    ground.drop(world.database)
    share = THOUSAND / MERGES
    return {
        "wal_bytes_without_images": (after.wal - before.wal - images) * share,
        "rows_written": sum(found.rows.values()) * share,
        "index_entries": sum(found.entries.values()) * share,
    }


class Watched(Mergelane):
    """The product, with connections to PostgreSQL through *proxy*."""

    def __init__(self, ground: Ground, world: World, database: str, proxy: Proxy) -> None:
        super().__init__(ground, world, database)
        self._proxy = proxy

    @property
    def environ(self) -> Mapping[str, str]:
        """The environment of its programs, with the proxy's address in place of the server's."""
        url = f"postgresql://postgres@127.0.0.1:{self._proxy.port}/{self.database}?sslmode=disable&gssencmode=disable"
        return {**super().environ, "DATABASE_URL": url}


def _count(product: Watched, counter: WireCounter, *, merges: int, warm: int) -> Counts:
    """Run the product and count."""
    with running(product) as connection:
        product.ground.empty_broker()
        product.start()
        bodies = requests(connection, product.world, first=0, count=warm + merges)
        _post(product, bodies[: warm // 50])
        wait_for_rest(connection)
        # Statements are prepared and connections are open now, as in a running system.
        relay = next(program for program in product.programs if program.name == "relay")
        relay.stop()
        before = _read_counters(product, counter, connection)
        _post(product, bodies[warm // 50 :])
        relay.start()
        wait_for_rest(connection)
        after = _read_counters(product, counter, connection)
        images, found = read_wal(product.ground, connection, before.place, after.place)
    return _between(before, after, merges, images, found)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Counters:
    """The values of all counters at one moment."""

    counter: WireCounter
    redis: Mapping[str, int]
    place: Place
    messages: int


def _read_counters(product: Watched, counter: WireCounter, connection: Connection) -> _Counters:
    (row,) = run_query(connection, "count_messages", {"workspace_id": WORKSPACE_ID})
    with product.ground.redis_client() as client:
        stats: dict[str, dict[str, int]] = client.info("commandstats")
    commands = {name.removeprefix("cmdstat_"): each["calls"] for name, each in stats.items()}
    return _Counters(counter=counter.copy(), redis=commands, place=wal_place(connection), messages=int(row["messages"]))


def _between(before: _Counters, after: _Counters, merges: int, images: int, found: Written) -> Counts:
    """Return the differences between two readings."""
    statements = _named(after.counter.statements - before.counter.statements)
    trips: Counter[str] = Counter()
    for (role, _), times in _named(after.counter.round_trips - before.counter.round_trips).items():
        trips[role] += times
    redis = {
        name: calls - before.redis.get(name, 0)
        for name, calls in after.redis.items()
        if name not in OURS and calls > before.redis.get(name, 0)
    }
    return Counts(
        merges=merges,
        statements={f"{role}: {name}": times for (role, name), times in statements.most_common() if name},
        round_trips=dict(trips.most_common()),
        redis_commands=redis,
        messages=after.messages - before.messages,
        wal_bytes=after.place.wal - before.place.wal,
        wal_image_bytes=images,
        written=found,
    )


def _named(counted: Counter[tuple[str, str]]) -> Counter[tuple[str, str]]:
    """Return *counted* by process and query name, without periodic queries."""
    known, found = names(), Counter[tuple[str, str]]()
    for (who, line), times in counted.items():
        role, name = who.removeprefix("mergelane-"), known.get(line, line)
        # A pool sends an empty query to check a connection. The relay does this each time it polls.
        on_time = name in ON_TIME or (role == "relay" and not name) or role == "start"
        if not on_time:
            found[role, name] += times
    return found


def _post(product: Watched, bodies: list[bytes]) -> None:
    """Post *bodies* one by one."""
    api = ApiConnection(product.port)
    for body in bodies:
        api.post(body)
    api.close()
