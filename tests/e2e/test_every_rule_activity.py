"""The bullets of the vendor's two lists of merged fields about the activity of a person, tested through HTTP."""

# The lists are in the English pages on /users/merge (M) and /users/identify (I). Each test checks one bullet. The other
# bullets are in test_every_rule_person.py and test_every_rule_messaging.py.
#
#   M, I  Session count (the sum of both)                     test_session_count_is_the_sum_of_both
#   M, I  Date of first session (the earlier of both)         test_date_of_first_session_is_the_earlier
#   M, I  Date of last session (the later of both)            test_date_of_last_session_is_the_later
#   M, I  Custom event and purchase event data                test_custom_event_and_purchase_event_data
#   M, I  Custom event and purchase properties for "X times   test_custom_event_properties_for_x_times_in_y_days
#         in Y days" (X <= 50, Y <= 30)                       test_purchase_properties_for_x_times_in_y_days
#   M, I  Segmentable custom event summary:
#         - number of events (the sum of both)                test_number_of_events_is_the_sum_of_both
#         - first occurrence (the earlier of both)            test_first_occurrence_of_an_event_is_the_earlier
#         - last occurrence (the later of both)               test_last_occurrence_of_an_event_is_the_later
#   M, I  Total of in-app purchases in cents (the sum)        test_total_of_purchases_in_cents_is_the_sum_of_both
#   M, I  Total number of purchases (the sum)                 test_number_of_purchases_is_the_sum_of_both
#   M, I  Date of first purchase (the earlier of both)        test_date_of_first_purchase_is_the_earlier
#   M, I  Date of last purchase (the later of both)           test_date_of_last_purchase_is_the_later
#   M, I  App summaries                                       test_app_summaries
#   I     Number of purchase and custom events, and their     test_counts_and_times_of_purchases_and_events
#         first and last times
#   M, I  ... which update the "X events in Y days" filters:  test_x_events_in_y_days
#         - number of purchases in Y days                     test_number_of_purchases_in_y_days
#         - money spent in the last Y days                    test_money_spent_in_the_last_y_days
#   M     Session data, only if the app is on both profiles   test_session_data_of_an_app_that_both_have
#   I     Session data if the app is on both; an app summary  test_an_app_that_only_the_orphan_has
#         of the origin alone is on the target afterwards

from typing import Any

from tests.support.client import Client
from tests.support.pairs import (
    AUTUMN,
    MAY,
    SPRING,
    SUMMER,
    Json,
    Merged,
    ago,
    event,
    merge_pair,
    names,
    purchase,
    session,
)


def of_sessions(client: Client, *, orphan: list[Json], survivor: list[Json]) -> Merged:
    """Return a merged pair whose profiles had these sessions."""
    return merge_pair(client, orphan={"sessions": orphan}, survivor={"sessions": survivor})


def test_session_count_is_the_sum_of_both(client: Client) -> None:
    merged = of_sessions(
        client,
        orphan=[session("web", SPRING), session("web", SUMMER), session("ios", MAY)],
        survivor=[session("web", MAY), session("web", AUTUMN)],
    )

    assert merged.before["session_count"] == 2
    assert merged.survivor["session_count"] == 5
    assert merged.change("session_count") == (2, 5, "add")


def test_date_of_first_session_is_the_earlier(client: Client) -> None:
    merged = of_sessions(client, orphan=[session("web", SPRING)], survivor=[session("web", MAY)])

    assert merged.before["first_session"] == MAY
    assert merged.survivor["first_session"] == SPRING
    assert merged.change("first_session") == (MAY, SPRING, "earliest")


def test_date_of_last_session_is_the_later(client: Client) -> None:
    merged = of_sessions(client, orphan=[session("web", AUTUMN)], survivor=[session("web", MAY)])

    assert merged.before["last_session"] == MAY
    assert merged.survivor["last_session"] == AUTUMN
    assert merged.change("last_session") == (MAY, AUTUMN, "latest")


def bought(product_id: str) -> Json:
    """Return the members of a purchase in a history that `purchase` sets."""
    return {"product_id": product_id, "currency": "USD", "price": 1.0}


def test_custom_event_and_purchase_event_data(client: Client) -> None:
    merged = merge_pair(
        client,
        orphan={
            "events": [event("login", MAY, app_id="web", properties={"plan": "pro"}), event("search", MAY)],
            "purchases": [purchase("hat", MAY, app_id="web", properties={"size": 4})],
        },
        survivor={"events": [event("login", SPRING)], "purchases": [purchase("coat", SPRING)]},
    )

    assert names(merged.before, "custom_events") == ["login"]
    assert names(merged.survivor, "custom_events") == ["login", "search"]
    assert merged.entry("custom_events", "search") == {"name": "search", "first": MAY, "last": MAY, "count": 1}
    assert names(merged.survivor, "purchases") == ["coat", "hat"]
    assert merged.entry("purchases", "hat") == {"name": "hat", "first": MAY, "last": MAY, "count": 1}
    assert merged.history() == [
        {"kind": "event", "time": MAY, "name": "search", "app_id": None, "properties": None},
        {"kind": "event", "time": MAY, "name": "login", "app_id": "web", "properties": {"plan": "pro"}},
        {"kind": "purchase", "time": MAY, **bought("hat"), "app_id": "web", "properties": {"size": 4}},
        {"kind": "event", "time": SPRING, "name": "login", "app_id": None, "properties": None},
        {"kind": "purchase", "time": SPRING, **bought("coat"), "app_id": None, "properties": None},
    ]
    assert merged.origins() == ["orphan"] * 3 + ["survivor"] * 2


def test_custom_event_properties_for_x_times_in_y_days(client: Client) -> None:
    blue: Json = {"properties": {"colour": "blue", "size": 4}}
    merged = merge_pair(
        client,
        orphan={"events": [event("look", ago(days=29), **blue), *[event("look", ago(days=2), **blue)] * 48]},
        survivor={
            "events": [event("look", ago(days=2), **blue), event("look", ago(days=1), properties={"colour": "red"})]
        },
    )

    assert merged.activity(event="look", days=30)["count"] == 51
    assert merged.activity(event="look", days=30, property="colour", value="blue")["count"] == 50
    assert merged.activity(event="look", days=7, property="colour", value="blue")["count"] == 49
    assert merged.activity(event="look", days=30, property="colour", value="red")["count"] == 1
    assert merged.activity(event="look", days=30, property="size", value="4")["count"] == 50


def test_purchase_properties_for_x_times_in_y_days(client: Client) -> None:
    felt: Json = {"properties": {"stuff": "felt"}}
    merged = merge_pair(
        client,
        orphan={"purchases": [purchase("hat", ago(days=20), **felt), purchase("hat", ago(days=3), **felt)]},
        survivor={"purchases": [purchase("hat", ago(days=3), **felt), purchase("hat", ago(days=3))]},
    )

    assert merged.activity(product_id="hat", days=30, property="stuff", value="felt")["count"] == 3
    assert merged.activity(product_id="hat", days=7, property="stuff", value="felt")["count"] == 2
    assert merged.activity(product_id="hat", days=7)["count"] == 3


def of_logins(client: Client, *, orphans: list[str], survivors: list[str]) -> Merged:
    """Return a merged pair whose profiles logged in at these times."""
    return merge_pair(
        client,
        orphan={"events": [event("login", moment) for moment in orphans]},
        survivor={"events": [event("login", moment) for moment in survivors]},
    )


def test_number_of_events_is_the_sum_of_both(client: Client) -> None:
    merged = of_logins(client, orphans=[MAY, MAY, SUMMER], survivors=[SPRING, AUTUMN])

    assert merged.entry("custom_events", "login")["count"] == 5
    assert merged.changes == [{"field": "custom_events.login.count", "before": 2, "after": 5, "rule": "add"}]


def test_first_occurrence_of_an_event_is_the_earlier(client: Client) -> None:
    merged = of_logins(client, orphans=[SPRING], survivors=[MAY])

    assert merged.entry("custom_events", "login")["first"] == SPRING
    assert merged.change("custom_events.login.first") == (MAY, SPRING, "earliest")


def test_last_occurrence_of_an_event_is_the_later(client: Client) -> None:
    merged = of_logins(client, orphans=[AUTUMN], survivors=[MAY])

    assert merged.entry("custom_events", "login")["last"] == AUTUMN
    assert merged.change("custom_events.login.last") == (MAY, AUTUMN, "latest")


def of_purchases(client: Client, *, orphans: list[Json], survivors: list[Json]) -> Merged:
    """Return a merged pair whose profiles made these purchases."""
    return merge_pair(client, orphan={"purchases": orphans}, survivor={"purchases": survivors})


def test_total_of_purchases_in_cents_is_the_sum_of_both(client: Client) -> None:
    merged = of_purchases(
        client,
        orphans=[purchase("hat", MAY, 0.1), purchase("hat", MAY, 0.2), purchase("hat", MAY, -0.05)],
        survivors=[purchase("coat", MAY, 33.33, quantity=3)],
    )

    assert merged.before["total_revenue"] == 99.99
    assert merged.survivor["total_revenue"] == 100.24
    assert merged.change("total_revenue") == (99.99, 100.24, "add")


def test_number_of_purchases_is_the_sum_of_both(client: Client) -> None:
    merged = of_purchases(
        client,
        orphans=[purchase("hat", MAY, quantity=4), purchase("coat", MAY)],
        survivors=[purchase("hat", MAY, quantity=2)],
    )

    assert merged.survivor["purchase_count"] == 7
    assert merged.change("purchase_count") == (2, 7, "add")
    assert merged.entry("purchases", "hat")["count"] == 6
    assert merged.change("purchases.hat.count") == (2, 6, "add")


def test_date_of_first_purchase_is_the_earlier(client: Client) -> None:
    merged = of_purchases(client, orphans=[purchase("hat", SPRING)], survivors=[purchase("hat", MAY)])

    assert merged.survivor["first_purchase"] == SPRING
    assert merged.change("first_purchase") == (MAY, SPRING, "earliest")
    assert merged.change("purchases.hat.first") == (MAY, SPRING, "earliest")


def test_date_of_last_purchase_is_the_later(client: Client) -> None:
    merged = of_purchases(client, orphans=[purchase("hat", AUTUMN)], survivors=[purchase("hat", MAY)])

    assert merged.survivor["last_purchase"] == AUTUMN
    assert merged.change("last_purchase") == (MAY, AUTUMN, "latest")
    assert merged.change("purchases.hat.last") == (MAY, AUTUMN, "latest")


def test_app_summaries(client: Client) -> None:
    merged = of_sessions(
        client,
        orphan=[session("ios", MAY, app_name="Shop", platform="iOS", app_version="1.1")],
        survivor=[session("web", SPRING, app_name="Site", platform="web")],
    )

    assert names(merged.survivor, "apps") == ["Shop", "Site"]
    shop = merged.entry("apps", "Shop")
    assert shop == {
        "name": "Shop",
        "app_id": "ios",
        "platform": "iOS",
        "version": "1.1",
        "sessions": 1,
        "first_used": MAY,
        "last_used": MAY,
    }
    assert merged.entry("apps", "Site")["sessions"] == 1


def test_counts_and_times_of_purchases_and_events(client: Client) -> None:
    merged = merge_pair(
        client,
        orphan={"events": [event("login", SPRING)] * 3, "purchases": [purchase("hat", AUTUMN, quantity=5)]},
        survivor={"events": [event("login", AUTUMN)] * 4, "purchases": [purchase("hat", SPRING, quantity=6)]},
    )

    assert merged.survivor["custom_events"] == [{"name": "login", "first": SPRING, "last": AUTUMN, "count": 7}]
    assert merged.survivor["purchases"] == [{"name": "hat", "first": SPRING, "last": AUTUMN, "count": 11}]


def in_days(merged: Merged, days: list[int], **query: Any) -> list[int]:
    """Return the survivor's count of an activity within each number of *days*."""
    return [merged.activity(days=each, **query)["count"] for each in days]


def test_x_events_in_y_days(client: Client) -> None:
    merged = of_logins(
        client,
        orphans=[ago(days=40), ago(days=20), ago(days=2), ago(days=2)],
        survivors=[ago(days=20), ago(hours=1)],
    )

    assert in_days(merged, [1, 3, 21, 30], event="login") == [1, 3, 5, 5]
    assert merged.entry("custom_events", "login")["count"] == 6
    assert merged.activity(event="never", days=30)["count"] == 0


def test_number_of_purchases_in_y_days(client: Client) -> None:
    merged = of_purchases(
        client,
        orphans=[
            purchase("hat", ago(days=40)),
            purchase("hat", ago(days=10), quantity=3),
            purchase("hat", ago(days=2)),
        ],
        survivors=[purchase("coat", ago(days=10)), purchase("hat", ago(days=2))],
    )

    assert in_days(merged, [3, 14, 30], purchases="") == [2, 6, 6]
    assert in_days(merged, [3, 14, 30], product_id="hat") == [2, 5, 5]


def test_money_spent_in_the_last_y_days(client: Client) -> None:
    merged = of_purchases(
        client,
        orphans=[purchase("hat", ago(days=40), 1000), purchase("hat", ago(days=10), 0.1, quantity=3)],
        survivors=[purchase("coat", ago(days=2), 12.34), purchase("coat", ago(days=1), -2.34)],
    )
    spent = [merged.activity(purchases="", days=days)["money_spent"] for days in (3, 14, 30)]

    assert spent == [10.0, 10.3, 10.3]
    assert merged.survivor["total_revenue"] == 1010.3


def test_session_data_of_an_app_that_both_have(client: Client) -> None:
    merged = of_sessions(
        client,
        orphan=[session("ABCApp", SPRING), session("ABCApp", SUMMER)],
        survivor=[session("ABCApp", MAY), session("web", MAY)],
    )
    app = merged.entry("apps", "ABCApp")

    assert (app["sessions"], app["first_used"], app["last_used"]) == (3, SPRING, SUMMER)
    assert merged.entry("apps", "web")["sessions"] == 1
    assert merged.change("apps.ABCApp.sessions") == (1, 3, "add")
    assert merged.change("apps.ABCApp.first_used") == (MAY, SPRING, "earliest")
    assert merged.change("apps.ABCApp.last_used") == (MAY, SUMMER, "latest")


def test_an_app_that_only_the_orphan_has(client: Client) -> None:
    merged = of_sessions(client, orphan=[session("ABCApp", SPRING), session("ABCApp", MAY)], survivor=[])
    app = merged.entry("apps", "ABCApp")

    assert "apps" not in merged.before
    assert (app["sessions"], app["first_used"], app["last_used"]) == (2, SPRING, MAY)
