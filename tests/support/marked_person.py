"""A profile with a marker in all its texts, so that a test finds the remains of an erased person."""

from tests.support.flask_caller import Caller
from tests.support.profiles import NOON, Json, track

MARKER = "Q7trace"
"""Part of every text of the person, and of no other data."""
DIGITS = "4155550199"
"""Part of the person's phone number."""
PHONE = f"+1{DIGITS}"


def mark(text: str) -> str:
    """Return *text* with the marker."""
    return f"{text}-{MARKER}"


def alias(name: str, label: str = "shop") -> Json:
    return {"alias_label": label, "alias_name": name}


def live(caller: Caller, name: str) -> None:
    """Track a value of every kind for the marked external_id *name*; all texts contain the marker."""
    me = {"external_id": mark(name)}
    track(
        caller,
        attributes=[
            {
                **me,
                "first_name": mark("Jane"),
                "last_name": mark("Doe"),
                "home_city": mark("Oslo"),
                "email": f"{mark(name)}@x.org",
                "phone": PHONE,
                "gender": "F",
                "dob": "1980-12-21",
                "country": "NO",
                "facebook": {"id": mark("f"), "likes": [mark("l")]},
                "twitter": {"id": 1, "screen_name": mark("t")},
                "current_location": {"longitude": 10.75, "latitude": 59.91},
                "push_tokens": [{"app_id": mark("app"), "token": mark("token"), "device_id": mark("device")}],
                "devices": [{"device_id": mark("device"), "model": mark("model"), "os": mark("os")}],
                "subscription_groups": [{"subscription_group_id": mark("g"), "subscription_state": "subscribed"}],
                "plan": mark("gold"),
                mark("attribute"): [mark("element")],
                "nested": {mark("key"): {"deep": mark("value")}},
            }
        ],
        events=[{**me, "name": mark("login"), "time": NOON, "app_id": mark("app"), "properties": {"a": mark("b")}}],
        purchases=[
            {**me, "product_id": mark("hat"), "currency": "USD", "price": 12.5, "time": NOON, "app_id": mark("app")}
            | {"properties": {mark("size"): mark("L")}}
        ],
        sessions=[{**me, "app_id": mark("app"), "started_at": NOON, "ended_at": NOON}],
        engagements=[
            {**me, "kind": "campaign", "id": mark("c"), "name": mark("Spring"), "event": "opened", "time": NOON},
            {**me, "kind": "canvas", "id": mark("v"), "name": mark("Tour"), "event": "entered", "time": NOON},
        ],
    )
    own = [{**me, **alias(mark(name))}, {**me, **alias(mark("app"), mark("label") + name)}]
    caller.post("/users/alias/new", {"user_aliases": own})
