"""A browser without rendering: Flask's test client, with methods to sign in to the console and to send forms."""

import re
from html import unescape
from typing import TYPE_CHECKING

import pytest
from flask import Flask
from werkzeug.test import TestResponse

if TYPE_CHECKING:
    from collections.abc import Callable

    # At run time pytest loads that module itself, as a plugin.
    from tests.support.flask_caller import Caller

FORM_TOKEN = re.compile(r'name="form_token" value="([0-9a-f]{64})"')
#: The headers that Chromium sends with a form of the console's own pages.
OWN = {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"}


class Browser:
    """One browser session, signed in or not. `get` and `post` return the whole response."""

    def __init__(self, flask: Flask) -> None:
        self._client = flask.test_client()

    def get(self, path: str, **options: object) -> TestResponse:
        """Return the response to GET *path*; redirects are not followed."""
        response: TestResponse = self._client.get(path, **options)
        return response

    def post(self, path: str, headers: dict[str, str] | None = None, **fields: str) -> TestResponse:
        """Return the response to a form with *fields*; the default *headers* are those of a page of the console."""
        response: TestResponse = self._client.post(path, data=fields, headers=OWN if headers is None else headers)
        return response

    def send_raw(self, path: str, data: bytes, content_type: str) -> TestResponse:
        """Return the response to a body of any kind."""
        response: TestResponse = self._client.post(path, data=data, content_type=content_type, headers=OWN)
        return response

    def sign_in(self, key: str, **fields: str) -> TestResponse:
        """Send the sign-in form with *key* and return the response."""
        return self.post("/console/sign-in", key=key, **fields)

    def form_token(self) -> str:
        """Return the CSRF token in the forms of this browser's pages."""
        match = FORM_TOKEN.search(self.get("/console").text)
        assert match, "The page has no form with a token; is the browser signed in?"
        return match[1]

    def send(self, path: str, **fields: str) -> TestResponse:
        """Send a form with its CSRF token, as a page would, and return the response."""
        return self.post(path, form_token=self.form_token(), **fields)

    def cookie(self) -> str | None:
        """Return the token in the browser's cookie, or None."""
        cookie = self._client.get_cookie("mergelane-console", path="/console")
        return None if cookie is None else cookie.value

    def hold(self, token: str) -> None:
        """Set the browser's cookie to *token*."""
        self._client.set_cookie("mergelane-console", token, path="/console")


def words(response: TestResponse) -> str:
    """Return the text of a page without tags, with single spaces."""
    # <wbr> only allows a break within a word.
    whole = response.text.replace("<wbr>", "")
    bare = re.sub(r"<(style|script)\b.*?</\1>|<[^>]*>", " ", whole, flags=re.DOTALL)
    return " ".join(unescape(bare).split())


def next_page(response: TestResponse) -> str:
    """Return the URL of the next page of the list in *response*."""
    match = re.search(r'rel="next" href="([^"]+)"', response.text)
    assert match, "The list ends with this page."
    return unescape(match[1])


def filtered(browser: Browser, path: str, **fields: str) -> TestResponse:
    """Send the filter form of the list at *path* and return the page to which it leads."""
    response = browser.send(path, **fields)
    assert response.status_code == 303, response.text
    return browser.get(response.headers["Location"])


@pytest.fixture
def make_browser(flask_app: Flask) -> "Callable[[Caller | None], Browser]":
    """A function that opens a browser, signed in with a caller's key if one is given."""

    def make(caller: "Caller | None" = None) -> Browser:
        browser = Browser(flask_app)
        if caller is not None:
            assert browser.sign_in(caller.secret).status_code == 303
        return browser

    return make


@pytest.fixture
def browser(make_browser: "Callable[[Caller | None], Browser]", caller: "Caller") -> Browser:
    """A browser that is signed in with the caller's key."""
    return make_browser(caller)
