from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.db.connections import Pool
from tests.support.flask_caller import Caller
from tests.support.postgres import make_database_url
from tests.support.profiles import Json, merge, the_profile, track

database_url = make_database_url(scope="module")


def ago(**span: float) -> str:
    """Return the time before now by a span, as exports write it."""
    moment = datetime.now(UTC) - timedelta(**span)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def activity(caller: Caller, external_id: str = "me", **query: Any) -> Json:
    """Return the activity of the profile with *external_id*."""
    braze_id = the_profile(caller, external_id)["braze_id"]
    response = caller.get(f"/profiles/{braze_id}/activity", **query)
    body: Json = response.json

    assert response.status_code == 200, body
    assert (body.pop("message"), body.pop("braze_id")) == ("success", braze_id)
    return body


def login(time: str, external_id: str = "me", **properties: Any) -> Json:
    return {"external_id": external_id, "name": "login", "time": time, "properties": properties}


def purchase(time: str, price: float, product_id: str = "hat", **more: Any) -> Json:
    return {
        "external_id": "me",
        "product_id": product_id,
        "currency": "USD",
        "price": price,
        "time": time,
        **more,
    }


def test_events_are_counted_within_the_days_to_the_hour(caller: Caller) -> None:
    first, last = ago(days=6.9), ago(hours=1)
    track(caller, events=[login(first), login(last), login(ago(days=7.1)), {**login(last), "name": "search"}])

    assert activity(caller, event="login", days=7) == {
        "event": "login",
        "days": 7,
        "count": 2,
        "first": first,
        "last": last,
    }
    assert activity(caller, event="login", days=30)["count"] == 3
    assert activity(caller, event="login", days=1)["count"] == 1


def test_an_event_that_never_happened_has_the_count_zero(caller: Caller) -> None:
    track(caller, attributes=[{"external_id": "me"}])

    assert activity(caller, event="login", days=7) == {
        "event": "login",
        "days": 7,
        "count": 0,
        "first": None,
        "last": None,
    }
    assert activity(caller, purchases="", days=7)["money_spent"] == 0.0


def test_events_are_counted_by_a_property(caller: Caller) -> None:
    track(
        caller,
        events=[
            login(ago(days=1), page="a", size=5, ok=True),
            login(ago(days=2), page="b", size=5.5, ok=False),
            login(ago(days=3)),
        ],
    )

    def times(name: str, value: str) -> int:
        count: int = activity(caller, event="login", days=7, property=name, value=value)["count"]
        return count

    assert [times("page", "a"), times("page", "c"), times("size", "5"), times("size", "5.5"), times("ok", "true")] == [
        1,
        0,
        1,
        1,
        1,
    ]


def test_purchases_are_counted_with_the_money_spent(caller: Caller) -> None:
    track(
        caller,
        purchases=[
            purchase(ago(days=1), 9.99, quantity=3),
            purchase(ago(days=2), -0.5),
            purchase(ago(days=3), 100, "coat", properties={"color": "red"}),
            purchase(ago(days=20), 1000),
        ],
    )
    hats = activity(caller, product_id="hat", days=7)
    everything = activity(caller, purchases="", days=7)
    red = activity(caller, purchases="", days=7, property="color", value="red")

    assert (hats["product_id"], hats["count"], hats["money_spent"]) == ("hat", 4, 29.47)
    assert (everything["count"], everything["money_spent"]) == (5, 129.47)
    assert (red["count"], red["property"], red["value"]) == (1, "color", "red")


def test_the_history_of_all_merged_profiles_is_counted(caller: Caller, pool: Pool) -> None:
    track(caller, events=[login(ago(days=number), name) for number, name in enumerate("abc", start=1)])
    merge(caller, pool, orphan="a", survivor="b")
    merge(caller, pool, orphan="b", survivor="c")
    track(caller, events=[login(ago(hours=1), "c")])

    assert activity(caller, "c", event="login", days=30)["count"] == 4
    assert activity(caller, "c", event="login", days=1)["count"] == 1
    assert activity(caller, "c", event="login", days=2)["count"] == 2


ONE_SUBJECT = "Exactly one of 'event', 'product_id' and 'purchases' is required."
WHOLE_DAYS = "'days' must be a whole number from 1 to 30."
BOTH_OR_NEITHER = "'property' and 'value' belong together: send both or neither."


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"days": 7}, ONE_SUBJECT),
        ({"event": "a", "purchases": "", "days": 7}, ONE_SUBJECT),
        ({"event": "a"}, WHOLE_DAYS),
        ({"event": "a", "days": 0}, WHOLE_DAYS),
        ({"event": "a", "days": 31}, WHOLE_DAYS),
        ({"event": "a", "days": "1.5"}, WHOLE_DAYS),
        ({"event": "a", "days": "²"}, WHOLE_DAYS),
        ({"event": "a", "days": "9" * 5000}, WHOLE_DAYS),
        ({"event": "a", "days": 7, "property": "p"}, BOTH_OR_NEITHER),
        ({"event": "a", "days": 7, "value": "v"}, BOTH_OR_NEITHER),
        ({"event": "a\x00", "days": 7}, "The query string may not contain the NUL character (U+0000)."),
    ],
)
def test_bad_queries_are_refused_with_a_sentence(caller: Caller, query: dict[str, Any], message: str) -> None:
    response = caller.get(f"/profiles/{'0' * 24}/activity", **query)

    assert response.status_code == 400
    assert response.json == {"message": message}
