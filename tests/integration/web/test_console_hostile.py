"""Pages show any text of clients as text, with a bounded size, and do not fail."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from app.db.connections import Connection
from tests.support.browser import Browser, filtered, words
from tests.support.flask_caller import Caller
from tests.support.worker import Worker

Json = dict[str, Any]

SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(2)>\"' onmouseover='x"
RIGHT_TO_LEFT = "\u202eevil\u2066\u200f"
TEMPLATE = "{{ 7 * 7 }}{% raw %}"
NASTY = (SCRIPT, RIGHT_TO_LEFT, TEMPLATE)


@pytest.fixture
def people(caller: Caller, worker: Worker, connection: Connection) -> Json:
    """The job of a merge of two profiles whose values are hostile text."""
    nasty = {
        "first_name": SCRIPT,
        "last_name": RIGHT_TO_LEFT,
        "home_city": "x" * 255,
        SCRIPT[:60]: SCRIPT,
        "long": [f"{number:03}" + "y" * 200 for number in range(50)],
        "nested": {"<b>": [TEMPLATE, SCRIPT]},
    }
    attributes = [{"external_id": f"{SCRIPT}-orphan", **nasty}, {"external_id": f"{SCRIPT}-survivor"}]
    tracked = caller.post("/users/track", {"attributes": attributes})
    assert "errors" not in (tracked.json or {}), tracked.text
    devices = {f"{SCRIPT}{number}": {"device_id": f"{SCRIPT}{number}", "model": SCRIPT} for number in range(1_000)}
    connection.execute("UPDATE profile SET devices = %s WHERE first_name = %s", [Jsonb(devices), SCRIPT])
    pair = {
        "identifier_to_merge": {"external_id": f"{SCRIPT}-orphan"},
        "identifier_to_keep": {"external_id": f"{SCRIPT}-survivor"},
    }
    caller.post("/users/merge", {"merge_updates": [pair]})
    worker.work()
    listed: Any = caller.get("/merge/jobs").json
    job: Json = listed["jobs"][0]
    assert job["outcome"] == "merged"
    return job


#: Elements and attributes that isolate the direction of their text from the page.
ISOLATED = re.compile(r'<bdi[^>]*>.*?</bdi>|value="[^"]*"', re.DOTALL)


def typed(orphan: str, survivor: str) -> dict[str, str]:
    """Return the fields of a completed merge form."""
    sides = {"identifier_to_merge": orphan, "identifier_to_keep": survivor}
    kinds = {f"{role}.kind": "external_id" for role in sides}
    return kinds | {f"{role}.value": value for role, value in sides.items()}


def test_every_page_shows_hostile_values_as_text(browser: Browser, people: Json) -> None:
    pages = [
        browser.get("/console/jobs"),
        browser.get(f"/console/batches/{people['batch_id']}"),
        browser.get(f"/console/jobs/{people['job_id']}"),
        browser.get(f"/console/profiles/{people['survivor']['braze_id']}"),
        browser.get(f"/console/profiles/{people['orphan']['braze_id']}"),
        browser.send("/console/search", sought=f"{SCRIPT}-survivor"),
        browser.send("/console/search", sought=SCRIPT),
        filtered(browser, "/console/jobs", identifier=f"{SCRIPT}-orphan"),
        browser.get(f"/console/jobs/{people['job_id']}/undo"),
        browser.get(f"/console/batches/{people['batch_id']}/undo"),
        browser.send("/console/merge/preview", **typed(f"{SCRIPT}-orphan", f"{SCRIPT}-survivor")),
    ]

    assert [page.status_code for page in pages] == [200, 200, 200, 200, 410, 200, 200, 200, 200, 200, 200]
    for page in pages:
        assert "<script>alert" not in page.text
        assert "<img" not in page.text
        assert "49{%" not in page.text
        # Characters that change the text direction occur in isolated elements only.
        assert "\u202e" not in ISOLATED.sub("", page.text)


def test_the_size_of_a_page_is_bounded_for_any_profile(browser: Browser, people: Json) -> None:
    job = browser.get(f"/console/jobs/{people['job_id']}")
    profile = browser.get(f"/console/profiles/{people['survivor']['braze_id']}")

    assert re.search(r"Next of [0-9,]+ fields", words(job))
    assert re.search("9[0-9][0-9] more are not on this page", words(profile))
    assert "10,301 characters" in words(profile)
    assert max(len(job.data), len(profile.data)) < 100_000


@pytest.mark.parametrize(
    "sought",
    ["", " ", "\x00", "'; DROP TABLE profile; --", "%", "x" * 5_000, "00000000-0000-0000-0000-000000000000", ":"],
)
def test_a_search_for_any_text_succeeds(browser: Browser, sought: str) -> None:
    answer = browser.send("/console/search", sought=sought)

    assert answer.status_code == 200
    assert "No live profile" in words(answer)


@pytest.mark.parametrize(
    "path",
    [
        "/console/jobs?state=flying",
        "/console/jobs?cursor=%00",
        "/console/batches?cursor=x",
        "/console/jobs?sort=asc",
        "/console/batches?limit=-1",
        "/console/dead?cursor=x",
        "/console/dead?state=dead",
        "/console/throughput?period=%00",
    ],
)
def test_an_invalid_query_gets_an_error_page(browser: Browser, path: str) -> None:
    answer = browser.get(path)

    assert (answer.status_code, answer.mimetype) == (400, "text/html")


@pytest.mark.parametrize("identifier", ["\x00", "x" * 1_001])
def test_an_invalid_identifier_gets_an_error_page(browser: Browser, identifier: str) -> None:
    answer = browser.send("/console/jobs", identifier=identifier)

    assert answer.status_code == 400
    assert "'identifier' must have from 1 to 1000 characters" in words(answer)


@pytest.mark.parametrize("path", ["/console/profiles/xyz", "/console/jobs/1", "/console/batches/'", "/console/%00"])
def test_a_malformed_id_gets_404(browser: Browser, path: str) -> None:
    assert browser.get(path).status_code == 404


@pytest.mark.parametrize("content_type", ["application/json", "multipart/form-data", "text/plain", ""])
def test_a_sign_in_without_a_form_body_is_refused(
    make_browser: Callable[[Caller | None], Browser], content_type: str
) -> None:
    browser = make_browser(None)
    answer = browser.send_raw("/console/sign-in", b'{"key": "\xff\xfe"}', content_type)

    assert answer.status_code == 401


def test_a_form_that_is_too_large_is_refused(browser: Browser) -> None:
    answer = browser.post("/console/sign-in", key="x" * 5_000_000)

    assert answer.status_code == 413
