"""Pairs of requests about the same profiles, the second sent right after the first response, and their results."""

from collections.abc import Callable
from typing import Any

from tests.support.client import Client

Json = dict[str, Any]
Check = Callable[[], Any]
#: Sends the two requests and returns the checks to run afterwards.
Pair = Callable[["Person"], list[Check]]

MAY = "2026-05-01T08:00:00Z"


class Person:
    """Sends requests about profiles whose names start with *name*. Each method returns after the response."""

    def __init__(self, client: Client, name: str) -> None:
        self.client = client
        self.name = name

    def ext(self, name: str) -> Json:
        return {"external_id": f"{self.name}-{name}"}

    def alias(self, name: str, label: str = "guest") -> Json:
        return {"user_alias": {"alias_label": label, "alias_name": f"{self.name}-{name}"}}

    def track(self, who: Json, **attributes: Any) -> None:
        """Send attributes and one event."""
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
        """Return a check that reads the log-ins, custom attributes and alias labels of the profile *who*."""
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


def write_guest(person: Person) -> Json:
    """Create the profile of a guest and return its alias."""
    person.track(person.alias("guest"), first=True)
    return person.alias("guest")


def track_then_track(person: Person) -> list[Check]:
    person.track(person.ext("joe"), first=True)
    person.track(person.ext("joe"), second=True)
    return [person.seen(person.ext("joe"))]


def track_then_identify(person: Person) -> list[Check]:
    outcome = person.identify(write_guest(person), person.ext("joe"))
    return [outcome, person.seen(person.ext("joe"))]


def track_then_merge(person: Person) -> list[Check]:
    person.track(person.ext("account"), second=True)
    outcome = person.merge(write_guest(person), person.ext("account"))
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
    outcome = person.identify(write_guest(person), person.ext("joe"))
    person.track(person.ext("joe"), second=True)
    return [outcome, person.seen(person.ext("joe"))]


def identify_then_identify(person: Person) -> list[Check]:
    person.track(person.alias("tablet", "tablet"), second=True)
    first = person.identify(write_guest(person), person.ext("joe"))
    second = person.identify(person.alias("tablet", "tablet"), person.ext("joe"))
    return [first, second, person.seen(person.ext("joe"))]


def identify_then_merge(person: Person) -> list[Check]:
    person.track(person.ext("account"), second=True)
    first = person.identify(write_guest(person), person.ext("joe"))
    second = person.merge(person.ext("joe"), person.ext("account"))
    return [first, second, person.seen(person.ext("account"))]


def identify_then_alias(person: Person) -> list[Check]:
    outcome = person.identify(write_guest(person), person.ext("joe"))
    person.give_alias(person.ext("joe"), person.alias("cart", "cart"))
    return [outcome, person.seen(person.alias("cart", "cart"))]


def identify_then_delete(person: Person) -> list[Check]:
    outcome = person.identify(write_guest(person), person.ext("joe"))
    deleted = person.delete(person.ext("joe"))
    return [outcome, lambda: deleted, person.seen(person.alias("guest"))]


def merge_then_track(person: Person) -> list[Check]:
    person.track(person.ext("account"), second=True)
    outcome = person.merge(write_guest(person), person.ext("account"), Prefer="wait=30")
    person.track(person.alias("guest"), third=True)
    return [outcome, person.seen(person.ext("account"))]


def merge_then_identify(person: Person) -> list[Check]:
    person.track(person.alias("tablet", "tablet"), second=True)
    first = person.merge(write_guest(person), person.alias("tablet", "tablet"), Prefer="wait=30")
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
    outcome = person.merge(write_guest(person), person.ext("account"), Prefer="wait=30")
    person.give_alias(person.ext("account"), person.alias("cart", "cart"))
    return [outcome, person.seen(person.alias("cart", "cart"))]


def merge_then_delete(person: Person) -> list[Check]:
    person.track(person.ext("account"), second=True)
    outcome = person.merge(write_guest(person), person.ext("account"), Prefer="wait=30")
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
    guest = write_guest(person)
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
#: The expected results of the checks of each pair.
PAIRS: dict[Pair, list[Any]] = {
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
    delete_then_delete: [[1, 1]],
}
