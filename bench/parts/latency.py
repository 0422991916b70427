"""The time until the response to a POST, to a poll, and until the outcome of a single update, idle and loaded."""

import sys
from collections.abc import Callable
from contextlib import closing
from itertools import islice
from time import perf_counter
from typing import Any

import orjson
from psycopg.types.json import Jsonb
from uuid_utils.compat import uuid7

from app.config import Settings
from app.db.connections import Connection, connection_arguments
from app.db.queries import load_queries
from bench import empty_task
from bench.client import ApiConnection, timed_post
from bench.contenders import Mergelane, running, wait_for_rest
from bench.errors import BenchError
from bench.ground import Ground
from bench.load import Load, keeping_busy
from bench.running import pause, wait_until
from bench.sizes import Sizes
from bench.stats import tails
from bench.world import BATCH, WORKSPACE_ID, make_world, requests

QUERIES = load_queries("bench", "latency.sql")
MILLISECONDS = 1_000
#: Requests of fifty updates, single updates, and requests under load, at scale 1.
POSTS, LONE, LOADED = 300, 300, 300
WARM = 20
#: Maximum number of requests that keep the product busy.
LOAD = 1_000
#: Fewer requests are too few for a backlog.
LEAST_LOAD = 80
#: Seconds between two requests of the client that is measured under load.
GAP_S = 0.03
#: Maximum seconds of an empty task.
TASK_S = 30
#: Seconds between two checks of a single update.
OUTCOME_CHECK_S = 0.002


def run(ground: Ground, sizes: Sizes, log: Callable[[str], None]) -> dict[str, Any]:
    """Measure all of it on one running product."""
    posts, lone, loaded = (sizes.of(full, least=20, step=1) for full in (POSTS, LONE, LOADED))
    load = sizes.of(LOAD, least=LEAST_LOAD, step=1)
    batches = WARM + posts + loaded + load
    world = make_world(ground, batches * BATCH + lone + WARM)
    bare = ground.copy(world.database)
    product = Mergelane(ground, world, ground.copy(world.database))
    with running(product) as connection:
        product.start()
        bodies = iter(requests(connection, world, first=0, count=batches * BATCH))
        lone_bodies = requests(connection, world, first=batches * BATCH, count=lone + WARM, size=1)
        ground.checkpoint()
        with closing(ApiConnection(product.port)) as api:
            idle = _idle(ground, bare, connection, api, list(islice(bodies, WARM + posts)))
            log(f"idle: POST p50 {idle['post']['p50']:.1f} ms, bare insert p50 {idle['bare_insert']['p50']:.1f} ms")
            alone = _lone(connection, api, lone_bodies)
            alone["empty_task"] = _empty_tasks(product, count=lone)
            log(
                f"lone update: outcome p50 {alone['outcome']['p50']:.1f} ms, p99 {alone['outcome']['p99']:.1f} ms;"
                f" empty task: p50 {alone['empty_task']['p50']:.1f} ms"
            )
            with keeping_busy(product, list(islice(bodies, load))) as keeper:
                busy = _busy(api, list(islice(bodies, loaded)), keeper)
            log(f"loaded: POST p50 {busy['post']['p50']:.1f} ms, p99 {busy['post']['p99']:.1f} ms")
        wait_for_rest(connection)
    for database in (bare, world.database):
        ground.drop(database)
    return {"idle": idle, "lone": alone, "loaded": busy}


def _idle(ground: Ground, bare: str, connection: Connection, api: ApiConnection, bodies: list[bytes]) -> dict[str, Any]:
    """Return the times of a bare insert, a POST and a poll in turn, each after everything before it has finished."""
    inserts, posts, polls = [], [], []
    # The owner of the tables connects, so row-level security costs nothing.
    arguments = connection_arguments(Settings(), name="bench")
    with Connection.connect(ground.url(bare), **arguments) as bare_connection:
        for body in bodies:
            inserts.append(_bare_insert(bare_connection, body))
            began = perf_counter()
            answer = api.post(body)
            posts.append(perf_counter() - began)
            wait_for_rest(connection)
            polls.append(_timed_poll(api, answer["status_url"]))
    return {"bare_insert": _ms(inserts[WARM:]), "post": _ms(posts[WARM:]), "poll": _ms(polls[WARM:])}


def _lone(connection: Connection, api: ApiConnection, bodies: list[bytes]) -> dict[str, Any]:
    """Return the times until the outcome of single updates: in the ledger, and in the response to a waiting client."""
    outcomes, seen = [], []
    for number, body in enumerate(bodies):
        if number % 2:
            seen.append(timed_post(api, body, Prefer="wait=10"))
            wait_for_rest(connection)
            continue
        began = perf_counter()
        answer = api.post(body)
        wait_for_outcome(connection, answer["batch_id"])
        outcomes.append(perf_counter() - began)
    return {"outcome": _ms(outcomes[WARM // 2 :]), "seen_by_client": _ms(seen[WARM // 2 :])}


def _empty_tasks(product: Mergelane, *, count: int) -> dict[str, float]:
    """Return the times until the results of Celery tasks that do nothing, one after another."""
    program = [sys.executable, "-m", "celery", "-A", "bench.empty_task", "worker", "--pool", "solo"]
    worker = product.run("empty", [*program, "-Q", empty_task.QUEUE, "--loglevel", "INFO"])
    worker.wait_for(r"ready\.")
    app = empty_task.make_app(product.ground.broker_url)
    times = []
    for _ in range(WARM + count):
        began = perf_counter()
        app.send_task(empty_task.NAME).get(timeout=TASK_S)
        times.append(perf_counter() - began)
    app.close()
    worker.stop()
    product.programs.remove(worker)
    return _ms(times[WARM:])


def _busy(api: ApiConnection, bodies: list[bytes], load: Load) -> dict[str, Any]:
    """Return the times of a POST and a poll while other clients keep the product busy."""
    posts, polls = [], []
    for body in bodies:
        if load.spent:
            break
        began = perf_counter()
        answer = api.post(body)
        posts.append(perf_counter() - began)
        polls.append(_timed_poll(api, answer["status_url"]))
        pause(GAP_S)
    if not posts:
        raise BenchError("The load ended before anything was measured.")
    return {"post": _ms(posts), "poll": _ms(polls)}


def _bare_insert(connection: Connection, body: bytes) -> float:
    """Return the seconds of a bare insert of the updates in *body*, in one transaction."""
    updates = orjson.loads(body)["merge_updates"]
    jobs = [
        {
            "id": str(uuid7()),
            "index": index,
            "orphan": update["identifier_to_merge"],
            "survivor": update["identifier_to_keep"],
            "search_keys": [str(value) for side in update.values() for value in side.values()],
        }
        for index, update in enumerate(updates)
    ]
    values = {"workspace_id": WORKSPACE_ID, "batch_id": uuid7(), "jobs": Jsonb(jobs)}
    began = perf_counter()
    with connection.transaction():
        connection.execute(QUERIES["bare_insert"], values)
    return perf_counter() - began


def wait_for_outcome(connection: Connection, batch_id: str) -> None:
    """Wait until the only job of a batch has its outcome."""

    def finished() -> bool:
        values = {"workspace_id": WORKSPACE_ID, "batch_id": batch_id}
        row = connection.execute(QUERIES["is_finished"], values).fetchone()
        return row is not None and bool(row["finished"])

    wait_until(finished, seconds=60, every=OUTCOME_CHECK_S, what="the outcome of a lone update")


def _timed_poll(api: ApiConnection, status_url: str) -> float:
    """Return the seconds of a poll."""
    began = perf_counter()
    api.poll(status_url)
    return perf_counter() - began


def _ms(seconds: list[float]) -> dict[str, float]:
    """Return count, percentiles and maximum of waiting times, in milliseconds."""
    return tails([each * MILLISECONDS for each in seconds])
