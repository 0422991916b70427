"""An anonymous user as on the vendor's page: a guest pays, a segment contains the guest, and the guest logs in."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.support.client import Client

Json = dict[str, Any]

SEEDS = Path(__file__).parents[1] / "contract" / "seeds"
#: The page's payload as printed, and with its key corrected to "purchases".
PRINTED: Json = orjson.loads((SEEDS / "anonymous_checkout.json").read_bytes())["request"]["body"]
MENDED: Json = orjson.loads((SEEDS / "anonymous_checkout_mended.json").read_bytes())["request"]["body"]
JACKET = {"name": "jacket", "first": "2025-01-05T18:20:30.000Z", "last": "2025-01-05T18:20:30.000Z", "count": 1}
ALIAS = {"alias_name": "Joedoe", "alias_label": "full_name"}
GUEST = {"user_alias": ALIAS, "_update_existing_only": False, "is_lead_profile": True, "email": "joe@example.com"}
NO_EXTERNAL_ID = {"external_id": {"comparison": "does_not_exist"}}
LEAD = {"custom_attribute": {"custom_attribute_name": "is_lead_profile", "comparison": "equals", "value": True}}


def segment(client: Client, *filters: Json) -> Json:
    """Return the profiles that match all *filters*, and their count."""
    response = client.post("/segments/query", {"filter": {"AND": list(filters)}})

    assert response.status_code == 200, response.text
    body: Json = response.json()
    assert body["count"] == len(body["profiles"])
    return body


def log_in(client: Client) -> str:
    """Identify the guest as "joe", and return the outcome."""
    response = client.post("/users/identify", {"aliases_to_identify": [{"external_id": "joe", "user_alias": ALIAS}]})

    assert response.status_code == 201, response.text
    assert (response.json()["aliases_processed"], response.json()["message"]) == (1, "success")
    (job,) = client.finished(response.json()["batch_id"])["jobs"]
    outcome: str = job["outcome"]
    return outcome


@pytest.mark.parametrize("account", [None, "joe"], ids=["who is new", "who has an account"])
def test_a_guest_checks_out_matches_the_segment_and_logs_in(client: Client, account: str | None) -> None:
    others = [{"external_id": "ann", "is_lead_profile": True}, {"email": "nobody@example.com"}]
    client.track(attributes=others)
    if account:
        hat = {"product_id": "hat", "currency": "USD", "price": 19.5, "time": "2025-02-01T12:00:00Z"}
        client.track(
            attributes=[{"external_id": account, "first_name": "Joe"}], purchases=[{"external_id": account, **hat}]
        )

    printed = client.post("/users/track", PRINTED)
    checked_out = client.track(attributes=[GUEST], **MENDED)
    (guest,) = segment(client, NO_EXTERNAL_ID, LEAD)["profiles"]

    assert printed.status_code == 400
    assert printed.json()["message"] == (
        "Valid data must be provided in the 'attributes', 'events', or 'purchases' fields."
    )
    assert checked_out == {"message": "success", "attributes_processed": 1, "purchases_processed": 1}
    assert "external_id" not in guest
    assert (guest["user_aliases"], guest["purchases"], guest["total_revenue"]) == ([ALIAS], [JACKET], 80.0)
    assert segment(client, NO_EXTERNAL_ID)["count"] == 2

    outcome = log_in(client)
    joe = client.profile("joe")

    assert outcome == ("merged" if account else "identified")
    assert joe["user_aliases"] == [ALIAS]
    assert JACKET in joe["purchases"]
    assert (joe["total_revenue"], joe["purchase_count"]) == ((99.5, 2) if account else (80.0, 1))
    assert (joe["email"], joe["custom_attributes"]) == ("joe@example.com", {"is_lead_profile": True})
    assert joe.get("first_name") == ("Joe" if account else None)
    assert joe["first_purchase"] == JACKET["first"]
    assert client.export(user_aliases=[ALIAS]) == [joe]

    assert segment(client, NO_EXTERNAL_ID, LEAD)["count"] == 0
    assert {each["external_id"] for each in segment(client, LEAD)["profiles"]} == {"ann", "joe"}
    assert segment(client, NO_EXTERNAL_ID)["profiles"][0]["email"] == "nobody@example.com"
