"""The bullets of the vendor's two lists of merged fields about messages to a person, tested through HTTP."""

# The lists are in the English pages on /users/merge (M) and /users/identify (I). Each test checks one bullet. The other
# bullets are in test_every_rule_person.py and test_every_rule_activity.py.
#
#   M, I  Last_X_at fields (updated if the orphan's are       test_last_x_at_fields_take_the_more_recent
#         more recent)
#   M     Campaign interaction data (the most recent dates)   test_campaign_interaction_data
#   I     Campaign summaries (the most recent dates)          test_campaign_summaries
#   M, I  Workflow summaries (the most recent dates); a       test_workflow_summaries
#         workflow is a Canvas
#   M, I  Message and message engagement history              test_message_and_message_engagement_history

from typing import Any

from tests.support.client import Client
from tests.support.pairs import AUTUMN, MAY, SPRING, SUMMER, Json, Merged, engagement, merge_pair, names

#: The members of an engagement in a history.
Engaged = tuple[Any, ...]


def of_engagements(client: Client, *, orphan: list[Json], survivor: list[Json]) -> Merged:
    """Return a merged pair whose profiles had these engagements."""
    return merge_pair(client, orphan={"engagements": orphan}, survivor={"engagements": survivor})


def test_last_x_at_fields_take_the_more_recent(client: Client) -> None:
    merged = of_engagements(
        client,
        orphan=[
            engagement("campaign", "sale", "received", AUTUMN),
            engagement("campaign", "sale", "opened", SPRING),
            engagement("canvas", "welcome", "clicked", MAY),
        ],
        survivor=[
            engagement("campaign", "news", "received", SUMMER),
            engagement("campaign", "news", "opened", SUMMER),
        ],
    )

    assert merged.survivor["last_interactions"] == {
        "last_received_at": AUTUMN,
        "last_opened_at": SUMMER,
        "last_clicked_at": MAY,
    }
    assert merged.change("last_interactions.last_received_at") == (SUMMER, AUTUMN, "latest")
    assert merged.change("last_interactions.last_clicked_at")[:2] == (None, MAY)
    assert "last_interactions.last_opened_at" not in {each["field"] for each in merged.changes}


def test_campaign_interaction_data(client: Client) -> None:
    merged = of_engagements(
        client,
        orphan=[
            engagement("campaign", "sale", "received", AUTUMN, variation_name="A", in_control=False),
            engagement("campaign", "sale", "opened_email", AUTUMN),
            engagement("campaign", "sale", "converted", AUTUMN),
            engagement("campaign", "news", "received", SPRING),
        ],
        survivor=[
            engagement("campaign", "sale", "received", MAY, variation_name="B"),
            engagement("campaign", "sale", "clicked_email", MAY),
        ],
    )
    sale = merged.entry("campaigns_received", "sale")

    assert sale["last_received"] == AUTUMN
    assert sale["engaged"] == {"opened_email": True, "clicked_email": True}
    assert sale["converted"] is True
    assert (sale["variation_name"], sale["in_control"]) == ("B", False)
    assert merged.entry("campaigns_received", "news")["last_received"] == SPRING
    assert merged.change("campaigns_received.sale.last_received") == (MAY, AUTUMN, "latest")
    assert merged.change("campaigns_received.sale.converted") == (None, True, "either")


def test_campaign_summaries(client: Client) -> None:
    merged = of_engagements(
        client,
        orphan=[engagement("campaign", "sale", "received", SPRING), engagement("campaign", "tips", "received", AUTUMN)],
        survivor=[engagement("campaign", "sale", "received", SUMMER)],
    )

    assert names(merged.before, "campaigns_received") == ["sale"]
    assert names(merged.survivor, "campaigns_received") == ["sale", "tips"]
    assert merged.entry("campaigns_received", "sale")["last_received"] == SUMMER
    assert not any(each["field"].startswith("campaigns_received.sale") for each in merged.changes)


def test_workflow_summaries(client: Client) -> None:
    merged = of_engagements(
        client,
        orphan=[
            engagement("canvas", "welcome", "entered", SPRING),
            engagement("canvas", "welcome", "received", SUMMER, step_id="step-1"),
            engagement("canvas", "welcome", "received", MAY, step_id="step-2"),
            engagement("canvas", "welcome", "exited", AUTUMN),
            engagement("canvas", "goodbye", "entered", MAY),
        ],
        survivor=[
            engagement("canvas", "welcome", "entered", MAY),
            engagement("canvas", "welcome", "received", MAY, step_id="step-1"),
        ],
    )
    welcome = merged.entry("canvases_received", "welcome")

    assert welcome["last_entered"] == MAY
    assert welcome["last_received_message"] == SUMMER
    assert welcome["last_exited"] == AUTUMN
    assert {step["api_canvas_step_id"]: step["last_received"] for step in welcome["steps_received"]} == {
        "step-1": SUMMER,
        "step-2": MAY,
    }
    assert merged.entry("canvases_received", "goodbye")["last_entered"] == MAY
    assert merged.change("canvases_received.welcome.last_received_message") == (MAY, SUMMER, "latest")
    assert merged.change("canvases_received.welcome.steps_received.step-1.last_received") == (MAY, SUMMER, "latest")


def test_message_and_message_engagement_history(client: Client) -> None:
    merged = of_engagements(
        client,
        orphan=[
            engagement("campaign", "sale", "received", SPRING, name="Summer sale"),
            engagement("campaign", "sale", "opened", MAY, properties={"device": "phone"}),
            engagement("canvas", "welcome", "received", SUMMER, step_id="step-1"),
            engagement("canvas", "welcome", "clicked", AUTUMN, properties={"link": "top"}),
        ],
        survivor=[engagement("campaign", "sale", "received", MAY), engagement("campaign", "news", "opened", MAY)],
    )

    assert [history_item(item) for item in merged.history()] == [
        (AUTUMN, "canvas", "welcome", "clicked", None, {"link": "top"}),
        (SUMMER, "canvas", "welcome", "received", None, {"step_id": "step-1"}),
        *sorted_by_writing(
            (MAY, "campaign", "sale", "opened", None, {"device": "phone"}),
            (MAY, "campaign", "sale", "received", None, None),
            (MAY, "campaign", "news", "opened", None, None),
        ),
        (SPRING, "campaign", "sale", "received", "Summer sale", None),
    ]
    assert merged.origins() == ["orphan", "orphan", "survivor", "survivor", "orphan", "orphan"]
    assert merged.history(kind="engagement") == merged.history()
    assert merged.entry("campaigns_received", "Summer sale")["engaged"] == {"opened": True}
    assert merged.entry("campaigns_received", "Summer sale")["last_received"] == MAY
    assert merged.entry("canvases_received", "welcome")["engaged"] == {"clicked": True}
    assert merged.survivor["last_interactions"] == {
        "last_received_at": SUMMER,
        "last_opened_at": MAY,
        "last_clicked_at": AUTUMN,
    }


def sorted_by_writing(*items: Engaged) -> list[Engaged]:
    """Return *items*, given in the order of writing, as a history lists items of one time: the newest row first."""
    return list(reversed(items))


def history_item(item: Json) -> Engaged:
    """Return the members of an engagement in a history, and assert that it has no others."""
    members = ("time", "message_kind", "message_id", "event", "name", "properties")

    assert item.keys() == {"kind", *members}
    assert item["kind"] == "engagement"
    return tuple(item[member] for member in members)
