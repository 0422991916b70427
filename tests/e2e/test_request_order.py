"""The order between two requests that are sent back to back, with two workers, idle and behind 10,000 jobs.

The response to track, identify, alias and delete is sent when they have taken effect: the next request finds it. A
merge is accepted and runs later: the next request finds its effect after `Prefer: wait`.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.support.client import Client
from tests.support.postgres import Databases
from tests.support.request_pairs import BOTH, PAIRS, Pair, Person, write_guest
from tests.support.system import System, system_apart

BACKLOG = 10_000
#: Merges of profiles that do not exist, fifty in a batch. They are separate statements, so that Citus runs them.
FIND = "SELECT workspace_id FROM workspace WHERE name = %(workspace)s"
FILL_BATCHES = """
INSERT INTO batch (workspace_id, id, path)
SELECT %(workspace_id)s, id, '/users/merge' FROM unnest(%(ids)s::uuid[]) AS id
"""
FILL_JOBS = """
INSERT INTO job (workspace_id, id, batch_id, index, kind, lane, orphan_identifier, survivor_identifier, search_keys)
SELECT
    %(workspace_id)s, gen_random_uuid(), id, place, 'merge', place,
    jsonb_build_object('external_id', 'orphan-' || number || '-' || place),
    jsonb_build_object('external_id', 'survivor-' || number || '-' || place),
    ARRAY['orphan-' || number || '-' || place, 'survivor-' || number || '-' || place]
FROM unnest(%(ids)s::uuid[]) WITH ORDINALITY AS batch_of (id, number) CROSS JOIN generate_series(0, 49) AS place
"""


@pytest.fixture(scope="module")
def busy_system(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system with two workers for this module: its backlog must not delay the tests of others."""
    with system_apart(databases, tmp_path_factory.mktemp("order"), workers=2) as system:
        yield system


@pytest.fixture(scope="module", params=[0, BACKLOG], ids=["idle", "behind 10,000 jobs"])
def found(busy_system: System, request: pytest.FixtureRequest) -> dict[str, list[Any]]:
    """The results of each pair of requests. All pairs are sent at once in one workspace, which has a backlog."""
    client = busy_system.new_client()
    with psycopg.connect(busy_system.database_url) as connection:
        ((workspace_id,),) = connection.execute(FIND, {"workspace": client.workspace}).fetchall()
        ids = [uuid4() for _ in range(request.param // 50)]
        for statement in (FILL_BATCHES, FILL_JOBS):
            connection.execute(statement, {"workspace_id": workspace_id, "ids": ids})

    def send(pair: Pair) -> list[Any]:
        person = Person(busy_system.new_client(workspace=client.workspace), pair.__name__)
        return [check() for check in pair(person)]

    with ThreadPoolExecutor(8) as threads:
        return dict(zip((pair.__name__ for pair in PAIRS), threads.map(send, PAIRS), strict=True))


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.__name__)
def test_a_request_finds_the_effect_of_the_previous_one(found: dict[str, list[Any]], pair: Pair) -> None:
    assert found[pair.__name__] == PAIRS[pair]


def test_a_merge_after_an_asynchronous_identify_waits_for_it(client: Client) -> None:
    person = Person(client, "at-once")
    person.track(person.ext("account"), second=True)
    body = {"aliases_to_identify": [{**write_guest(person), **person.ext("joe")}]}
    response = client.post("/users/identify", body, Prefer="respond-async")
    outcome = person.merge(person.ext("joe"), person.ext("account"))

    assert response.headers["Preference-Applied"] == "respond-async"
    assert "batch" not in response.json()
    assert outcome() == "merged"
    assert person.seen(person.ext("account"))() == (*BOTH, {"guest"})
