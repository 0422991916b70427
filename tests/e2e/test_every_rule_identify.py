"""What /users/identify does to a profile that has the external_id already: the rules of merge, but for devices."""

from typing import Any

from tests.support import pairs
from tests.support.client import Client
from tests.support.pairs import AUTUMN, MAY, SPRING, Json, engagement, event, job_with_changes, purchase, session

DEVICE = {"device_id": "phone-1", "model": "Pixel 9"}
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
    """Return one of everything that may happen to a profile at *moment*."""
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
    """Write a profile with these attributes, to which something happened at these moments."""
    client.track(attributes=[{**who, "_update_existing_only": False, **attributes}])
    for moment in moments:
        client.track(**{array: [{**who, **each} for each in objects] for array, objects in history(moment).items()})


def alias(name: str) -> Json:
    """Return an identifier by alias."""
    return {"user_alias": {"alias_label": "visitor", "alias_name": name}}


def comparable(profile: Json, *, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return what two profiles with the same fate have in common."""
    own = {"external_id", "braze_id", "appboy_id", "random_bucket", "created_at", "updated_at", "user_aliases"}
    stamps = {"email_unsubscribed_at"}
    return {name: value for name, value in profile.items() if name not in {*own, *stamps, *without}}


def rows_of(client: Client, profile: Json) -> list[Json]:
    """Return the history of *profile*, without the braze_ids of origins."""
    return [
        {name: value for name, value in item.items() if name != "origin"}
        for item in pairs.history(client, profile["braze_id"], limit=100)
    ]


def test_identify_merges_by_the_rules_of_merge_but_leaves_devices_alone(client: Client) -> None:
    for way in ("merged", "identified"):
        write(client, {"external_id": way}, {"first_name": "Augusta", "plan": "free"}, MAY)
        write(client, alias(way), {**ATTRIBUTES, "devices": [DEVICE]}, SPRING, AUTUMN)
    merge = client.merge([(alias("merged"), "merged")])
    identify = client.post(
        "/users/identify", {"aliases_to_identify": [{"external_id": "identified", **alias("identified")}]}
    )
    jobs = [client.finished(batch_id)["jobs"][0] for batch_id in (merge, identify.json()["batch_id"])]
    merged, identified = (client.profile(way) for way in ("merged", "identified"))
    rules = [
        {each["field"]: each["rule"] for each in job_with_changes(client, job["job_id"])["changes"]} for job in jobs
    ]

    assert identify.status_code == 201
    assert identify.json()["aliases_processed"] == 1
    assert [(job["kind"], job["outcome"]) for job in jobs] == [("merge", "merged"), ("identify", "merged")]
    assert comparable(identified) == comparable(merged, without=("devices",))
    assert rows_of(client, identified) == rows_of(client, merged)
    assert len(rows_of(client, identified)) == 3 * (2 + 2 + 2 + 3)
    assert merged["devices"] == [DEVICE]
    assert "devices" not in identified
    assert rules[1] == {field: rule for field, rule in rules[0].items() if not field.startswith("devices")}
