"""No route of the console shows data of another workspace. The test uses all ids and forms of the owner's pages."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

from flask import Flask

from tests.support.browser import Browser
from tests.support.console_pages import QUERIES, console_routes, page_paths, path_of
from tests.support.flask_caller import Caller
from tests.support.forms import Form, forms_of

#: Values that only pages of the owner contain, besides ids. A stranger enters each of SECRETS in each empty field.
SECRETS = ("customer-3", "customer.7@example.com", "newsletter-2026-03.csv")
MARKS = ("customer-", "@example.com", "newsletter-2026-03", "8.8.8.8/hook", "twins")
PAIR = {
    f"{role}.{name}": [value]
    for role, external_id in (("identifier_to_merge", "customer-3"), ("identifier_to_keep", "customer-6"))
    for name, value in (("kind", "external_id"), ("value", external_id))
}
#: Forms that the pages do not contain, because the data has no preview and no duplicates.
LATER = {
    "/console/merge": Form("post", "/console/merge", {**PAIR, "idempotency_key": ["k"]}),
    **{path: Form("post", path) for path in ("/console/duplicates/plan", "/console/duplicates/run")},
}


def forms_by_rule(flask: Flask, browser: Browser, values: Mapping[str, str]) -> dict[str, list[Form]]:
    """Return the forms on all pages of *browser* by the rule of their action, one form for each URL."""
    found: defaultdict[str, dict[str, Form]] = defaultdict(dict)
    adapter = flask.url_map.bind("localhost")
    for _, path in page_paths(values, flask):
        for form in forms_of(browser.get(path).text, path):
            assert adapter.test(form.action.partition("?")[0], method="POST"), f"{path} has a form for {form.action}."
            rule, _ = adapter.match(form.action.partition("?")[0], method="POST", return_rule=True)
            found[rule.rule][form.action] = form
    return {rule: list(forms.values()) for rule, forms in found.items()}


def filled(form: Form) -> list[dict[str, Any]]:
    """Return the fields of *form* without its token, once for each of SECRETS in its empty fields."""
    fields = {name: value for name, value in form.fields.items() if name != "form_token"}
    if not form.blank:
        return [fields]
    return [{**fields, **{name: [secret] for name in form.blank}} for secret in SECRETS]


def test_a_stranger_sees_no_data_of_the_owner(
    flask_app: Flask,
    caller: Caller,
    console_values: dict[str, str],
    make_caller: Callable[..., Caller],
    make_browser: Callable[[Caller | None], Browser],
) -> None:
    forms = forms_by_rule(flask_app, make_browser(caller), console_values)
    stranger = make_browser(make_caller())
    token = stranger.form_token()
    # The form that signs the stranger out comes last.
    routes = sorted(console_routes(flask_app), key=lambda route: route[1].rule == "/console/sign-out")
    secrets = {*MARKS, *console_values.values()} - {console_values["index"]}
    faults = []
    for method, rule in routes:
        own = path_of(rule.rule, console_values)
        if method == "GET":
            of_run = [] if rule.arguments else [f"{own}?action=undo&run_id={console_values['run_id']}"]
            responses = [(path, stranger.get(path)) for path in (own + QUERIES.get(rule.rule, ""), *of_run)]
        else:
            default = LATER.get(rule.rule) if not rule.arguments else Form("post", own)
            offered = forms.get(rule.rule) or [default]
            assert None not in offered, f"No page has a form for {rule.rule}: add one to LATER."
            responses = [
                (f"{form.action} {fields}", stranger.post(form.action, form_token=token, **fields))
                for form in offered
                if form is not None
                for fields in filled(form)
            ]
        for sent, answer in responses:
            shown = [secret for secret in secrets if secret in answer.text and secret not in sent]
            if shown or answer.status_code >= 500 or (rule.arguments and answer.status_code != 404):
                faults.append((method, sent, answer.status_code, shown))

    assert faults == []
    assert len(forms) > 30


def test_a_browser_without_a_sign_in_is_redirected_from_every_route(
    flask_app: Flask, make_browser: Callable[[Caller | None], Browser]
) -> None:
    browser = make_browser(None)
    routes = console_routes(flask_app)
    values = {name: str(uuid4()) for _, rule in routes for name in rule.arguments} | {"index": "0"}
    answers = {}
    for method, rule in routes:
        path = path_of(rule.rule, values)
        answer = browser.get(path) if method == "GET" else browser.post(path)
        answers[method, rule.rule] = answer.status_code, answer.headers.get("Location", "")[:16]

    assert {route: answer for route, answer in answers.items() if answer != (303, "/console/sign-in")} == {}
