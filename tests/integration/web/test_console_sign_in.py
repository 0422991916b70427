"""Authentication of the console: sign-in, its duration, and the checks of forms."""

import re
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256

import pytest
from flask import Flask

from app import keys
from app.config import Settings
from app.db.connections import Connection
from app.web import create_app
from app.web.console import auth
from app.web.resources import resources_of
from tests.support.browser import OWN, Browser, words
from tests.support.flask_caller import Caller

MakeBrowser = Callable[[Caller | None], Browser]


def cookie_header(answer: object) -> str:
    """Return the Set-Cookie header of *answer*."""
    header: str = answer.headers["Set-Cookie"]  # type: ignore[attr-defined]
    return header


def test_a_browser_without_a_sign_in_is_redirected_to_the_form_and_back(
    make_browser: MakeBrowser, caller: Caller
) -> None:
    browser = make_browser(None)
    led = browser.get("/console/batches")
    form = browser.get(led.headers["Location"])
    signed_in = browser.sign_in(caller.secret, next="/console/batches")

    assert (led.status_code, led.headers["Location"]) == (303, "/console/sign-in?next=/console/batches")
    assert 'name="next" value="/console/batches"' in form.text
    assert (signed_in.status_code, signed_in.headers["Location"]) == (303, "/console/batches")
    assert browser.get("/console/batches").status_code == 200


def test_a_fragment_request_without_a_sign_in_redirects_the_whole_page_to_the_form(make_browser: MakeBrowser) -> None:
    answer = make_browser(None).get("/console/batches", headers={"HX-Request": "true"})

    assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, "/console/sign-in")


@pytest.mark.parametrize("key", ["", "nobodys", "x" * 5_000, "schlüssel", "\x00"])
def test_an_invalid_key_is_refused_and_not_echoed(make_browser: MakeBrowser, key: str) -> None:
    browser = make_browser(None)
    answer = browser.sign_in(key)

    assert answer.status_code == 401
    assert "This key is unknown, expired or revoked" in words(answer)
    assert not key or key not in answer.text
    assert browser.cookie() is None


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/console/",
        "//evil.example/console/",
        "/console/../users/merge",
        "/console/\\evil.example",
        "/console/sign-in",
        "/users/merge",
        "/console/\n",
        "",
    ],
)
def test_signing_in_redirects_only_to_pages_of_the_console(
    make_browser: MakeBrowser, caller: Caller, elsewhere: str
) -> None:
    answer = make_browser(None).sign_in(caller.secret, next=elsewhere)

    assert (answer.status_code, answer.headers["Location"]) == (303, "/console")


def test_the_cookie_is_hidden_from_scripts_and_from_other_sites(make_browser: MakeBrowser, caller: Caller) -> None:
    parts = set(cookie_header(make_browser(None).sign_in(caller.secret)).split("; ")[1:])

    assert {"HttpOnly", "Path=/console", "SameSite=Lax", "Max-Age=43200"} <= parts
    assert "Secure" not in parts


def test_the_cookie_is_secure_if_the_page_was_sent_over_tls(make_browser: MakeBrowser, caller: Caller) -> None:
    headers = {"Sec-Fetch-Site": "same-origin", "Origin": "https://localhost"}
    answer = make_browser(None).post("/console/sign-in", key=caller.secret, headers=headers)

    assert "Secure" in cookie_header(answer).split("; ")


def test_neither_the_key_nor_the_token_is_in_the_database(
    browser: Browser, caller: Caller, connection: Connection
) -> None:
    token = browser.cookie()
    rows = connection.execute("SELECT digest, sign_in::text AS whole FROM sign_in").fetchall()

    assert token is not None
    assert sha256(token.encode()).digest() in {row["digest"] for row in rows}
    assert not any(part in str(rows) for part in (token, token.partition(".")[2], caller.secret))


def test_two_sign_ins_have_different_tokens(make_browser: MakeBrowser, caller: Caller) -> None:
    one, other = make_browser(caller), make_browser(caller)

    assert one.cookie() != other.cookie()
    assert one.form_token() != other.form_token()


def test_another_web_process_accepts_the_sign_in(browser: Browser, database_url: str) -> None:
    another = create_app(Settings(database_url=database_url))
    token = browser.cookie()
    assert token is not None
    elsewhere = Browser(another)
    elsewhere.hold(token)
    try:
        answer = elsewhere.get("/console")
    finally:
        resources_of(another).close()

    assert answer.status_code == 200


def test_a_sign_in_stays_valid_while_its_pepper_is_configured(
    make_browser: MakeBrowser, caller: Caller, database_url: str
) -> None:
    old, new = "a-pepper-of-some-length", "another-pepper-than-that"
    statuses = []
    token = ""
    for peppers in ((old,), (new, old), (new,)):
        flask = create_app(Settings(database_url=database_url, key_pepper=(*peppers, "")))
        browser = Browser(flask)
        try:
            if not token:
                browser.sign_in(caller.secret)
                token = browser.cookie() or ""
            browser.hold(token)
            statuses.append(browser.get("/console").status_code)
        finally:
            resources_of(flask).close()

    assert statuses == [200, 200, 303]


@pytest.mark.parametrize("token", ["", "x", "1.x", "0." + "a" * 43, "999999999." + "a" * 43, "9" * 30 + "." + "a" * 43])
def test_a_malformed_token_is_no_sign_in(make_browser: MakeBrowser, token: str) -> None:
    browser = make_browser(None)
    browser.hold(token)

    assert browser.get("/console").status_code == 303


def test_a_token_is_not_valid_in_another_workspace(browser: Browser, make_caller: Callable[..., Caller]) -> None:
    stranger = make_caller()
    own = browser.cookie() or ""
    browser.hold(f"{stranger.workspace_id}.{own.partition('.')[2]}")

    assert browser.get("/console").status_code == 303


def test_signing_out_ends_the_sign_in_in_the_database(browser: Browser) -> None:
    token = browser.cookie() or ""
    answer = browser.send("/console/sign-out")
    kept = browser.cookie()
    browser.hold(token)

    assert (answer.status_code, answer.headers["Location"]) == (303, "/console/sign-in")
    assert kept is None
    assert browser.get("/console").status_code == 303


def test_a_sign_in_ends_at_its_end_time(browser: Browser, caller: Caller, connection: Connection) -> None:
    ended = connection.execute("UPDATE sign_in SET ends_at = now() WHERE api_key_id = %s", [caller.key_id])

    assert ended.rowcount == 1
    assert browser.get("/console").status_code == 303


def test_a_sign_in_lasts_as_long_as_the_setting(caller: Caller, database_url: str, connection: Connection) -> None:
    flask = create_app(Settings(database_url=database_url, console_hours=1.5))
    try:
        answer = Browser(flask).sign_in(caller.secret)
    finally:
        resources_of(flask).close()
    (row,) = connection.execute(
        "SELECT ends_at - begun_at AS lasts FROM sign_in WHERE workspace_id = %s", [caller.workspace_id]
    )

    assert row["lasts"] == timedelta(hours=1.5)
    assert "Max-Age=5400" in cookie_header(answer)


def test_revoking_the_key_ends_the_sign_in_permanently(
    browser: Browser, caller: Caller, connection: Connection
) -> None:
    keys.revoke_key(connection, key_id=caller.key_id)
    revoked = browser.get("/console").status_code
    keys.ensure_key(connection, key=caller.secret, workspace=caller.workspace)

    assert revoked == 303
    assert browser.get("/console").status_code == 303


def test_a_sign_in_ends_when_its_key_expires(browser: Browser, caller: Caller, connection: Connection) -> None:
    connection.execute("UPDATE api_key SET expires_at = now() WHERE id = %s", [caller.key_id])

    assert browser.get("/console").status_code == 303


@pytest.mark.parametrize("token", ["", "0" * 64, "ü"])
def test_a_form_without_its_token_is_refused(browser: Browser, token: str) -> None:
    answer = browser.post("/console/sign-out", form_token=token)

    assert answer.status_code == 403
    assert browser.get("/console").status_code == 200


def test_a_form_of_another_sign_in_is_refused(make_browser: MakeBrowser, caller: Caller) -> None:
    one, other = make_browser(caller), make_browser(caller)

    assert one.post("/console/sign-out", form_token=other.form_token()).status_code == 403


def test_htmx_sends_the_token_as_a_header(browser: Browser) -> None:
    headers = {**OWN, "X-Form-Token": browser.form_token()}

    assert browser.post("/console/sign-out", headers=headers).status_code == 303


@pytest.mark.parametrize(
    ("headers", "taken"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Origin": "http://localhost"}, True),
        ({}, True),
        ({"Sec-Fetch-Site": "same-site", "Origin": "http://localhost"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"}, False),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "null"}, False),
    ],
)
def test_a_form_from_another_site_is_refused(
    make_browser: MakeBrowser, caller: Caller, headers: dict[str, str], *, taken: bool
) -> None:
    browser = make_browser(None)
    answer = browser.post("/console/sign-in", key=caller.secret, headers=headers)

    assert answer.status_code == (303 if taken else 403)
    assert (browser.cookie() is not None) is taken


def test_attempts_to_sign_in_with_wrong_keys_are_limited(flask_app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "ATTEMPTS", auth.Limit(auth.Bucket.OTHER, 3, 604_800))
    guesser = Browser(flask_app)
    statuses = [guesser.sign_in("nobodys").status_code for _ in range(3)]
    refused = guesser.sign_in("nobodys")

    assert statuses == [401, 401, 401]
    assert refused.status_code == 429
    assert re.search(r"Try again in \d+ seconds", words(refused))


def test_failed_attempts_do_not_block_a_valid_key(
    flask_app: Flask, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "ATTEMPTS", auth.Limit(auth.Bucket.OTHER, 1, 604_800))
    guesser = Browser(flask_app)
    statuses = [guesser.sign_in("nobodys").status_code for _ in range(2)]

    assert statuses == [401, 429]
    assert Browser(flask_app).sign_in(caller.secret).status_code == 303


def test_a_signed_in_browser_is_not_limited_by_failed_attempts_of_others(
    browser: Browser, flask_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "ATTEMPTS", auth.Limit(auth.Bucket.OTHER, 1, 604_800))
    guesser = Browser(flask_app)
    guesser.sign_in("nobodys")

    assert guesser.sign_in("nobodys").status_code == 429
    assert browser.get("/console").status_code == 200
