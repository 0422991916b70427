"""What a merge costs in things that can be counted, and that do not depend on the machine.

The whole product runs, and its connections to PostgreSQL pass by somebody who counts. Requests are posted first and the
relay is started then, so that every run finds the same backlog and packs the same lanes.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from app.db.connections import Connection
from bench.client import Door
from bench.contenders import Mergelane, running, wait_for_rest
from bench.ground import Ground
from bench.sizes import Sizes
from bench.wire import Tally, names
from bench.world import WORKSPACE_ID, World, make_world, requests, run_query
from chaos.proxy import Proxy
from cli.up.embedded_postgres import SOCKET

MERGES = 1_000
WARM = 500
THOUSAND = 1_000
#: What the relay asks again and again, work or not: it hangs on time, not on merges.
ON_TIME = frozenset(
    {
        "workspaces_with_pending_jobs",
        "workspaces_under_way",
        "all_workspaces",
        "how_far",
        "stranded_jobs",
        "lost_jobs",
        "prune_batches",
        "prune_idempotency",
    }
)
#: Commands of ours among those that Redis counts.
OURS = frozenset({"info", "ping", "client|setinfo", "client|setname", "select"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What so many merges took, by name; per thousand merges when it is told."""

    merges: int
    statements: Mapping[str, int]
    round_trips: Mapping[str, int]
    redis_commands: Mapping[str, int]
    messages: int
    wal_bytes: int

    @property
    def per_thousand(self) -> dict[str, float]:
        """Every count, for a thousand merges."""
        share = THOUSAND / self.merges
        return {
            "statements": sum(self.statements.values()) * share,
            "round_trips": sum(self.round_trips.values()) * share,
            "redis_commands": sum(self.redis_commands.values()) * share,
            "messages": self.messages * share,
            "wal_bytes": self.wal_bytes * share,
        }

    def to_json(self) -> dict[str, Any]:
        """Return it as the results hold it."""
        share = THOUSAND / self.merges
        return {
            "merges": self.merges,
            "per_thousand": self.per_thousand,
            "statements": {name: count * share for name, count in self.statements.items()},
            "round_trips": {name: count * share for name, count in self.round_trips.items()},
            "redis_commands": {name: count * share for name, count in self.redis_commands.items()},
        }


def run(ground: Ground, sizes: Sizes, tell: Callable[[str], None]) -> dict[str, Any]:
    """Count for a thousand merges; the scale changes nothing, since it is quick."""
    del sizes
    counts = count(ground)
    tell(", ".join(f"{name} {value:,.0f}" for name, value in counts.per_thousand.items()))
    return counts.to_json()


def count(ground: Ground, *, merges: int = MERGES, warm: int = WARM) -> Counts:
    """Return what *merges* merges take, after *warm* that do not count."""
    world = make_world(ground, warm + merges)
    tally = Tally()
    proxy = Proxy(lambda: ground.postgres_sockets / SOCKET, tally.watch)
    proxy.start()
    try:
        return _count(Watched(ground, world, ground.copy(world.database), proxy), tally, merges=merges, warm=warm)
    finally:
        proxy.stop()
        ground.drop(world.database)


class Watched(Mergelane):
    """The product, its connections to PostgreSQL passing through *proxy*."""

    def __init__(self, ground: Ground, world: World, database: str, proxy: Proxy) -> None:
        super().__init__(ground, world, database)
        self._proxy = proxy

    @property
    def environ(self) -> Mapping[str, str]:
        """The environment of its programs, with the proxy's address in place of the server's."""
        url = f"postgresql://postgres@127.0.0.1:{self._proxy.port}/{self.database}?sslmode=disable&gssencmode=disable"
        return {**super().environ, "DATABASE_URL": url}


def _count(product: Watched, tally: Tally, *, merges: int, warm: int) -> Counts:
    """Run the product and count."""
    with running(product) as connection:
        product.ground.empty_broker()
        product.start()
        bodies = requests(connection, product.world, first=0, count=warm + merges)
        _post(product, bodies[: warm // 50])
        wait_for_rest(connection)
        # Its statements are prepared and its connections open: what follows is what every further merge takes.
        relay = next(program for program in product.programs if program.name == "relay")
        relay.stop()
        before = _look(product, tally, connection)
        _post(product, bodies[warm // 50 :])
        relay.start()
        wait_for_rest(connection)
        after = _look(product, tally, connection)
    return _between(before, after, merges)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """What stood on all counters at one moment."""

    tally: Tally
    redis: Mapping[str, int]
    wal: int
    messages: int


def _look(product: Watched, tally: Tally, connection: Connection) -> _Look:
    """Read all counters."""
    (row,) = run_query(connection, "read_counters", {"workspace_id": WORKSPACE_ID})
    with product.ground.redis_client() as client:
        told: dict[str, dict[str, int]] = client.info("commandstats")
    commands = {name.removeprefix("cmdstat_"): each["calls"] for name, each in told.items()}
    return _Look(tally=tally.copy(), redis=commands, wal=int(row["wal"]), messages=int(row["messages"]))


def _between(before: _Look, after: _Look, merges: int) -> Counts:
    """Return what was counted between two looks."""
    statements = _named(after.tally.statements - before.tally.statements)
    trips: Counter[str] = Counter()
    for (role, _), times in _named(after.tally.round_trips - before.tally.round_trips).items():
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
        wal_bytes=after.wal - before.wal,
    )


def _named(counted: Counter[tuple[str, str]]) -> Counter[tuple[str, str]]:
    """Return *counted* by process and by the name of the query, without what hangs on time."""
    known, found = names(), Counter[tuple[str, str]]()
    for (who, line), times in counted.items():
        role, name = who.removeprefix("mergelane-"), known.get(line, line)
        # A pool asks nothing, literally, before it lends; the relay's does so at each look for work.
        on_time = name in ON_TIME or (role == "relay" and not name) or role == "start"
        if not on_time:
            found[role, name] += times
    return found


def _post(product: Watched, bodies: list[bytes]) -> None:
    """Post *bodies* one after the other."""
    door = Door(product.port)
    for body in bodies:
        door.post(body)
    door.close()
