"""Lists the console's routes from the URL map, so the tests visit each new page without an edit."""

import re
from collections.abc import Iterator, Mapping

from flask import Flask
from werkzeug.routing import Rule

from app.config import Settings
from app.web import create_app
from app.web.console import PREFIX

#: An argument of a URL.
ARGUMENT = re.compile(r"<(?:[^>:]+:)?(\w+)>")
#: Routes that display no data of a workspace, and why.
WITHOUT_DATA: Mapping[str, str] = {
    "/console/sign-in": "the form that takes a key",
    "/console/parts/<name>": "scripts and styles",
    "/console/<path:path>": "answers 404 to all other paths",
}
#: The queries of pages that are empty without them.
QUERIES: Mapping[str, str] = {"/console/jobs/bulk": "?action=retry"}
#: URL rules of files that a browser saves. They have permissions, but are not pages.
DOWNLOAD = re.compile(r"\.(csv|json|jsonl)$|/(csv|download|export|outcomes)$")
#: URL rules whose argument has another value than in the other rules: rule → argument → name in the data.
OTHER_VALUES: Mapping[str, Mapping[str, str]] = {
    "/console/jobs/<uuid:job_id>/retry": {"job_id": "dead_job_id"},
    "/console/duplicates/runs/<uuid:run_id>": {"run_id": "duplicate_run_id"},
    "/console/duplicates/runs/<uuid:run_id>/cancel": {"run_id": "duplicate_run_id"},
    "/console/batches/<uuid:batch_id>/undo": {"batch_id": "small_batch_id"},
}
#: Forms that act without a confirmation page, and why. docs/console.md contains the rule.
FILTER = "a filter or a search: nothing changes"
ITSELF = "its fields say what it makes, and the page has a way back"
AT_ONCE: Mapping[str, str] = {
    "/console/sign-out": "signing in again takes it back",
    "/console/search": FILTER,
    "/console/jobs": FILTER,
    "/console/dead": FILTER,
    "/console/batches": FILTER,
    "/console/batches/<uuid:batch_id>": FILTER,
    "/console/runs": FILTER,
    "/console/audit": FILTER,
    "/console/audit/export": "a file: nothing changes",
    "/console/merge/preview": "nothing changes",
    "/console/merge": "the preview above the button says what it does",
    "/console/plans": ITSELF,
    "/console/duplicates/plan": "it makes a plan of one click, which is applied after a question",
    "/console/duplicates/policy": ITSELF,
    "/console/duplicates/exclusions": ITSELF,
    "/console/webhooks": ITSELF,
    "/console/webhooks/<uuid:webhook_id>/change": ITSELF,
    "/console/webhooks/<uuid:webhook_id>/test": "it sends one notice that says it is a test",
    "/console/webhooks/<uuid:webhook_id>/notices/<uuid:notice_id>/retry": "it sends one notice again",
}
NO_VALUE = (
    "The route {rule} has the argument {name}, for which there is no value. Add one to the result of"
    " make_console_data in tests/support/console_data.py."
)


def console_routes(flask: Flask | None = None) -> list[tuple[str, Rule]]:
    """Return the method and the URL rule of each console route except WITHOUT_DATA, sorted."""
    flask = flask or create_app(Settings(database_url="postgresql://"))
    return sorted(
        (
            (method, rule)
            for rule in flask.url_map.iter_rules()
            if (rule.rule == PREFIX or rule.rule.startswith(f"{PREFIX}/")) and rule.rule not in WITHOUT_DATA
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        ),
        key=lambda route: (route[0], route[1].rule),
    )


def page_paths(values: Mapping[str, str], flask: Flask | None = None) -> Iterator[tuple[str, str]]:
    """Yield the URL rule and the path of each page, without files; *values* are those of make_console_data."""
    for method, rule in console_routes(flask):
        if method == "GET" and not DOWNLOAD.search(rule.rule):
            yield rule.rule, f"{path_of(rule.rule, values)}{QUERIES.get(rule.rule, '')}"


def path_of(rule: str, values: Mapping[str, str]) -> str:
    """Return the path of *rule* with its arguments from *values*; fail with a message if one is missing."""
    names = OTHER_VALUES.get(rule, {})

    def value(found: re.Match[str]) -> str:
        name = names[found[1]] if names.get(found[1]) in values else found[1]
        assert name in values, NO_VALUE.format(rule=rule, name=name)
        return values[name]

    return ARGUMENT.sub(value, rule)
