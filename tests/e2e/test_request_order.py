"""The order between two requests that are sent back to back, with two workers, idle and behind 10,000 jobs.

The response to track, identify, alias and delete is sent when they have taken effect: the next request finds it. A
merge is accepted and runs later: the next request finds its effect after `Prefer: wait`.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from tests.support.client import Client
from tests.support.postgres import Databases
from tests.support.system import System, system_apart

Json = dict[str, Any]
Check = Callable[[], Any]

BACKLOG = 10_000
MAY = "2026-05-01T08:00:00Z"
#: Merges of profiles that do not exist, fifty to a batch.
FILL = """
WITH batch_of AS MATERIALIZED (
    SELECT workspace_id, gen_random_uuid() AS id, number
    FROM workspace CROSS JOIN generate_series(1, %(jobs)s / 50) AS number
    WHERE name = %(workspace)s
),
written AS (
    INSERT INTO batch (workspace_id, id, path) SELECT workspace_id, id, '/users/merge' FROM batch_of
)
INSERT INTO job (workspace_id, id, batch_id, index, kind, lane, orphan_identifier, survivor_identifier, search_keys)
SELECT
    workspace_id, gen_random_uuid(), id, place, 'merge', place,
    jsonb_build_object('external_id', 'orphan-' || number || '-' || place),
    jsonb_build_object('external_id', 'survivor-' || number || '-' || place),
    ARRAY['orphan-' || number || '-' || place, 'survivor-' || number || '-' || place]
FROM batch_of CROSS JOIN generate_series(0, 49) AS place
"""


class Person:
    """The requests about the profiles of one test: names begin with *name*. Each returns when its response is there."""

    def __init__(self, client: Client, name: str) -> None:
        self.client = client
        self.name = name

    def ext(self, name: str) -> Json:
        return {"external_id": f"{self.name}-{name}"}

    def alias(self, name: str, label: str = "guest") -> Json:
        return {"user_alias": {"alias_label": label, "alias_name": f"{self.name}-{name}"}}

    def track(self, who: Json, **attributes: Any) -> None:
        """Write attributes and one event."""
        created = {"_update_existing_only": False} if "user_alias" in who else {}
        self.client.track(
            attributes=[{**who, **created, **attributes}],
            events=[{**who, **created, "name": "login", "time": MAY}],
        )

    def identify(self, alias: Json, external_id: Json) -> Check:
        response = self.client.post("/users/identify", {"aliases_to_identify": [{**alias, **external_id}]})
        assert response.status_code == 201, response.text
        assert response.json()["batch"]["state"] == "finished", response.text
        return self._outcome(response.json()["batch_id"])

    def merge(self, orphan: Json, survivor: Json, **headers: str) -> Check:
        return self._outcome(self.client.merge([(orphan, survivor)], **headers))

    def give_alias(self, external_id: Json, alias: Json) -> None:
        response = self.client.post("/users/alias/new", {"user_aliases": [{**external_id, **alias["user_alias"]}]})
        assert response.status_code == 201, response.text

    def delete(self, external_id: Json) -> int:
        response = self.client.post("/users/delete", {"external_ids": [external_id["external_id"]]})
        assert response.status_code == 201, response.text
        deleted: int = response.json()["deleted"]
        return deleted

    def seen(self, who: Json) -> Check:
        """Return a check of the profile *who*: its log-ins, its custom attributes, and the labels of its aliases."""
        return lambda: self._see(who)

    def _see(self, who: Json) -> tuple[int, set[str], set[str]] | None:
        key = {"user_aliases": [who["user_alias"]]} if "user_alias" in who else {"external_ids": [who["external_id"]]}
        users = self.client.export(**key)
        if not users:
            return None
        (user,) = users
        logins = sum(event["count"] for event in user.get("custom_events", ()))
        labels = {alias["alias_label"] for alias in user["user_aliases"]}
        return logins, set(user.get("custom_attributes", ())), labels

    def _outcome(self, batch_id: str) -> Check:
        return lambda: self.client.finished(batch_id, seconds=120)["jobs"][0]["outcome"]


def _guest(person: Person) -> Json:
    """Write a guest and return its alias."""
    person.track(person.alias("guest"), first=True)
    return person.alias("guest")


def track_then_track(person: Person) -> list[Check]:
    person.track(person.ext("joe"), first=True)
    person.track(person.ext("joe"), second=True)
    return [person.seen(person.ext("joe"))]


def track_then_identify(person: Person) -> list[Check]:
    outcome = person.identify(_guest(person), person.ext("joe"))
    return [outcome, person.seen(person.ext("joe"))]


def track_then_merge(person: Person) -> list[Check]:
    person.track(person.ext("account"), second=True)
    outcome = person.merge(_guest(person), person.ext("account"))
    return [outcome, person.seen(person.ext("account"))]


def track_then_alias(person: Person) -> list[Check]:
    person.track(person.ext("joe"), first=True)
    person.give_alias(person.ext("joe"), person.alias("cart", "cart"))
    return [person.seen(person.alias("cart", "cart"))]


def track_then_delete(person: Person) -> list[Check]:
    person.track(person.ext("joe"), first=True)
    deleted = person.delete(person.ext("joe"))
    return [lambda: deleted, person.seen(person.ext("joe"))]


def identify_then_track(person: Person) -> list[Check]:
    outcome = person.identify(_guest(person), person.ext("joe"))
    person.track(person.ext("joe"), second=True)
    return [outcome, person.seen(person.ext("joe"))]


def identify_then_identify(person: Person) -> list[Check]:
    person.track(person.alias("tablet", "tablet"), second=True)
    first = person.identify(_guest(person), person.ext("joe"))
    second = person.identify(person.alias("tablet", "tablet"), person.ext("joe"))
    return [first, second, person.seen(person.ext("joe"))]


def identify_then_merge(person: Person) -> list[Check]:
    person.track(person.ext("account"), second=True)
    first = person.identify(_guest(person), person.ext("joe"))
    second = person.merge(person.ext("joe"), person.ext("account"))
    return [first, second, person.seen(person.ext("account"))]


def identify_then_alias(person: Person) -> list[Check]:
    outcome = person.identify(_guest(person), person.ext("joe"))
    person.give_alias(person.ext("joe"), person.alias("cart", "cart"))
    return [outcome, person.seen(person.alias("cart", "cart"))]


def identify_then_delete(person: Person) -> list[Check]:
    outcome = person.identify(_guest(person), person.ext("joe"))
    deleted = person.delete(person.ext("joe"))
    return [outcome, lambda: deleted, person.seen(person.alias("guest"))]


def merge_then_track(person: Person) -> list[Check]:
    person.track(person.ext("account"), second=True)
    outcome = person.merge(_guest(person), person.ext("account"), Prefer="wait=30")
    person.track(person.alias("guest"), third=True)
    return [outcome, person.seen(person.ext("account"))]


def merge_then_identify(person: Person) -> list[Check]:
    person.track(person.alias("tablet", "tablet"), second=True)
    first = person.merge(_guest(person), person.alias("tablet", "tablet"), Prefer="wait=30")
    second = person.identify(person.alias("guest"), person.ext("joe"))
    return [first, second, person.seen(person.ext("joe"))]


def merge_then_merge(person: Person) -> list[Check]:
    for name in "abc":
        person.track(person.ext(name), **{name: True})
    first = person.merge(person.ext("a"), person.ext("b"))
    second = person.merge(person.ext("b"), person.ext("c"))
    return [first, second, person.seen(person.ext("c"))]


def merge_then_alias(person: Person) -> list[Check]:
    person.track(person.ext("account"), second=True)
    outcome = person.merge(_guest(person), person.ext("account"), Prefer="wait=30")
    person.give_alias(person.ext("account"), person.alias("cart", "cart"))
    return [outcome, person.seen(person.alias("cart", "cart"))]


def merge_then_delete(person: Person) -> list[Check]:
    person.track(person.ext("account"), second=True)
    outcome = person.merge(_guest(person), person.ext("account"), Prefer="wait=30")
    deleted = person.delete(person.ext("account"))
    return [outcome, lambda: deleted, person.seen(person.alias("guest"))]


def alias_then_track(person: Person) -> list[Check]:
    person.track(person.ext("joe"), first=True)
    person.give_alias(person.ext("joe"), person.alias("cart", "cart"))
    person.track(person.alias("cart", "cart"), second=True)
    return [person.seen(person.ext("joe"))]


def alias_then_identify(person: Person) -> list[Check]:
    person.give_alias({}, person.alias("cart", "cart"))
    outcome = person.identify(person.alias("cart", "cart"), person.ext("joe"))
    return [outcome, person.seen(person.ext("joe"))]


def alias_then_merge(person: Person) -> list[Check]:
    person.track(person.ext("account"), second=True)
    person.track(person.ext("joe"), first=True)
    person.give_alias(person.ext("joe"), person.alias("cart", "cart"))
    outcome = person.merge(person.alias("cart", "cart"), person.ext("account"))
    return [outcome, person.seen(person.ext("account"))]


def alias_then_alias(person: Person) -> list[Check]:
    person.track(person.ext("joe"), first=True)
    person.give_alias(person.ext("joe"), person.alias("cart", "cart"))
    person.give_alias(person.ext("joe"), person.alias("shop", "shop"))
    return [person.seen(person.alias("shop", "shop"))]


def alias_then_delete(person: Person) -> list[Check]:
    person.track(person.ext("joe"), first=True)
    person.give_alias(person.ext("joe"), person.alias("cart", "cart"))
    deleted = person.delete(person.ext("joe"))
    return [lambda: deleted, person.seen(person.alias("cart", "cart"))]


def delete_then_track(person: Person) -> list[Check]:
    person.track(person.ext("joe"), first=True)
    deleted = person.delete(person.ext("joe"))
    person.track(person.ext("joe"), second=True)
    return [lambda: deleted, person.seen(person.ext("joe"))]


def delete_then_identify(person: Person) -> list[Check]:
    person.track(person.ext("joe"), second=True)
    guest = _guest(person)
    person.delete(person.ext("joe"))
    outcome = person.identify(guest, person.ext("joe"))
    return [outcome, person.seen(person.ext("joe"))]


def delete_then_merge(person: Person) -> list[Check]:
    person.track(person.ext("joe"), first=True)
    person.track(person.ext("account"), second=True)
    person.delete(person.ext("joe"))
    outcome = person.merge(person.ext("joe"), person.ext("account"))
    return [outcome, person.seen(person.ext("account"))]


def delete_then_alias(person: Person) -> list[Check]:
    person.track(person.ext("joe"), first=True)
    person.delete(person.ext("joe"))
    person.give_alias(person.ext("joe"), person.alias("cart", "cart"))
    return [person.seen(person.ext("joe"))]


def delete_then_delete(person: Person) -> list[Check]:
    person.track(person.ext("joe"), first=True)
    deleted = [person.delete(person.ext("joe")), person.delete(person.ext("joe"))]
    return [lambda: deleted]


BOTH = (2, {"first", "second"})
#: What each pair must have led to.
PAIRS: dict[Callable[[Person], list[Check]], list[Any]] = {
    track_then_track: [(*BOTH, set())],
    track_then_identify: ["identified", (1, {"first"}, {"guest"})],
    track_then_merge: ["merged", (*BOTH, {"guest"})],
    track_then_alias: [(1, {"first"}, {"cart"})],
    track_then_delete: [1, None],
    identify_then_track: ["identified", (*BOTH, {"guest"})],
    identify_then_identify: ["identified", "merged", (*BOTH, {"guest", "tablet"})],
    identify_then_merge: ["identified", "merged", (*BOTH, {"guest"})],
    identify_then_alias: ["identified", (1, {"first"}, {"guest", "cart"})],
    identify_then_delete: ["identified", 1, None],
    merge_then_track: ["merged", (3, {"first", "second", "third"}, {"guest"})],
    merge_then_identify: ["merged", "identified", (*BOTH, {"guest", "tablet"})],
    merge_then_merge: ["merged", "merged", (3, {"a", "b", "c"}, set())],
    merge_then_alias: ["merged", (*BOTH, {"guest", "cart"})],
    merge_then_delete: ["merged", 1, None],
    alias_then_track: [(*BOTH, {"cart"})],
    alias_then_identify: ["identified", (0, set(), {"cart"})],
    alias_then_merge: ["merged", (*BOTH, {"cart"})],
    alias_then_alias: [(1, {"first"}, {"cart", "shop"})],
    alias_then_delete: [1, None],
    delete_then_track: [1, (1, {"second"}, set())],
    delete_then_identify: ["identified", (1, {"first"}, {"guest"})],
    delete_then_merge: ["orphan_not_found", (1, {"second"}, set())],
    delete_then_alias: [None],
    delete_then_delete: [[1, 0]],
}


@pytest.fixture(scope="module")
def busy_system(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system with two workers for this module: its backlog must not delay the tests of others."""
    with system_apart(databases, tmp_path_factory.mktemp("order"), workers=2) as system:
        yield system


@pytest.fixture(scope="module", params=[0, BACKLOG], ids=["idle", "behind 10,000 jobs"])
def found(busy_system: System, request: pytest.FixtureRequest) -> dict[str, list[Any]]:
    """What each pair led to, all of them sent at once in one workspace that has a backlog."""
    client = busy_system.new_client()
    with psycopg.connect(busy_system.database_url) as connection:
        connection.execute(FILL, {"workspace": client.workspace, "jobs": request.param})

    def send(pair: Callable[[Person], list[Check]]) -> list[Any]:
        person = Person(busy_system.new_client(workspace=client.workspace), pair.__name__)
        return [check() for check in pair(person)]

    with ThreadPoolExecutor(8) as threads:
        return dict(zip((pair.__name__ for pair in PAIRS), threads.map(send, PAIRS), strict=True))


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.__name__)
def test_a_request_finds_the_effect_of_the_one_before(
    found: dict[str, list[Any]], pair: Callable[[Person], list[Check]]
) -> None:
    assert found[pair.__name__] == PAIRS[pair]


def test_jobs_behind_an_identify_that_answered_at_once_wait_for_it(client: Client) -> None:
    person = Person(client, "at-once")
    person.track(person.ext("account"), second=True)
    body = {"aliases_to_identify": [{**_guest(person), **person.ext("joe")}]}
    response = client.post("/users/identify", body, Prefer="respond-async")
    outcome = person.merge(person.ext("joe"), person.ext("account"))

    assert response.headers["Preference-Applied"] == "respond-async"
    assert "batch" not in response.json()
    assert outcome() == "merged"
    assert person.seen(person.ext("account"))() == (*BOTH, {"guest"})
