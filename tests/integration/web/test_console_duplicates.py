"""The duplicate pages of the console: the policy, the preview, runs, and pairs that are not a match."""

from collections.abc import Callable
from typing import Any

from app.config import Settings
from app.db.connections import Pool
from app.duplicates import advance
from tests.support.browser import Browser, words
from tests.support.flask_caller import Caller
from tests.support.profiles import export, track
from tests.support.runs import count_once
from tests.support.worker import Worker

Json = dict[str, Any]


def people(caller: Caller) -> None:
    """Create a group that would merge, an undecided group, and a profile without duplicates."""
    for name, email in [("a1", "a@x.org"), ("c1", "c@x.org")]:
        alias = {"alias_label": "shop", "alias_name": name}
        track(caller, attributes=[{"user_alias": alias, "_update_existing_only": False, "email": email}])
    track(caller, attributes=[{"external_id": "ann", "email": "a@x.org"}])
    track(caller, attributes=[{"external_id": each, "email": "tie@x.org"} for each in ("t1", "t2")])


def take_steps(caller: Caller, pool: Pool) -> None:
    while advance.advance_run(pool, Settings(), workspace_id=caller.workspace_id):
        pass
    count_once(pool, caller)


def test_the_preview_shows_counts_groups_and_undecided_groups_with_their_reason(
    browser: Browser, caller: Caller
) -> None:
    people(caller)
    page = browser.get("/console/duplicates/preview")
    shown = words(page)
    oldest = words(browser.get("/console/duplicates/preview", query_string={"prefer": "oldest"}))
    table = browser.get("/console/duplicates/preview.csv")

    assert page.status_code == 200
    assert "Groups with the same address 2 Profiles that a run would merge 1" in shown
    assert "Profiles of undecided groups Tie 2" in shown
    assert "The rule prefers several profiles equally." in shown
    assert shown.index("a@x.org") < shown.index("Stays") < shown.index("Is merged") < shown.index("tie@x.org")
    assert "Runs follow the policy, which is another rule." in oldest
    assert "Plan the merges" not in oldest
    assert table.text == caller.get("/duplicates/preview.csv").text
    assert "no two profiles" not in shown.lower()


def test_a_run_starts_after_a_question_with_the_number_and_its_page_shows_the_end(
    browser: Browser, caller: Caller, pool: Pool, worker: Worker
) -> None:
    people(caller)
    empty = words(browser.get("/console/duplicates"))
    question = words(browser.get("/console/duplicates/run"))
    url = browser.send("/console/duplicates/run").headers["Location"]
    second = browser.send("/console/duplicates/run")
    early = browser.get(url)
    take_steps(caller, pool)
    worker.work()
    count_once(pool, caller)
    late = words(browser.get(url))

    assert "No runs yet." in empty
    assert "Merge 1 profile?" in question
    assert second.status_code == 409
    assert "hx-trigger" in early.text
    assert "Cancel…" in words(early)
    assert "Search for duplicates Finished" in late
    assert "Merged 1" in late
    assert "Undecided groups Tie 2 profiles." in late
    assert "Finished a request" in words(browser.get("/console/duplicates"))


def test_a_run_is_cancelled_after_a_confirmation(browser: Browser, caller: Caller) -> None:
    people(caller)
    url = browser.send("/console/duplicates/run").headers["Location"]
    question = words(browser.get(f"{url}/cancel"))
    cancelled = browser.send(f"{url}/cancel")

    assert "It has found 0 profiles so far, whose merges continue." in question
    assert (cancelled.status_code, cancelled.headers["Location"]) == (303, url)
    assert "Search for duplicates Cancelled" in words(browser.get(url))
    assert browser.send(f"{url}/cancel").status_code == 409


def test_the_policy_is_changed_and_the_form_displays_an_error(browser: Browser, caller: Caller) -> None:
    form = words(browser.get("/console/duplicates/policy"))
    faulty = browser.send(
        "/console/duplicates/policy",
        identifier="phone",
        resolve_ties_by="created",
        prefer="oldest",
        daily_at="03:00",
        time_zone="Mars",
    )
    saved = browser.send(
        "/console/duplicates/policy",
        identifier="phone",
        resolve_ties_by="created",
        prefer="oldest",
        daily_at="03:00",
        time_zone="Europe/Berlin",
    )
    policy: Json = caller.get("/duplicates/policy").json
    page = words(browser.get("/console/duplicates"))

    assert "a profile without one comes last" in form
    assert faulty.status_code == 400
    assert "must be the name of a time zone" in words(faulty)
    assert 'value="phone" checked' in faulty.text
    assert saved.status_code == 303
    assert (policy["identifier"], policy["daily_at"], policy["time_zone"]) == ("phone", "03:00", "Europe/Berlin")
    assert "keep the profile with an external_id, and of several the one with the oldest creation" in page
    assert "every day at 03:00 (Europe/Berlin)" in page


def test_a_pair_that_is_not_a_match_is_recorded_listed_and_deleted(browser: Browser, caller: Caller) -> None:
    people(caller)
    ids = {each["external_id"]: each["braze_id"] for each in export(caller, external_ids=["t1", "t2"])}
    filled = browser.get("/console/duplicates/exclusions", query_string={"one": ids["t1"], "other": ids["t2"]})
    fields = {"one.kind": "braze_id", "one.value": ids["t1"], "other.kind": "external_id", "other.value": "t2"}
    faulty = browser.send("/console/duplicates/exclusions", **{**fields, "other.value": "nobody"})
    recorded = browser.send("/console/duplicates/exclusions", **fields, reason="twins")
    listed = browser.get("/console/duplicates/exclusions")
    (exclusion,) = (caller.get("/duplicates/exclusions").json or {})["exclusions"]
    url = f"/console/duplicates/exclusions/{exclusion['exclusion_id']}/delete"
    question = words(browser.get(url))
    deleted = browser.send(url)

    assert f'value="{ids["t1"]}"' in filled.text
    assert (faulty.status_code, recorded.status_code, deleted.status_code) == (404, 303, 303)
    assert "no live profile has this external_id" in words(faulty)
    assert "twins" in words(listed)
    assert all(each in question for each in ids.values())
    assert browser.get(url).status_code == 404
    assert "No pairs are recorded." in words(browser.get("/console/duplicates/exclusions"))


def test_a_key_sees_and_performs_only_permitted_actions(
    caller: Caller, make_caller: Callable[..., Caller], make_browser: Callable[[Caller | None], Browser]
) -> None:
    people(caller)

    def browser_of(*permissions: str) -> Browser:
        return make_browser(make_caller(workspace=caller.workspace, permissions=permissions))

    previewer, runner, excluder = map(browser_of, ("duplicates.preview", "duplicates.run", "duplicates.exclude"))
    pages = {name: words(each.get("/console/duplicates")) for name, each in {"p": previewer, "r": runner}.items()}

    assert "Merge…" not in pages["p"]
    assert "Plan the merges" not in pages["r"]
    assert "The policy and the runs need duplicates.preview or duplicates.run" in words(
        excluder.get("/console/duplicates")
    )
    assert previewer.get("/console/duplicates/run").status_code == 403
    assert runner.get("/console/duplicates/preview").status_code == 403
    assert runner.send("/console/duplicates/plan").status_code == 403
    assert "plans.write" in words(runner.send("/console/duplicates/plan"))
    assert previewer.get("/console/duplicates/exclusions").status_code == 200
    assert "Record a pair" not in words(previewer.get("/console/duplicates/exclusions"))
