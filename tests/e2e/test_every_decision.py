"""Rules of a merge that the vendor's documents leave open and docs/compatibility.md decides, tested through HTTP."""

import pytest

from tests.support.client import Client
from tests.support.pairs import (
    AUTUMN,
    MAY,
    SPRING,
    Json,
    Merged,
    arrays,
    event,
    job_with_changes,
    merge_pair,
    purchase,
    session,
)


def alias(label: str, name: str) -> Json:
    """Return an identifier by alias."""
    return {"user_alias": {"alias_label": label, "alias_name": name}}


def with_aliases(client: Client, external_id: str, **aliases: str) -> None:
    """Write a profile with *aliases*, label by label."""
    client.track(attributes=[{"external_id": external_id}])
    given = [{"external_id": external_id, "alias_label": label, "alias_name": name} for label, name in aliases.items()]

    assert client.post("/users/alias/new", {"user_aliases": given}).status_code == 201


def of_attributes(client: Client, *, orphan: Json, survivor: Json, name: str = "") -> Merged:
    """Return a merged pair that differs in attributes."""
    return merge_pair(client, orphan={"attributes": orphan}, survivor={"attributes": survivor}, name=name)


def test_aliases_move_unless_the_survivor_has_the_label(client: Client) -> None:
    with_aliases(client, "orphan", visitor="v-1", shop="s-1")
    with_aliases(client, "survivor", shop="s-2")
    outcomes = client.merged([("orphan", "survivor")])

    assert outcomes == ["merged"]
    assert client.profile("survivor")["user_aliases"] == [
        {"alias_name": "s-2", "alias_label": "shop"},
        {"alias_name": "v-1", "alias_label": "visitor"},
    ]
    assert client.export(user_aliases=[alias("shop", "s-1")["user_alias"]]) == []
    assert client.export(user_aliases=[alias("visitor", "v-1")["user_alias"]])[0]["external_id"] == "survivor"


def test_a_survivor_keeps_its_external_id_and_that_of_the_orphan_is_free(client: Client) -> None:
    merged = of_attributes(client, orphan={}, survivor={})
    client.track(events=[{"external_id": "orphan", **event("login", "2026-05-01T08:00:00Z")}])

    assert merged.survivor["external_id"] == "survivor"
    assert client.profile("orphan")["braze_id"] not in {merged.survivor["braze_id"], merged.job["orphan"]["braze_id"]}
    assert "custom_events" not in client.profile("survivor")


def test_a_survivor_without_an_external_id_gets_that_of_the_orphan(client: Client) -> None:
    client.track(attributes=[{"external_id": "orphan", "first_name": "Ada"}])
    client.post("/users/alias/new", {"user_aliases": [alias("visitor", "v-1")["user_alias"]]})
    batch = client.finished(client.merge([("orphan", alias("visitor", "v-1"))]))
    (job,) = batch["jobs"]
    changed = {each["field"]: each["after"] for each in job_with_changes(client, job["job_id"])["changes"]}

    assert job["outcome"] == "merged"
    assert client.profile("orphan")["user_aliases"] == [alias("visitor", "v-1")["user_alias"]]
    assert client.profile("orphan")["braze_id"] == job["survivor"]["braze_id"]
    assert changed == {"external_id": "orphan", "first_name": "Ada"}


def test_an_explicit_push_state_stays_and_a_default_is_replaced(client: Client) -> None:
    channel = "push_subscribe"
    kept = of_attributes(client, orphan={channel: "unsubscribed"}, survivor={channel: "opted_in"}, name="-1")
    taken = of_attributes(client, orphan={channel: "unsubscribed"}, survivor={}, name="-2")
    chosen = of_attributes(client, orphan={channel: "unsubscribed"}, survivor={channel: "subscribed"}, name="-3")

    assert kept.survivor[channel] == "opted_in"
    assert taken.before[channel] == "subscribed"
    assert taken.survivor[channel] == "unsubscribed"
    assert chosen.survivor[channel] == "subscribed"


@pytest.mark.parametrize("state", [{}, {"email_subscribe": "subscribed"}, {"email_subscribe": "opted_in"}])
def test_a_survivor_that_gets_an_address_gets_its_opt_out(client: Client, state: Json) -> None:
    orphan = {"email": "out@example.com", "email_subscribe": "unsubscribed", "email_open_tracking_disabled": True}
    merged = of_attributes(client, orphan=orphan, survivor={**state, "email_open_tracking_disabled": False})

    assert {name: merged.survivor[name] for name in orphan} == orphan


def test_the_consent_of_an_address_that_does_not_move_is_lost(client: Client) -> None:
    orphan = {"email": "in@example.com", "email_subscribe": "opted_in"}
    merged = of_attributes(client, orphan=orphan, survivor={"email": "i7@example.com"})

    assert (merged.survivor["email_subscribe"], merged.survivor.get("email_opted_in_at")) == ("subscribed", None)


def test_push_tokens_are_combined_by_app_and_token(client: Client) -> None:
    merged = of_attributes(
        client,
        orphan={"push_tokens": [{"app_id": "web", "token": "t-1"}, {"app_id": "ios", "token": "t-2"}]},
        survivor={"push_tokens": [{"app_id": "ios", "token": "t-1", "device_id": "phone-1"}]},
    )

    assert merged.survivor["push_tokens"] == [
        {"app": "ios", "token": "t-1", "device_id": "phone-1"},
        {"app": "ios", "token": "t-2"},
        {"app": "web", "token": "t-1"},
    ]


def test_subscription_groups_are_combined_group_by_group_and_an_opt_out_wins(client: Client) -> None:
    merged = of_attributes(client, orphan=groups(g1="unsubscribed", g2="subscribed"), survivor=groups(g1="subscribed"))

    assert merged.survivor["subscription_groups"] == groups(g1="unsubscribed", g2="subscribed")["subscription_groups"]


def groups(**states: str) -> Json:
    """Return the attribute that sets these states in these subscription groups."""
    listed = [{"subscription_group_id": group, "subscription_state": state} for group, state in states.items()]
    return {"subscription_groups": listed}


def test_the_survivors_first_and_last_dates_stay_if_they_are_outermost(client: Client) -> None:
    inner: Json = {"sessions": [session("web", MAY)], "purchases": [purchase("hat", MAY)], "events": [event("a", MAY)]}
    outer: Json = {
        "sessions": [session("web", SPRING), session("web", AUTUMN)],
        "purchases": [purchase("hat", SPRING), purchase("hat", AUTUMN)],
        "events": [event("a", SPRING), event("a", AUTUMN)],
    }
    merged = merge_pair(client, orphan=inner, survivor=outer)

    assert not any(each["rule"] in {"earliest", "latest"} for each in merged.changes)


def test_a_survivor_keeps_its_creation_date_and_random_bucket(client: Client) -> None:
    merged = of_attributes(client, orphan={}, survivor={})

    assert merged.survivor["created_at"] == merged.before["created_at"]
    assert merged.survivor["random_bucket"] == merged.before["random_bucket"]
    assert merged.survivor["updated_at"] > merged.before["updated_at"]


def test_a_survivor_becomes_a_test_user_when_the_orphan_is_one(client: Client) -> None:
    merged = of_attributes(client, orphan={"test_user": True}, survivor={"test_user": False})

    assert merged.survivor["test_user"] is True
    assert merged.change("test_user") == (False, True, "either")


@pytest.mark.parametrize(
    ("orphan", "survivor", "outcome"),
    [
        ({"control_group": True}, {}, "protected"),
        ({}, {"control_group": True}, "protected"),
        ({"marked_for_deletion_at": "2026-11-01T00:00:00Z"}, {}, "protected"),
        ({}, {"marked_for_deletion_at": "2026-11-01T00:00:00Z"}, "protected"),
        ({"phone": "12345"}, {"phone": "not a number"}, "invalid_phones"),
        ({"phone": "12345"}, {"phone": "+442079460958"}, "merged"),
        ({"phone": "12345"}, {}, "merged"),
    ],
)
def test_guards_are_checked_before_a_merge(client: Client, orphan: Json, survivor: Json, outcome: str) -> None:
    client.track(**arrays({"attributes": {"first_name": "Ada", **orphan}}, external_id="orphan"))
    client.track(**arrays({"attributes": survivor}, external_id="survivor"))
    before = client.export(external_ids=["orphan", "survivor"])
    outcomes = client.merged([("orphan", "survivor")])

    assert outcomes == [outcome]
    assert (client.export(external_ids=["orphan", "survivor"]) == before) is (outcome != "merged")


PLACEHOLDERS = ("", "null", " NULL ", "undefined", "0", "anonymous", "[object Object]", "NaN")


@pytest.mark.parametrize("kind", ["external_id", "user_alias", "email", "phone"])
def test_placeholders_are_refused_as_identifiers(client: Client, kind: str) -> None:
    def identifier(value: str) -> Json:
        more = {"prioritization": ["unidentified"]} if kind in {"email", "phone"} else {}
        return alias("visitor", value) if kind == "user_alias" else {kind: value, **more}

    as_orphans = [(identifier(value), "survivor") for value in PLACEHOLDERS]
    as_survivors = [("orphan", identifier(value)) for value in PLACEHOLDERS]

    assert set(client.merged([*as_orphans, *as_survivors])) == {"refused_identifier"}


def test_emails_are_compared_trimmed_in_lower_case_and_phones_as_e164(client: Client) -> None:
    client.track(attributes=[{"external_id": "a", "email": "Ada@Example.com"}, {"external_id": "b"}])
    client.track(attributes=[{"external_id": "c", "phone": "+44 (0)20 7946 0958"}])
    any_one = {"prioritization": ["identified"]}
    outcomes = client.merged(
        [({"email": " ADA@example.COM ", **any_one}, "b"), ({"phone": "+442079460958", **any_one}, "b")]
    )

    assert outcomes == ["merged", "merged"]


def test_aliases_are_compared_exactly(client: Client) -> None:
    client.post("/users/alias/new", {"user_aliases": [alias("visitor", "v-1")["user_alias"]]})
    client.track(attributes=[{"external_id": "survivor"}])

    assert client.merged([(alias("visitor", "V-1"), "survivor")]) == ["orphan_not_found"]
    assert client.merged([(alias("Visitor", "v-1"), "survivor")]) == ["orphan_not_found"]
    assert client.merged([(alias("visitor", "v-1"), "survivor")]) == ["merged"]
