"""The actions of the console on the queue, duplicates, webhooks, the audit and the sign-in.

They have the form of those in tests/support/console_actions.py.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from playwright.sync_api import expect

from tests.support.console_actions import accepted, people
from tests.support.console_walk import Walk

Json = dict[str, Any]


def webhook(walk: Walk, *, enabled: bool = True) -> str:
    """Return the id of a webhook whose receiver is not reachable."""
    made = walk.send("POST", "/webhooks", {"url": "https://8.8.8.8/hook", "description": walk.new_name()})
    webhook_id: str = made["webhook_id"]
    if not enabled:
        walk.send("PATCH", f"/webhooks/{webhook_id}", {"enabled": False})
    return webhook_id


def exclusion(walk: Walk) -> str:
    """Exclude a pair of two new profiles from duplicates; return the id of the exclusion."""
    pair = [{"external_id": name} for name in people(walk)]
    found = walk.send("POST", "/duplicates/exclusions", {"exclusions": [{"profiles": pair}]})
    exclusion_id: str = found["exclusions"][0]["exclusion_id"]
    return exclusion_id


def duplicates(walk: Walk) -> None:
    """Create two profiles with the same email address, and cancel duplicate runs."""
    address = f"{walk.new_name()}@example.com"
    # In two requests: with equal update times neither profile would be chosen as the survivor.
    for _ in range(2):
        walk.client.track(attributes=[{"external_id": walk.new_name(), "email": address}])
    for each in walk.client.get("/duplicates/runs").json()["runs"]:
        if each["state"] == "running":
            walk.client.post(f"/duplicates/runs/{each['run_id']}/cancel", None)


def filter_audit(walk: Walk) -> None:
    walk.open("/audit")
    walk.choose("Action", "Delete")
    walk.press("Filter")
    expect(walk.page).to_have_url(re.compile("action=delete"))


def export_audit(walk: Walk) -> None:
    accepted(walk)
    walk.open("/audit")
    with walk.page.expect_download() as download:
        walk.press("CSV")
    assert download.value.suggested_filename.endswith(".csv")


def exclude(walk: Walk) -> None:
    one, other = people(walk)
    walk.open("/duplicates/exclusions")
    walk.choose("One profile, by", "external_id")
    walk.fill("One profile", one)
    walk.choose("The other profile, by", "external_id")
    walk.fill("The other profile", other)
    walk.fill(re.compile("^Reason"), "Twins")
    walk.press("Record")
    walk.sees("Twins")


def delete_exclusion(walk: Walk) -> None:
    exclusion(walk)
    walk.open("/duplicates/exclusions")
    walk.press_and_confirm("Delete")
    expect(walk.main.get_by_role("heading", level=1)).to_have_text("Pairs that are not a match")


def plan_duplicates(walk: Walk) -> None:
    duplicates(walk)
    walk.open("/duplicates")
    walk.press(re.compile("^Plan the merges"))
    walk.confirm(re.compile("^Plan"))
    expect(walk.page).to_have_url(re.compile("/console/plans/"))


def change_policy(walk: Walk) -> None:
    walk.open("/duplicates/policy")
    walk.check("Phone number")
    walk.press("Save")
    walk.sees("Same phone number")
    walk.send("PUT", "/duplicates/policy", {"identifier": "email"})


def start_duplicate_run(walk: Walk) -> None:
    duplicates(walk)
    walk.open("/duplicates")
    walk.press_and_confirm("Merge")
    walk.sees("Search for duplicates")


def cancel_duplicate_run(walk: Walk) -> None:
    duplicates(walk)
    walk.system.relay.freeze()
    try:
        run_id = walk.send("POST", "/duplicates/runs")["run_id"]
        walk.open(f"/duplicates/runs/{run_id}")
        walk.press_and_confirm("Cancel")
        walk.sees("Cancelled")
    finally:
        walk.system.relay.thaw()


def cancel_waiting(walk: Walk) -> None:
    accepted(walk, waiting=True)
    walk.open("/queue")
    walk.press_and_confirm("Cancel")
    expect(walk.page.get_by_role("status").filter(has_text="No worker begins one of these jobs")).to_be_visible()


def change_limit(walk: Walk) -> None:
    walk.open("/queue")
    walk.fill("Jobs that begin in a minute, at most", "6000")
    walk.press("Change the limit")
    walk.confirm("Set the limit")
    walk.sees("6,000 in a minute")
    walk.send("PUT", "/merge/queue", {"merges_per_minute_limit": None})


def pause(walk: Walk) -> None:
    walk.send("PUT", "/merge/queue", {"state": "running"})
    walk.open("/queue")
    walk.press_and_confirm("Pause")
    walk.sees("Paused at")


def resume(walk: Walk) -> None:
    walk.send("PUT", "/merge/queue", {"state": "paused"})
    walk.open("/queue")
    walk.press_and_confirm("Resume")
    expect(walk.main.get_by_role("link", name=re.compile("^Pause"))).to_be_visible()


def search(walk: Walk) -> None:
    (name,) = people(walk, 1)
    walk.open("")
    walk.fill("Search for a profile, a job or a batch", name, within=walk.page.get_by_role("search"))
    walk.press("Search", within=walk.page.get_by_role("search"))
    walk.sees(f"Results for {name}")


def sign_out(walk: Walk) -> None:
    context = walk.page.context
    (signed_in,) = context.cookies()
    context.clear_cookies()
    walk.open("/sign-in")
    walk.fill("API key", walk.client.key)
    walk.press("Sign in")
    walk.sees("Overview")
    walk.press("Sign out", within=walk.page.get_by_role("banner"))
    walk.sees("Sign in")
    context.add_cookies([signed_in])


def create_webhook(walk: Walk) -> None:
    walk.open("/webhooks/new")
    walk.fill("URL", "https://8.8.8.8/hook")
    walk.press("Create")
    walk.sees("The webhook is created")


def change_webhook(walk: Walk) -> None:
    walk.open(f"/webhooks/{webhook(walk)}")
    walk.press("Change", "link")
    walk.fill(re.compile("^Description"), "The warehouse")
    walk.press("Change")
    walk.sees("The warehouse")


def delete_webhook(walk: Walk) -> None:
    webhook_id = webhook(walk)
    walk.open(f"/webhooks/{webhook_id}")
    walk.press_and_confirm("Delete")
    expect(walk.main.get_by_role("heading", level=1)).to_have_text("Webhooks")
    assert walk.client.get(f"/webhooks/{webhook_id}").status_code == 404


def disable_webhook(walk: Walk) -> None:
    walk.open(f"/webhooks/{webhook(walk)}")
    walk.press_and_confirm("Disable")
    expect(walk.main.get_by_role("link", name=re.compile("^Enable"))).to_be_visible()


def enable_webhook(walk: Walk) -> None:
    walk.open(f"/webhooks/{webhook(walk, enabled=False)}")
    walk.press_and_confirm("Enable")
    expect(walk.main.get_by_role("link", name=re.compile("^Disable"))).to_be_visible()


def retry_notice(walk: Walk) -> None:
    webhook_id = webhook(walk)
    notice = walk.send("POST", f"/webhooks/{webhook_id}/test")
    walk.send("PATCH", f"/webhooks/{webhook_id}", {"enabled": False})
    walk.execute(
        "UPDATE webhook_delivery SET state = 'dead', ended_at = now(), last_error = 'The host refused the connection.',"
        " lease_id = NULL WHERE id = %s",
        notice["notice_id"],
    )
    walk.open(f"/webhooks/{webhook_id}")
    walk.press(re.compile("^Retry"))
    walk.confirm(re.compile("^Retry"))
    walk.sees("Waiting")


def rotate_secret(walk: Walk) -> None:
    walk.open(f"/webhooks/{webhook(walk)}")
    walk.press_and_confirm("Rotate")
    walk.sees("The webhook has a new secret")


def send_test(walk: Walk) -> None:
    walk.open(f"/webhooks/{webhook(walk)}")
    walk.press("Send a test")
    walk.confirm("Send a test")
    walk.sees("webhook.test")


#: URL rule of the form → action.
SETTINGS: Mapping[str, Callable[[Walk], None]] = {
    "/console/audit": filter_audit,
    "/console/audit/export": export_audit,
    "/console/duplicates/exclusions": exclude,
    "/console/duplicates/exclusions/<uuid:exclusion_id>/delete": delete_exclusion,
    "/console/duplicates/plan": plan_duplicates,
    "/console/duplicates/policy": change_policy,
    "/console/duplicates/run": start_duplicate_run,
    "/console/duplicates/runs/<uuid:run_id>/cancel": cancel_duplicate_run,
    "/console/queue/cancel": cancel_waiting,
    "/console/queue/limit": change_limit,
    "/console/queue/pause": pause,
    "/console/queue/resume": resume,
    "/console/search": search,
    "/console/sign-out": sign_out,
    "/console/webhooks": create_webhook,
    "/console/webhooks/<uuid:webhook_id>/change": change_webhook,
    "/console/webhooks/<uuid:webhook_id>/delete": delete_webhook,
    "/console/webhooks/<uuid:webhook_id>/disable": disable_webhook,
    "/console/webhooks/<uuid:webhook_id>/enable": enable_webhook,
    "/console/webhooks/<uuid:webhook_id>/notices/<uuid:notice_id>/retry": retry_notice,
    "/console/webhooks/<uuid:webhook_id>/rotate": rotate_secret,
    "/console/webhooks/<uuid:webhook_id>/test": send_test,
}
