"""All endpoints compare email addresses and phone numbers in the same way: one table of pairs, for each endpoint.

A check stores one address of the pair and names it by the other. It returns whether the endpoint found the profile.
"""

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.client import Client

Json = dict[str, Any]
#: Takes a client of an empty workspace, the kind of address, the stored address, and the named one.
Check = Callable[[Client, str, str, str], bool]

IDENTIFIED = ["identified", "most_recently_updated"]
UNIDENTIFIED = ["unidentified", "most_recently_updated"]
TIME = "2026-05-01T08:00:00Z"

#: Kind, stored address, named address, and whether they are equal.
PAIRS = [
    ("email", "Ann@X.org", " ann@x.ORG\n", True),
    ("email", "ann@x.org\n", "\u200bann@x.org\u2060", True),
    ("email", "jos\u00e9@x.org", "JOSE\u0301@x.org", True),
    ("email", "info@straße.de", "info@XN--STRAE-OQA.de", True),
    ("email", "\N{KELVIN SIGN}ate@x.org", "kate@x.org", True),
    ("email", "weiß@x.org", "weiss@x.org", False),
    ("email", "info@straße.de", "info@strasse.de", False),
    ("email", "ada.smith@x.org", "ada.\N{LATIN SMALL LETTER LONG S}mith@x.org", False),
    ("email", "irem@x.org", "İREM@x.org", False),
    ("email", "ann@x.org", "<ann@x.org>", False),
    ("email", "ann@x.org", "a\u00adnn@x.org", False),
    ("phone", "+1 (650) 253-0000", "+16502530000", True),
    ("phone", "+44 (0)20 7946 0000", "+442079460000", True),
    ("phone", "+16502530000", "+1 650 253 0000 ext. 1", False),
    ("phone", "+1 650 253 0000 ext. 1", "+16502530000", False),
    ("phone", "+1 650 253 0000 ext. 1", "+1 650 253 0000 ext. 2", False),
    ("phone", "+1 253 0000", "+12530000", False),
    ("phone", "+16502530000", "6502530000", False),
    ("phone", "+447912000000", "4.47912E+11", False),
]
#: Phone numbers without E.164 form, which identify no profile, not even one that has the same text.
NAMELESS = ["+1 650 253 0000 ext. 1", "+12530000", "07912 345678", "call me"]


def store(client: Client, kind: str, address: str, *, external_id: str = "holder") -> None:
    client.track(attributes=[{"external_id": external_id, kind: address}])


def named(kind: str, address: str, steps: list[str]) -> Json:
    return {kind: address, "prioritization": steps}


def found_by_track(client: Client, kind: str, stored: str, asked: str) -> bool:
    store(client, kind, stored)
    event = {kind: asked, "name": "seen", "time": TIME, "_update_existing_only": True}
    client.post("/users/track", {"events": [event]})
    return "custom_events" in client.profile("holder")


def found_in_the_request_that_stores_it(client: Client, kind: str, stored: str, asked: str) -> bool:
    by_address = {kind: asked, "first_name": "Ann", "_update_existing_only": True}
    client.post("/users/track", {"attributes": [{"external_id": "holder", kind: stored}, by_address]})
    return "first_name" in client.profile("holder")


def found_by_merge(client: Client, kind: str, stored: str, asked: str) -> bool:
    store(client, kind, stored)
    client.track(attributes=[{"external_id": "kept"}])
    orphan = named(kind, asked, IDENTIFIED)
    update = {"identifier_to_merge": orphan, "identifier_to_keep": {"external_id": "kept"}}
    (preview,) = client.post("/users/merge/preview", {"merge_updates": [update]}).json()["updates"]
    outcomes = client.merged([(orphan, "kept")])
    assert outcomes == [preview["outcome"]]
    assert outcomes[0] in {"merged", "orphan_not_found", "refused_identifier"}
    return outcomes == ["merged"]


def found_as_the_survivor_of_a_merge(client: Client, kind: str, stored: str, asked: str) -> bool:
    store(client, kind, stored)
    client.track(attributes=[{"external_id": "orphan"}])
    return client.merged([("orphan", named(kind, asked, IDENTIFIED))]) == ["merged"]


def found_by_identify(client: Client, kind: str, stored: str, asked: str) -> bool:
    alias = {"alias_label": "shop", "alias_name": "1"}
    client.track(attributes=[{"user_alias": alias, "_update_existing_only": False, kind: stored}])
    array = {"email": "emails_to_identify", "phone": "phone_numbers_to_identify"}[kind]
    client.post("/users/identify", {array: [{"external_id": "new", **named(kind, asked, UNIDENTIFIED)}]})
    return bool(client.export(external_ids=["new"]))


def found_by_export(client: Client, kind: str, stored: str, asked: str) -> bool:
    store(client, kind, stored)
    return bool(client.export(**{{"email": "email_address", "phone": "phone"}[kind]: asked}))


def found_by_delete(client: Client, kind: str, stored: str, asked: str) -> bool:
    store(client, kind, stored)
    array = {"email": "email_addresses", "phone": "phone_numbers"}[kind]
    assert client.post("/users/delete", {array: [named(kind, asked, IDENTIFIED)]}).status_code == 201
    return not client.export(external_ids=["holder"])


def found_by_duplicates(client: Client, kind: str, stored: str, asked: str) -> bool:
    store(client, kind, stored)
    client.post("/users/track", {"attributes": [{"external_id": "other", kind: asked}]})
    preview = client.get("/duplicates/preview", identifier=kind).json()
    return bool(preview["counts"]["groups"])


def found_by_segment(client: Client, kind: str, stored: str, asked: str) -> bool:
    store(client, kind, stored)
    leaf = {"attribute": {"name": kind, "comparison": "equals", "value": asked}}
    response = client.post("/segments/query", {"filter": {"AND": [{"OR": [leaf]}]}})
    assert response.status_code == 200, response.text
    return bool(response.json()["profiles"])


def found_in_searches(client: Client, kind: str, stored: str, asked: str) -> bool:
    client.track(attributes=[{"external_id": "kept"}, {"external_id": "holder", kind: stored}])
    client.merged([(named(kind, stored, IDENTIFIED), "kept")])
    jobs = client.get("/merge/jobs", identifier=asked).json()["jobs"]
    audited = client.get("/audit", identifier=asked).json()["entries"]
    assert bool(audited) is (bool(jobs) and jobs[0]["outcome"] == "merged")
    return bool(jobs)


#: The families of endpoints that find a profile by an address.
LOOKUPS: list[Check] = [
    found_by_track,
    found_in_the_request_that_stores_it,
    found_by_merge,
    found_as_the_survivor_of_a_merge,
    found_by_identify,
    found_by_export,
    found_by_delete,
    found_by_duplicates,
    found_by_segment,
]


@pytest.mark.parametrize(("kind", "stored", "asked", "same"), PAIRS)
@pytest.mark.parametrize("found", [*LOOKUPS, found_in_searches], ids=lambda check: check.__name__)
def test_each_endpoint_compares_addresses_by_the_same_rule(
    client: Client, found: Check, kind: str, stored: str, asked: str, same: bool
) -> None:
    assert found(client, kind, stored, asked) is same


@pytest.mark.parametrize("number", NAMELESS)
@pytest.mark.parametrize("found", LOOKUPS, ids=lambda check: check.__name__)
def test_no_endpoint_finds_a_profile_by_a_number_without_e164_form(client: Client, found: Check, number: str) -> None:
    assert found(client, "phone", number, number) is False
