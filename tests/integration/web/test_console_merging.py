"""The merge form of the console: the rules and messages of the API, the preview, and one merge."""

import re
from typing import Any

import pytest

from app.db.connections import Pool
from app.web.console.merge_form import ROLES
from schemas.merge import TOO_LONG
from schemas.prioritization import BOTH_RECENCIES, EMPTY_PRIORITIZATION
from tests.support.browser import Browser, words
from tests.support.flask_caller import Caller
from tests.support.profiles import export, track
from tests.support.worker import Worker

Fields = dict[str, str]

NOTHING = "\N{EN DASH}"
"""The placeholder for a missing value."""
HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')


def side(role: str, kind: str, value: str, *, label: str = "", steps: tuple[str, str] = ("", "")) -> Fields:
    """Return the fields of one side of the form."""
    fields = {"kind": kind, "value": value, "label": label, "step0": steps[0], "step1": steps[1]}
    return {f"{role}.{name}": text for name, text in fields.items()}


def pair(**sides: dict[str, Any]) -> Fields:
    """Return the fields of a form with two external_ids; *sides* replaces fields of each side."""
    usual = {"identifier_to_merge": {"value": "ann-1"}, "identifier_to_keep": {"value": "ann"}}
    both = {role: {"kind": "external_id", **usual[role], **sides.get(role, {})} for role in ROLES}
    return {name: text for role, given in both.items() for name, text in side(role, **given).items()}


def offered(page: str) -> Fields:
    """Return the hidden fields of the form that requests a previewed merge."""
    _, _, form = page.partition('action="/console/merge"')
    return dict(HIDDEN.findall(form.partition("</form>")[0]))


@pytest.fixture
def ann(caller: Caller) -> None:
    """Two profiles of one person."""
    track(caller, attributes=[{"external_id": "ann-1", "first_name": "Ann", "plan": {"name": "pro", "seats": 2}}])
    track(caller, attributes=[{"external_id": "ann", "last_name": "Ash", "email": "ann@x.org"}])


def test_a_preview_shows_outcome_reason_and_changes_and_writes_nothing(
    browser: Browser, caller: Caller, ann: None
) -> None:
    before = export(caller, external_ids=["ann", "ann-1"])
    page = browser.send("/console/merge/preview", **pair())
    text_of_page = words(page)

    assert page.status_code == 200
    assert re.search(
        r"Would be: Merged .* would be merged .* The job's reason would be: Profile \w+ was merged into profile \w+",
        text_of_page,
    )
    assert f"first_name Ann {NOTHING} Ann fill The survivor keeps its value" in text_of_page
    plan = '{"name":"pro","seats":2}'
    assert f"custom_attributes.plan {plan} {NOTHING} {plan} fill_keys" in text_of_page
    assert "Would be lost 1" in text_of_page
    assert (
        text_of_page.index("Would be lost")
        < text_of_page.index("external_id ann-1")
        < text_of_page.index("Would change")
    )
    assert export(caller, external_ids=["ann", "ann-1"]) == before
    assert caller.get("/merge/batches").json == {"batches": [], "next_cursor": None}


def test_a_previewed_merge_that_is_sent_twice_is_accepted_once(
    browser: Browser, caller: Caller, worker: Worker, ann: None
) -> None:
    form = offered(browser.send("/console/merge/preview", **pair()).text)
    answers = [browser.post("/console/merge", **form) for _ in range(2)]
    worker.work()
    (batch,) = caller.get("/merge/batches").json["batches"]

    assert [answer.status_code for answer in answers] == [303, 303]
    assert {answer.headers["Location"] for answer in answers} == {f"/console/batches/{batch['batch_id']}"}
    assert batch["counts"] == {"merged": 1}


def test_a_preview_without_an_effect_gives_the_reason_and_offers_no_merge(browser: Browser, ann: None) -> None:
    page = browser.send("/console/merge/preview", **pair(identifier_to_merge={"value": "nobody"}))

    assert "Orphan not found" in words(page)
    assert offered(page.text) == {}


def test_the_form_accepts_aliases_and_emails(browser: Browser, caller: Caller, pool: Pool) -> None:
    alias = {"alias_label": "cart", "alias_name": "guest"}
    track(caller, attributes=[{"user_alias": alias, "_update_existing_only": False, "plan": "pro"}])
    track(caller, attributes=[{"external_id": "ann", "email": "ann@x.org"}])
    page = browser.send(
        "/console/merge/preview",
        **pair(
            identifier_to_merge={"kind": "user_alias", "value": "guest", "label": "cart"},
            identifier_to_keep={"kind": "email", "value": "Ann@X.org", "steps": ("identified", "")},
        ),
    )

    assert f"custom_attributes.plan pro {NOTHING} pro" in words(page)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"kind": "email", "value": "ann@x.org"}, EMPTY_PRIORITIZATION),
        (
            {"kind": "phone", "value": "+1", "steps": ("most_recently_updated", "least_recently_updated")},
            BOTH_RECENCIES,
        ),
        ({"value": "x" * 1_000}, TOO_LONG),
        ({"value": "a\x00b"}, "A string in the request body may not contain the NUL character (U+0000)."),
        ({"kind": "shoe_size"}, "identifiers must be objects with an 'external_id' property that is a string"),
    ],
)
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("path", ["/console/merge/preview", "/console/merge"])
def test_an_error_is_beside_its_profile_with_the_message_of_the_api(
    browser: Browser, path: str, role: str, fields: dict[str, Any], sentence: str
) -> None:
    page = browser.send(path, **pair(**{role: fields}))
    at_fault = re.findall(r'<p class="fault" id="(\w+)\.fault"', page.text)

    assert page.status_code == 400
    assert sentence in words(page)
    assert at_fault == [role]


def test_the_form_keeps_its_values_after_a_preview(browser: Browser, ann: None) -> None:
    page = browser.send("/console/merge/preview", **pair(identifier_to_keep={"value": '"><script>alert(1)</script>'}))

    assert 'value="ann-1"' in page.text
    assert "&#34;&gt;&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
    assert "<script>alert" not in page.text


def test_a_merge_without_the_key_of_its_form_is_refused(browser: Browser, caller: Caller, ann: None) -> None:
    answer = browser.send("/console/merge", **pair())

    assert answer.status_code == 400
    assert caller.get("/merge/batches").json["batches"] == []
