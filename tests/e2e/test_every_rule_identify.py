"""/users/identify with the external_id of an existing profile merges by the rules of /users/merge."""

from typing import Any

from tests.support.client import Client
from tests.support.pairs import (
    AUTUMN,
    MAY,
    SPRING,
    Json,
    activity,
    ago,
    engagement,
    event,
    job_with_changes,
    named,
    names,
    purchase,
    session,
)

PHONE = {"device_id": "phone-1", "model": "Pixel 9"}
TABLET = {"device_id": "tablet-1", "model": "Tab 3"}
TOKENS = [{"app_id": "shop", "token": f"t-{device}", "device_id": device} for device in ("phone-1", "tablet-1")]
ATTRIBUTES: Json = {
    "first_name": "Ada",
    "last_name": "Lovelace",
    "email": "ada@example.com",
    "gender": "F",
    "dob": "1815-12-10",
    "phone": "+442079460958",
    "time_zone": "Europe/London",
    "home_city": "London",
    "country": "GB",
    "language": "en",
    "plan": "pro",
    "address": {"city": "London"},
    "test_user": True,
    "email_subscribe": "unsubscribed",
}


def history(moment: str) -> dict[str, list[Json]]:
    """Return one item of each kind of history at *moment*."""
    return {
        "events": [event("login", moment), event(f"only-{moment[:7]}", moment)],
        "purchases": [purchase("hat", moment, 9.99, quantity=2)],
        "sessions": [session("web", moment), session(f"app-{moment[:7]}", moment)],
        "engagements": [
            engagement("campaign", "sale", "received", moment),
            engagement("campaign", f"only-{moment[:7]}", "opened", moment),
            engagement("canvas", "welcome", "received", moment, step_id=f"step-{moment[:7]}"),
        ],
    }


def write(client: Client, who: Json, attributes: Json, *moments: str) -> None:
    """Write a profile with these attributes, and with one item of each kind of history at each of *moments*."""
    client.track(attributes=[{**who, "_update_existing_only": False, **attributes}])
    for moment in moments:
        client.track(**{array: [{**who, **each} for each in objects] for array, objects in history(moment).items()})


def alias(name: str) -> Json:
    """Return an identifier by alias."""
    return {"user_alias": {"alias_label": "visitor", "alias_name": name}}


def comparable(profile: Json, *, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the members that are equal on two profiles with the same history."""
    own = {"external_id", "braze_id", "appboy_id", "random_bucket", "created_at", "updated_at", "user_aliases"}
    stamps = {"email_opted_in_at", "email_unsubscribed_at"}
    return {name: value for name, value in profile.items() if name not in {*own, *stamps, *without}}


def with_tokens_of(way: str, attributes: Json) -> Json:
    """Return *attributes* with push tokens of *way* alone: a token belongs to the profile that reported it last."""
    tokens = [{**each, "token": f"{way}-{each['token']}"} for each in attributes.get("push_tokens", ())]
    return {**attributes, "push_tokens": tokens}


#: Other values of ATTRIBUTES, for the survivor.
OTHERS: Json = {
    "first_name": "Augusta",
    "last_name": "King",
    "email": "augusta@example.com",
    "gender": "O",
    "dob": "1816-01-01",
    "phone": "+442079460959",
    "time_zone": "UTC",
    "home_city": "Ockham",
    "country": "US",
    "language": "fr",
    "plan": "free",
    "address": {"city": "Ockham"},
    "test_user": False,
    "email_subscribe": "opted_in",
}


def merged_and_identified(client: Client, *, survivor: Json, orphan: Json) -> tuple[Json, Json, list[Json]]:
    """Write a pair twice; return the survivor of its merge, the survivor of its identify, and both jobs."""
    visited = ago(days=3)
    for way in ("merged", "identified"):
        write(client, {"external_id": way}, with_tokens_of(way, survivor), MAY)
        write(client, alias(way), with_tokens_of(way, orphan), SPRING, AUTUMN)
        client.track(events=[{**alias(way), **event("visit", visited)}])
    merge = client.merge([(alias("merged"), "merged")])
    identify = client.post(
        "/users/identify", {"aliases_to_identify": [{"external_id": "identified", **alias("identified")}]}
    )
    assert identify.status_code == 201
    assert identify.json()["aliases_processed"] == 1
    jobs = [client.finished(batch_id)["jobs"][0] for batch_id in (merge, identify.json()["batch_id"])]
    assert [(job["kind"], job["outcome"]) for job in jobs] == [("merge", "merged"), ("identify", "merged")]
    return client.profile("merged"), client.profile("identified"), jobs


def test_identify_merges_by_the_rules_of_merge(client: Client) -> None:
    survivor = {"first_name": "Augusta", "plan": "free"}
    merged, identified, jobs = merged_and_identified(
        client, survivor=survivor, orphan={**ATTRIBUTES, "devices": [PHONE]}
    )
    rules = [
        {each["field"]: each["rule"] for each in job_with_changes(client, job["job_id"])["changes"]} for job in jobs
    ]

    assert comparable(identified) == comparable(merged)
    assert identified["devices"] == [PHONE]
    assert rules[0] == rules[1]


def test_a_merge_of_two_full_profiles_loses_nothing(client: Client) -> None:
    merged, identified, _ = merged_and_identified(
        client,
        survivor={**OTHERS, "devices": [TABLET, {**PHONE, "model": "Pixel 10"}], "push_tokens": TOKENS[1:]},
        orphan={**ATTRIBUTES, "devices": [PHONE], "push_tokens": TOKENS[:1]},
    )
    stays = (
        "first_name",
        "last_name",
        "email",
        "gender",
        "dob",
        "phone",
        "time_zone",
        "home_city",
        "country",
        "language",
    )
    visits = activity(client, identified["braze_id"], days=5, event="visit")

    assert comparable(identified, without=("push_tokens",)) == comparable(merged, without=("push_tokens",))
    assert {name: identified[name] for name in stays} == {name: OTHERS[name] for name in stays}
    assert identified["custom_attributes"] == {"plan": "free", "address": {"city": "Ockham"}}
    assert (identified["test_user"], identified["email_subscribe"]) == (True, "opted_in")
    assert identified["devices"] == [{**PHONE, "model": "Pixel 10"}, TABLET]
    for each in (merged, identified):
        assert {token["device_id"] for token in each["push_tokens"]} == {"phone-1", "tablet-1"}
    assert (identified["session_count"], identified["first_session"], identified["last_session"]) == (6, SPRING, AUTUMN)
    assert named(identified, "custom_events", "login") == {"name": "login", "count": 3, "first": SPRING, "last": AUTUMN}
    assert names(identified, "custom_events") == ["login", "only-2026-03", "only-2026-05", "only-2026-10", "visit"]
    assert named(identified, "purchases", "hat") == {"name": "hat", "count": 6, "first": SPRING, "last": AUTUMN}
    assert (identified["purchase_count"], identified["total_revenue"]) == (6, 59.94)
    assert (identified["first_purchase"], identified["last_purchase"]) == (SPRING, AUTUMN)
    assert visits["count"] == 1
    assert {app["app_id"]: app["sessions"] for app in identified["apps"]} == {
        "web": 3,
        "app-2026-03": 1,
        "app-2026-05": 1,
        "app-2026-10": 1,
    }
    assert {each["api_campaign_id"]: each.get("last_received") for each in identified["campaigns_received"]} == {
        "sale": AUTUMN,
        "only-2026-03": None,
        "only-2026-05": None,
        "only-2026-10": None,
    }
    (welcome,) = identified["canvases_received"]
    assert welcome["last_received_message"] == AUTUMN
    assert len(welcome["steps_received"]) == 3
    assert identified["last_interactions"] == {"last_received_at": AUTUMN, "last_opened_at": AUTUMN}
