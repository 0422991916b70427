"""Pages of the console: their content, the permissions they need, and their headers."""

from collections.abc import Callable
from hashlib import sha256
from html.parser import HTMLParser
from typing import Any

import pytest
from flask import Flask

from app.config import Settings
from app.web import create_app
from app.web.console.static_files import FOLDER, PARTS
from app.web.resources import resources_of
from tests.support.browser import Browser, next_page, words
from tests.support.flask_caller import Caller
from tests.support.worker import Worker

MakeBrowser = Callable[[Caller | None], Browser]


class Page(HTMLParser):
    """The elements of a parsed page with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Store the element."""
        self.elements.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """Return the attributes of every *tag*."""
        return [attributes for name, attributes in self.elements if name == tag]


def merge(caller: Caller, *pairs: tuple[str, str]) -> str:
    """Request merges of pairs of external_ids and return the id of the batch."""
    updates = [
        {"identifier_to_merge": {"external_id": orphan}, "identifier_to_keep": {"external_id": survivor}}
        for orphan, survivor in pairs
    ]
    accepted: Any = caller.post("/users/merge", {"merge_updates": updates}).json
    batch_id: str = accepted["batch_id"]
    return batch_id


@pytest.mark.parametrize("path", ["/console", "/console/", "/console/batches", "/console/sign-in", "/console/nowhere"])
def test_a_page_has_no_inline_script_or_style_and_loads_only_from_this_server(browser: Browser, path: str) -> None:
    answer = browser.get(path)
    page = Page(answer.text)
    policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
    sources = [each.get("src") or each.get("href") or "" for each in (*page.all("script"), *page.all("link"))]

    assert policy == {
        **dict.fromkeys(("script-src", "style-src", "img-src", "connect-src", "form-action"), "'self'"),
        **dict.fromkeys(("default-src", "base-uri", "frame-ancestors"), "'none'"),
    }
    assert page.all("style") == []
    assert all(each.get("src") for each in page.all("script"))
    assert {source.rpartition("/")[0] for source in sources} == {"/console/parts"}
    assert not any(name.startswith("on") or name == "style" for _, each in page.elements for name in each)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert answer.headers["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize("path", ["/console", "/console/batches", "/console/sign-in", "/console/nowhere"])
def test_a_page_has_a_title_a_language_landmarks_one_heading_and_a_skip_link(browser: Browser, path: str) -> None:
    text = browser.get(path).text
    page, head = Page(text), Page(text.partition("</head>")[0])
    ids = [each["id"] for _, each in page.elements if "id" in each]

    assert page.all("html")[0]["lang"] == "en"
    assert len(head.all("title")) == len(page.all("main")) == len(page.all("h1")) == 1
    assert page.all("a")[0]["href"] == "#main"
    assert "main" in ids
    assert len(ids) == len(set(ids))


def test_htmx_is_configured_without_eval_and_inline_scripts_and_styles(browser: Browser) -> None:
    (content,) = [
        each["content"] for each in Page(browser.get("/console").text).all("meta") if each.get("name") == "htmx-config"
    ]

    assert content is not None
    for switch in ("allowEval", "allowScriptTags", "includeIndicatorStyles"):
        assert f'"{switch}":false' in content
    assert '"historyCacheSize":0' in content


@pytest.mark.parametrize("name", sorted(PARTS))
def test_a_static_file_needs_no_sign_in_and_is_cached_by_the_browser(flask_app: Flask, name: str) -> None:
    client = flask_app.test_client()
    answer = client.get(f"/console/parts/{name}")
    again = client.get(f"/console/parts/{name}", headers={"If-None-Match": answer.headers["ETag"]})

    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-cache")
    assert answer.data == (FOLDER / name).read_bytes()
    assert again.status_code == 304


def test_no_other_file_is_served(flask_app: Flask) -> None:
    assert {path.name for path in FOLDER.iterdir()} == PARTS
    for name in ("nothing.js", "..", "%2e%2e%2f__init__.py"):
        assert flask_app.test_client().get(f"/console/parts/{name}").status_code in {303, 404}


def test_an_unknown_url_gets_an_error_page(browser: Browser) -> None:
    answer = browser.get("/console/nowhere/at/all")

    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert "There is no such page in the console." in words(answer)


def test_the_error_page_names_the_permission_that_the_key_lacks(
    make_browser: MakeBrowser, make_caller: Callable[..., Caller]
) -> None:
    browser = make_browser(make_caller(permissions=("users.track",)))
    home, denied = browser.get("/console"), browser.get("/console/batches")

    assert home.status_code == 200
    assert "/console/batches" not in home.text
    assert denied.status_code == 403
    assert "The API key lacks the permission users.merge or users.identify" in words(denied)


def test_the_first_page_shows_the_workspace_and_the_prefix_of_the_key(browser: Browser, caller: Caller) -> None:
    text = words(browser.get("/console"))

    assert caller.workspace in text
    assert caller.secret[:7] in text
    assert caller.secret not in text


def test_batches_are_listed_with_their_progress(browser: Browser, caller: Caller, worker: Worker) -> None:
    empty = words(browser.get("/console/batches"))
    batch_id = merge(caller, ("a", "b"), ("c", "d"))
    waiting = browser.get("/console/batches")
    worker.work()
    done = browser.get("/console/batches")

    assert "No batches yet" in empty
    assert f"…{batch_id[-12:]} " in words(waiting)
    assert f'title="{batch_id}"' in waiting.text
    assert "0 of 2" in words(waiting)
    assert "2 of 2" in words(done)
    assert "Orphan not found 2" in words(done)
    assert 'aria-valuenow="2"' in done.text


def test_the_list_reloads_while_a_batch_is_unfinished(browser: Browser, caller: Caller, worker: Worker) -> None:
    merge(caller, ("a", "b"))
    page = browser.get("/console/batches")
    part = browser.get("/console/batches", headers={"HX-Request": "true"})
    worker.work()
    end = browser.get("/console/batches", headers={"HX-Request": "true"})

    assert 'hx-trigger="every 2s, refresh"' in page.text
    assert part.text.lstrip().startswith('<div id="batches"')
    assert 'hx-trigger="every 2s, refresh"' in part.text
    assert "hx-trigger" not in end.text


def test_older_batches_are_on_the_next_page(browser: Browser, caller: Caller) -> None:
    batch_ids = [merge(caller) for _ in range(5)]
    first = browser.get("/console/batches?limit=3")
    older = next_page(first)
    rest = browser.get(older)

    assert [each in first.text for each in batch_ids] == [False, False, True, True, True]
    assert [each in rest.text for each in batch_ids] == [True, True, False, False, False]


def test_a_page_without_a_database_says_that_no_merge_is_lost(database_url: str) -> None:
    away = create_app(Settings(database_url=database_url.replace("/mergelane", "/nowhere"), pool_timeout_s=0.2))
    browser = Browser(away)
    browser.hold("1." + "a" * 43)
    try:
        answer = browser.get("/console/batches")
    finally:
        resources_of(away).close()

    assert (answer.status_code, answer.mimetype, answer.headers["Retry-After"]) == (503, "text/html", "2")
    assert "The database does not answer No accepted merge is lost" in words(answer)


def test_an_unexpected_error_gets_an_error_page(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("app.web.console.batches.read_batch_page", fail)
    answer = browser.get("/console/batches")

    assert (answer.status_code, answer.mimetype) == (500, "text/html")
    assert answer.headers["X-Request-Id"] in words(answer)


def test_an_invalid_query_gets_an_error_page(browser: Browser) -> None:
    answer = browser.get("/console/batches?limit=many")

    assert (answer.status_code, answer.mimetype) == (400, "text/html")
    assert "'limit' must be a whole number" in words(answer)


def test_the_digest_of_htmx_is_in_the_documents() -> None:
    digest = sha256((FOLDER / "htmx.min.js").read_bytes()).hexdigest()
    document = (FOLDER.parents[3] / "docs" / "dependencies.md").read_text(encoding="utf-8")

    assert digest in document
