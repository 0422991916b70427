"""The plan pages of the console: pairs from a file or pasted text are planned, listed, applied and discarded."""

import re
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from app.config import Settings
from app.db.connections import Connection, Pool
from app.duplicates import advance
from app.web.resources import resources_of
from tests.support.browser import OWN, Browser, words
from tests.support.flask_caller import Caller
from tests.support.lane_runs import ext
from tests.support.plans import finish_plan, plan_pairs
from tests.support.profiles import track

Json = dict[str, Any]
LONG = "x" * 200


def people(caller: Caller, number: int) -> None:
    for start in range(0, number, 25):
        numbers = range(start, min(start + 25, number))
        track(
            caller,
            attributes=[{**ext(f"{side}{each}"), f"{side}_note": LONG} for each in numbers for side in ("old", "new")],
        )


def send_file(browser: Browser, content: bytes, name: str = "pairs.csv") -> TestResponse:
    """Send the form with a file like a browser and return the response."""
    fields = {"form_token": browser.form_token(), "pairs": "", "file": (BytesIO(content), name)}
    response: TestResponse = browser._client.post("/console/plans", data=fields, headers=OWN)
    return response


def made(response: TestResponse) -> str:
    """Return the id of the plan that *response* redirects to."""
    assert response.status_code == 303, words(response)
    return response.headers["Location"].rpartition("/")[2]


def test_a_file_is_planned_reviewed_and_applied(
    browser: Browser, caller: Caller, pool: Pool, connection: Connection
) -> None:
    people(caller, 60)
    lines = [f"old{each},new{each}" for each in range(60)] + ["nobody,new0"]
    form = browser.get("/console/plans")
    plan_id = made(send_file(browser, "\n".join(["merge_external_id,keep_external_id", *lines]).encode()))
    url = f"/console/plans/{plan_id}"
    page = browser.get(url)
    nothing = caller.get("/merge/batches").json
    pair = browser.get(f"{url}/pairs/0")
    question = words(browser.get(f"{url}/apply"))
    applied = browser.send(f"{url}/apply")
    run = (caller.get(f"/merge/plans/{plan_id}").json or {})["run_id"]
    finish_plan(caller, pool, connection, run)

    assert 'enctype="multipart/form-data"' in form.text
    assert "61 pairs Open" in words(page)
    assert "Merged 60" in words(page)
    assert "Orphan not found 1" in words(page)
    assert "custom_attributes 60" in words(page)
    assert re.search(r"custom_attributes\.old_note . → x{40}… 1 change", words(page))
    assert len(page.data) < 100_000
    assert "Applied 61 Merged 60 Orphan not found 1" in words(browser.get("/console/plans"))
    assert nothing == {"batches": [], "next_cursor": None}
    assert LONG in pair.text
    assert "Apply 61 pairs?" in question
    assert "60 pairs would merge; 1 would end without an effect" in question
    assert (applied.status_code, applied.headers["Location"]) == (303, url)
    assert "Applied" in words(browser.get(url))
    assert (caller.get(f"/merge/runs/{run}").json or {})["counts"] == {"merged": 60, "orphan_not_found": 1}
    assert browser.get(f"{url}/apply").status_code == 409
    assert browser.send(f"{url}/apply").status_code == 409


def test_the_pairs_of_a_plan_are_paged_and_filtered_by_outcome(browser: Browser, caller: Caller) -> None:
    people(caller, 30)
    pairs = [(ext(f"old{each}"), ext(f"new{each}")) for each in range(30)]
    plan = plan_pairs(caller, *pairs, (ext("nobody"), ext("new0")))
    url = f"/console/plans/{plan['plan_id']}"
    first = browser.get(url)
    following = re.search(r'href="([^"]*)#pairs">Next pairs', first.text)
    assert following
    second = words(browser.get(following[1].replace("&amp;", "&")))
    missing = words(browser.get(url, query_string={"outcome": "orphan_not_found"}))

    assert "old24" in words(first)
    assert "old25" not in words(first)
    assert "old25" in second
    assert "First pairs" in second
    assert "nobody" in missing
    assert "old1" not in missing
    assert browser.get(url, query_string={"outcome": "splendid"}).status_code == 400
    assert browser.get(f"{url}/pairs/31").status_code == 404


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("", ["Choose a file, or paste pairs."]),
        ("merge_external_id,keep_external_id\n", ["The pasted text has no pairs."]),
        ("merge_external_id\nx\n", ["No column of The pasted text begins with keep_."]),
        ("merge_external_id,keep_external_id\nx,y\nx,\n", ["Line 3:"]),
        ('{"identifier_to_merge": {"external_id": "x"}}\n[]', ["Line 1:", "Line 2:"]),
    ],
)
def test_invalid_text_is_refused_with_its_lines_and_nothing_is_planned(
    browser: Browser, caller: Caller, text: str, sentences: list[str]
) -> None:
    response = browser.send("/console/plans", pairs=text)

    assert response.status_code == 400
    assert all(sentence in words(response) for sentence in ["Nothing was planned.", *sentences]), words(response)
    assert (caller.get("/merge/plans").json or {})["plans"] == []


def test_a_file_that_is_too_long_or_not_text_is_refused(browser: Browser) -> None:
    many = b"merge_external_id,keep_external_id\n" + b"a,b\n" * 5_001

    assert "more than 5,000 pairs" in words(send_file(browser, many))
    assert "pairs.csv is not text in UTF-8: see the lines from 2 on." in words(send_file(browser, b"a,b\n\xff,x\n"))


def test_pasted_json_lines_are_planned_and_discarded(browser: Browser, caller: Caller) -> None:
    people(caller, 1)
    line = '{"identifier_to_merge": {"external_id": "old0"}, "identifier_to_keep": {"external_id": "new0"}}'
    url = f"/console/plans/{made(browser.send('/console/plans', pairs=line))}"

    assert "Discard the plan with 1 pair?" in words(browser.get(f"{url}/discard"))
    assert browser.send(f"{url}/discard").headers["Location"] == "/console/plans"
    assert browser.get(url).status_code == 404


def test_a_key_that_cannot_read_profiles_sees_fields_but_no_values(
    make_caller: Callable[..., Caller], make_browser: Callable[[Caller | None], Browser], caller: Caller
) -> None:
    people(caller, 1)
    plan = plan_pairs(caller, (ext("old0"), ext("new0")))
    url = f"/console/plans/{plan['plan_id']}"
    planner = make_browser(make_caller(workspace=caller.workspace, permissions=("plans.write",)))
    pages = [planner.get(url), planner.get(f"{url}/pairs/0")]

    assert all("old_note" in page.text and "xxxx" not in page.text for page in pages)
    assert "Apply" not in words(pages[0])
    assert planner.get(f"{url}/apply").status_code == 403


def test_the_key_that_planned_cannot_apply_if_two_keys_are_required(
    browser: Browser, caller: Caller, monkeypatch: pytest.MonkeyPatch, flask_app: Flask
) -> None:
    people(caller, 1)
    url = f"/console/plans/{plan_pairs(caller, (ext('old0'), ext('new0')))['plan_id']}"
    resources = resources_of(flask_app)
    monkeypatch.setattr(resources, "settings", replace(resources.settings, plan_two_keys=True))
    question, refused = browser.get(f"{url}/apply"), browser.send(f"{url}/apply")

    assert refused.status_code == 403
    assert all("must not be the key that planned it" in words(page) for page in (question, refused))
    assert "Apply 1 pair</button>" not in question.text


def test_a_plan_of_duplicates_cannot_be_applied_before_it_is_complete(
    browser: Browser, caller: Caller, pool: Pool
) -> None:
    track(caller, attributes=[{**ext("a"), "email": "a@x.org"}])
    alias = {"alias_label": "shop", "alias_name": "b"}
    track(caller, attributes=[{"user_alias": alias, "_update_existing_only": False, "email": "a@x.org"}])
    started = browser.send("/console/duplicates/plan")
    url = started.headers["Location"]
    early, question = words(browser.get(url)), browser.get(f"{url}/apply")
    while advance.advance_run(pool, Settings(), workspace_id=caller.workspace_id):
        pass
    late = words(browser.get(url))

    assert "Being made" in early
    assert "Apply…" not in early
    assert question.status_code == 409
    assert "1 pair Open" in late
    assert "Apply…" in late
