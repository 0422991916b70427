"""The console in a real Chromium, with the whole product behind it."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.support.chromium import Visit
from tests.support.client import Client
from tests.support.console import fill_in, preview, sign_in
from tests.support.processes import free_port
from tests.support.system import System
from tests.support.waiting import wait_until

HOSTILE = '"><img src=x onerror="document.title=\'owned\'"><script>document.title="owned"</script>'


def two_profiles(client: Client) -> None:
    """Make two profiles of one person."""
    client.track(attributes=[{"external_id": "ann-1", "first_name": "Ann", "plan": "pro"}])
    client.track(
        attributes=[{"external_id": "ann", "last_name": "Ash"}],
        events=[{"external_id": "ann-1", "name": "login", "time": "2026-03-01T08:00:00Z"}],
    )


def test_a_user_previews_merges_and_undoes_and_gets_both_profiles_back(
    start_system: Callable[..., System], visit: Visit
) -> None:
    system = start_system(workers=0)
    client = system.client
    two_profiles(client)
    before = client.profile("ann-1"), client.profile("ann")
    page = sign_in(visit(system.base_url), client.key)

    page.get_by_role("link", name="Merge", exact=True).click()
    fill_in(page, orphan="ann-1", survivor="ann")
    page.get_by_role("button", name="Preview").click()
    change = page.get_by_role("row").filter(has_text="first_name")

    expect(change).to_contain_text("Ann")
    expect(change).to_contain_text("fill")
    assert (client.profile("ann-1"), client.profile("ann")) == before

    page.get_by_role("button", name="Merge", exact=True).click()

    expect(page.get_by_role("heading", name="Batch")).to_be_visible()
    expect(page.get_by_role("progressbar")).to_have_attribute("aria-valuetext", "0 of 1 done")

    system.add_worker()

    expect(page.get_by_role("progressbar")).to_have_attribute("aria-valuetext", "1 of 1 done")

    page.get_by_role("table").get_by_role("link", name="Job 1").click()

    expect(page.get_by_role("row").filter(has_text="first_name")).to_contain_text("Ann")
    assert client.profile("ann")["first_name"] == "Ann"

    page.get_by_role("link", name="Undo").click()

    expect(page.get_by_role("heading", name="Undo 1 merge?")).to_be_visible()

    page.get_by_role("button", name="Undo").click()

    expect(page.get_by_role("progressbar")).to_have_attribute("aria-valuetext", "1 of 1 done")
    assert (client.profile("ann-1"), client.profile("ann")) == before
    for profile in before:
        page.goto(f"/console/profiles/{profile['braze_id']}")
        expect(page.get_by_role("heading", level=1)).to_contain_text(profile["external_id"])


def press(page: Page, *keys: str) -> None:
    """Press *keys* one after the other."""
    for key in keys:
        page.keyboard.press(key)


def tab_to(page: Page, role: str, name: str) -> None:
    """Press Tab until the focus is on an element of *role* called *name*."""
    element = page.get_by_role(role, name=name, exact=True).first
    for _ in range(60):
        page.keyboard.press("Tab")
        if element.evaluate("element => element === document.activeElement"):
            return
    pytest.fail(f"The {role} {name} cannot be reached by the keyboard.")


def test_a_user_signs_in_and_merges_by_keyboard_alone(system: System, visit: Visit) -> None:
    client = system.client
    two_profiles(client)
    page = visit(system.base_url).page
    page.goto("/console/merge")
    page.keyboard.type(client.key)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Merge", level=1)).to_be_visible()
    tab_to(page, "textbox", "Value")
    page.keyboard.type("ann-1")
    press(page, "Tab", "Tab")
    page.keyboard.type("ann")
    tab_to(page, "button", "Preview")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Preview")).to_be_focused()
    tab_to(page, "button", "Merge")
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="Batch")).to_be_visible()
    expect(page.get_by_role("progressbar")).to_have_attribute("aria-valuetext", "1 of 1 done")


def test_a_user_signs_in_merges_and_undoes_without_javascript(system: System, visit: Visit) -> None:
    client = system.client
    two_profiles(client)
    before = client.profile("ann-1"), client.profile("ann")
    page = sign_in(visit(system.base_url, javascript=False), client.key)
    preview(page, orphan="ann-1", survivor="ann")
    page.get_by_role("button", name="Merge", exact=True).click()
    client.finished(page.url.rpartition("/")[2])
    page.reload()
    page.get_by_role("table").get_by_role("link", name="Job 1").click()
    page.get_by_role("link", name="Undo").click()
    page.get_by_role("button", name="Undo").click()
    client.finished(page.url.rpartition("/")[2])

    assert (client.profile("ann-1"), client.profile("ann")) == before


def test_a_double_click_merges_once(system: System, visit: Visit) -> None:
    client = system.client
    two_profiles(client)
    page = sign_in(visit(system.base_url), client.key)
    preview(page, orphan="ann-1", survivor="ann")
    page.get_by_role("button", name="Merge", exact=True).dblclick()

    expect(page.get_by_role("heading", name="Batch")).to_be_visible()
    assert len(client.get("/merge/batches").json()["batches"]) == 1


def test_hostile_names_are_displayed_as_text_and_run_no_script(system: System, visit: Visit) -> None:
    client = system.client
    client.track(attributes=[{"external_id": HOSTILE, "first_name": HOSTILE, HOSTILE: HOSTILE}])
    client.track(attributes=[{"external_id": "ann", "last_name": HOSTILE}])
    page = sign_in(visit(system.base_url), client.key)
    preview(page, orphan=HOSTILE, survivor="ann")

    expect(page.get_by_role("row").filter(has_text="first_name")).to_contain_text(HOSTILE)

    batch = client.finished(client.merge([(HOSTILE, "ann")]))
    (job,) = batch["jobs"]
    kept = job["survivor"]["braze_id"]
    for path in (f"batches/{batch['batch_id']}", f"jobs/{job['job_id']}", f"profiles/{kept}", "jobs"):
        page.goto(f"/console/{path}")
        expect(page.get_by_role("main")).to_contain_text("onerror=")
        assert page.title() != "owned"


def test_a_form_of_another_site_merges_nothing(system: System, visit: Visit) -> None:
    client = system.client
    two_profiles(client)
    visitor = visit(system.base_url)
    page = sign_in(visitor, client.key)
    elsewhere = f"http://127.0.0.1:{free_port()}"
    fields = "".join(
        f'<input name="{role}.{name}" value="{value}">'
        for role, external_id in (("identifier_to_merge", "ann-1"), ("identifier_to_keep", "ann"))
        for name, value in (("kind", "external_id"), ("value", external_id))
    )
    form = f'<form method="post" action="{system.base_url}/console/merge">{fields}<button>Win a prize</button></form>'
    page.route(f"{elsewhere}/**", lambda route: route.fulfill(body=form, content_type="text/html"))
    visitor.expect_refusal(403)
    page.goto(f"{elsewhere}/")
    page.get_by_role("button", name="Win a prize").click()

    expect(page.get_by_role("main")).to_contain_text("This form came from another site")
    assert client.get("/merge/batches").json()["batches"] == []
    assert visitor.faults == [f"left for another host: {elsewhere}/"]
    visitor.faults.clear()


def test_signing_out_also_invalidates_a_copy_of_the_cookie(system: System, visit: Visit) -> None:
    visitor = visit(system.base_url)
    page = sign_in(visitor, system.client.key)
    (cookie,) = visitor.cookies()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.go_back()

    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert visitor.cookies() == []

    visitor.put(cookie)
    page.goto("/console/batches")

    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert cookie["httpOnly"]


def has_new_outcome(page: Page) -> bool:
    """Refresh the page as a return to its tab does, and return whether the new outcome is visible."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    return page.get_by_text("Orphan not found 1").is_visible()


def test_the_charts_refresh_and_an_open_table_stays_open(system: System, visit: Visit) -> None:
    page = sign_in(visit(system.base_url), system.client.key)
    page.get_by_role("link", name="Throughput", exact=True).click()
    page.get_by_text("The same as a table").click()
    ended = page.get_by_role("table").locator("tr > :nth-child(5)").get_by_text("1", exact=True)
    before = ended.count()
    system.client.merged([("nobody", "no-one")])
    wait_until(lambda: has_new_outcome(page), every=0.25, what="the new outcome in the console")

    expect(ended).to_be_visible()
    assert before == 0
