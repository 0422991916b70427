"""A guest logs in: identify gives the profile an external_id, and the next request finds it."""

from rich.console import Console
from uuid_utils import uuid7

from demo import report
from demo.client import Client
from demo.errors import DemoError

MAY = "2026-05-01T08:00:00Z"


def log_in_guest(client: Client, console: Console) -> None:
    """Write a guest, identify it, track the new external_id at once, and check that all is one profile.

    Raises DemoError when the identification has another outcome, or its profile lacks an event.
    """
    external_id = f"member-{uuid7()}"
    alias = {"alias_label": "cart", "alias_name": external_id}
    guest = {"user_alias": alias}
    checkout = {**guest, "name": "checkout", "time": MAY}
    client.track({"attributes": [{**guest, "_update_existing_only": False}], "events": [checkout]})
    body = {"aliases_to_identify": [{"external_id": external_id, "user_alias": alias}]}
    (job,) = client.post("/users/identify", body)["batch"]["jobs"]
    client.track({"events": [{"external_id": external_id, "name": "login", "time": MAY}]})
    users = client.post("/users/export/ids", {"external_ids": [external_id]})["users"]
    events = sorted(event["name"] for user in users for event in user["custom_events"])
    report.print_heading(console, "A guest logs in: identify, then track at once")
    console.print(f"POST /users/identify responded with the outcome {job['outcome']}; the profile has {events}.")
    if (job["outcome"], events) != ("identified", ["checkout", "login"]):
        raise DemoError(f"The guest is not one profile with both events: {job}, {users}.")
