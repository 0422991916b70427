"""The console offers no action that the key lacks the permission for: all pages of the URL map and all their links."""

import re
from collections.abc import Callable, Iterable, Mapping
from html import unescape

import pytest
from flask import Flask
from werkzeug.exceptions import HTTPException

from app.keys.permissions import PERMISSIONS
from tests.support.browser import Browser
from tests.support.console_pages import AT_ONCE, QUERIES, console_routes, page_paths, path_of
from tests.support.flask_caller import Caller
from tests.support.forms import Form, forms_of

LINK = re.compile(r'(?:method="(get|post)"[^<>]*? )?\b(?:href|action|hx-get)="(/console[^"#]*)')
#: A permission that no page of the console requires.
OF_NO_PAGE = "users.track"


SIGN_OUT = "/console/sign-out"


def without_ids(url: str) -> str:
    """Return *url* without its ids, because pages link to many objects of one kind."""
    return re.sub(r"[0-9a-f-]{24,}", "", url)


def needed(flask: Flask, method: str, path: str) -> tuple[str, ...] | None:
    """Return the permissions of the route of *path*. A key needs one of them. None: no permission is needed."""
    try:
        endpoint, _ = flask.url_map.bind("localhost").match(path.partition("?")[0], method=method)
    except HTTPException:
        pytest.fail(f"A page of the console links to {method} {path}, which no route serves.")
    view = flask.view_functions[endpoint]
    permissions: tuple[str, ...] | None = getattr(view, "page_permissions", None)
    return permissions


def refused_forms(offered: Mapping[tuple[str, str], tuple[Browser, Form]]) -> list[str]:
    """Send the offered forms, by permission and path, and return a message for each that is refused or fails."""
    statuses = {
        (permission, action): browser.post(form.action, **form.fields).status_code
        for (permission, action), (browser, form) in offered.items()
        if action != SIGN_OUT
    }
    return [
        f"{permission}: the form {action} returns {status}"
        for (permission, action), status in statuses.items()
        if status == 403 or status >= 500
    ]


def opens(permissions: tuple[str, ...] | None, key: Iterable[str]) -> bool:
    """Return whether a *key* with these permissions opens a route that needs one of *permissions*."""
    return permissions is None or not set(permissions).isdisjoint(key)


def test_every_page_needs_its_permission_and_offers_no_refused_action(
    flask_app: Flask,
    caller: Caller,
    console_values: dict[str, str],
    make_caller: Callable[..., Caller],
    make_browser: Callable[[Caller | None], Browser],
) -> None:
    pages = list(page_paths(console_values, flask_app))
    required = {each for _, path in pages for each in needed(flask_app, "GET", path) or ()}
    broken = []
    offered: dict[tuple[str, str], tuple[Browser, Form]] = {}
    for permission in (*sorted(required), OF_NO_PAGE):
        browser = make_browser(make_caller(workspace=caller.workspace, permissions=(permission,)))
        links: dict[str, str] = {}
        for rule, path in pages:
            page = browser.get(path)
            may_open = opens(needed(flask_app, "GET", path), (permission,))

            assert page.status_code < 500, path
            assert may_open or page.status_code == 403, f"{permission} opens {rule}."
            if page.status_code != 200:
                continue
            for form in forms_of(page.text, path):
                offered.setdefault((permission, without_ids(form.action)), (browser, form))
            for of_form, link in LINK.findall(page.text):
                target, method = unescape(link), (of_form or "get").upper()
                if not opens(needed(flask_app, method, target), (permission,)):
                    broken.append(f"{permission}: {rule} offers {method} {target}, which needs another permission")
                elif method == "GET":
                    links.setdefault(without_ids(target), target)
        answers = {target: browser.get(target).status_code for target in links.values()}
        broken += [
            f"{permission}: the page links to {target}, which returns {status}"
            for target, status in answers.items()
            if status == 403 or status >= 500
        ]

    assert required <= set(PERMISSIONS)
    assert broken + refused_forms(offered) == []
    assert len(offered) > 60


def test_an_action_has_a_confirmation_page_or_an_exception_with_a_reason(
    flask_app: Flask, console_values: dict[str, str], browser: Browser
) -> None:
    routes = console_routes(flask_app)
    asks = {}
    for rule in {rule.rule for method, rule in routes if method == "POST"}:
        page = browser.get(path_of(rule, console_values) + QUERIES.get(rule, ""))
        asks[rule] = 'class="page confirmation"' in page.text

    assert {rule for rule, has_confirmation in asks.items() if not has_confirmation} == set(AT_ONCE)


def test_every_route_refuses_a_key_without_its_permissions(
    flask_app: Flask,
    caller: Caller,
    console_values: dict[str, str],
    make_caller: Callable[..., Caller],
    make_browser: Callable[[Caller | None], Browser],
) -> None:
    browser = make_browser(make_caller(workspace=caller.workspace, permissions=(OF_NO_PAGE,)))
    token = browser.form_token()
    opened = []
    for method, rule in console_routes(flask_app):
        path = path_of(rule.rule, console_values)
        if needed(flask_app, method, path) is not None:
            answer = browser.get(path) if method == "GET" else browser.post(path, form_token=token)
            opened += [(method, rule.rule)] if answer.status_code != 403 else []

    assert opened == []
