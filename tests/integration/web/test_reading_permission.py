"""A key without a reading permission sees no value of a profile on any API route or page of the console."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from app.config import Settings
from app.keys.permissions import PERMISSIONS, READING
from app.web import create_app
from tests.support.browser import Browser
from tests.support.console_pages import path_of
from tests.support.flask_caller import Caller
from tests.support.lane_runs import ext
from tests.support.worker import Worker

Json = dict[str, Any]

#: Permissions with routes that return profiles.
SHOWING = {*READING, "segments.query", "duplicates.preview", "profiles.report"}
#: Values that no other key may see. Names of fields and identifiers of requests are not secret.
VALUES = {
    "first_name": "Markedina",
    "home_city": "Marktown",
    "email": "marked@example.org",
    "phone": "+14155550177",
    "dob": "1987-03-09",
    "favourite": "marked-favourite",
}
ROUTES = [
    (method, rule)
    for rule in create_app(Settings(database_url="postgresql://")).url_map.iter_rules()
    for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
]
#: Merges of the marked orphans into survivors without a value: all values would be changes.
PAIR = {"identifier_to_merge": ext("later"), "identifier_to_keep": ext("blank")}
FORM = {
    "identifier_to_merge.kind": "external_id",
    "identifier_to_merge.value": "later",
    "identifier_to_keep.kind": "external_id",
    "identifier_to_keep.value": "blank",
}
BODIES: dict[str, Json] = {
    "/users/merge/preview": {"merge_updates": [PAIR]},
    "/merge/plans": {"merge_updates": [PAIR]},
    "/merge/plans/<uuid:plan_id>/updates": {"merge_updates": [PAIR]},
    "/users/merge": {"merge_updates": [PAIR]},
    "/users/identify": {
        "aliases_to_identify": [
            {"external_id": "later", "user_alias": {"alias_label": "shop", "alias_name": "marked-guest"}}
        ]
    },
    "/users/track": {"attributes": [{**ext("blank"), "language": "de"}]},
    "/users/alias/new": {"user_aliases": [{**ext("later"), "alias_label": "x", "alias_name": "y"}]},
    "/users/external_ids/rename": {
        "external_id_renames": [{"current_external_id": "later", "new_external_id": "latest"}]
    },
    "/users/delete": {"external_ids": ["later"]},
    "/users/export/ids": {"external_ids": ["later", "survivor"]},
    "/profiles/import": {**ext("later"), **VALUES, "custom_attributes": {"favourite": VALUES["favourite"]}},
    "/segments/query": {"filter": {"external_id": {"comparison": "exists"}}},
    "/duplicates/exclusions": {"exclusions": [{"profiles": [ext("later"), ext("blank")], "reason": "twins"}]},
    "/duplicates/policy": {"daily_at": "03:00"},
    "/merge/queue": {"merges_per_minute_limit": 60_000},
    "/merge/jobs/bulk": {"action": "cancel", "filter": {}},
    "/console/search": {"sought": "survivor"},
    "/console/jobs": {"identifier": "survivor"},
    "/console/audit": {"identifier": "survivor"},
    "/console/audit/export": {"format": "csv"},
    "/console/queue/limit": {"limit": "60000"},
    "/console/webhooks": {"url": "https://127.0.0.1/", "idempotency_key": "k"},
    "/console/merge/preview": FORM,
    "/console/merge": {**FORM, "idempotency_key": "k"},
    "/console/plans": {"pairs": "merge_external_id,keep_external_id\nlater,blank\n"},
    "/console/duplicates/policy": {"identifier": "phone", "resolve_ties_by": "created", "prefer": "oldest"},
    "/console/duplicates/exclusions": {
        "one.kind": "external_id",
        "one.value": "later",
        "other.kind": "external_id",
        "other.value": "blank",
    },
}
QUERIES: dict[str, list[Json]] = {
    "/merge/jobs/<uuid:job_id>": [{}, {"include": "changes"}],
    "/audit": [{"include": "images"}],
    "/duplicates/preview.csv": [{}, {"identifier": "phone"}],
}
"""Other URLs get no query, or an empty body."""


class Walk:
    """Requests to all routes with the ids of one workspace."""

    def __init__(self, ids: dict[str, str]) -> None:
        self.ids = ids

    def reads(self) -> Iterator[tuple[str, Json]]:
        """Yield the path and query of each GET."""
        for method, rule in ROUTES:
            if method == "GET":
                for query in QUERIES.get(rule.rule, [{}]):
                    yield self._path(rule.rule), query

    def writes(self) -> Iterator[tuple[str, str, Json]]:
        """Yield the method, the path and the body of each other request."""
        for method, rule in ROUTES:
            if method != "GET":
                yield method, self._path(rule.rule), BODIES.get(rule.rule, {})

    def _path(self, rule: str) -> str:
        return path_of(rule, self.ids)


@pytest.fixture
def walk(caller: Caller, worker: Worker) -> Walk:
    """A workspace with a merge and an undo of marked profiles, and two profiles that can be merged."""
    orphans = [{**ext(name), **VALUES} for name in ("orphan", "undone", "later")]
    blank = [ext(name) for name in ("survivor", "restored", "blank")]
    tracked = caller.post("/users/track", {"attributes": [*orphans, *blank]})
    guest = {"user_alias": {"alias_label": "shop", "alias_name": "marked-guest"}, **VALUES}
    caller.post("/users/track", {"attributes": [guest]})
    pairs = [("orphan", "survivor"), ("undone", "restored")]
    body = {"merge_updates": [{"identifier_to_merge": ext(a), "identifier_to_keep": ext(b)} for a, b in pairs]}
    accepted: Any = caller.post("/users/merge", body).json
    worker.work()
    batch: Any = caller.get(accepted["status_url"]).json
    first, second = (job["job_id"] for job in batch["jobs"])
    caller.post(f"/merge/jobs/{second}/undo")
    worker.work()
    exclusion = {"exclusions": [{"profiles": [ext("undone"), ext("blank")], "reason": "twins"}]}
    excluded: Any = caller.post("/duplicates/exclusions", exclusion).json
    run: Any = caller.post("/duplicates/runs").json
    plan: Any = caller.post("/merge/plans", {"merge_updates": [PAIR]}).json

    assert tracked.status_code == 201, tracked.text
    assert batch["counts"] == {"merged": 2}
    ids = {
        "batch_id": batch["batch_id"],
        "small_batch_id": batch["batch_id"],
        "job_id": first,
        "entry_id": first,
        "run_id": run["run_id"],
        "duplicate_run_id": run["run_id"],
        "index": "0",
        "plan_id": plan["plan_id"],
        "exclusion_id": excluded["exclusions"][0]["exclusion_id"],
        "braze_id": batch["jobs"][0]["survivor"]["braze_id"],
        "identifier": batch["jobs"][0]["orphan"]["braze_id"],
        "dead_job_id": first,
        "key_id": str(caller.key_id),
        "webhook_id": first,
        "notice_id": first,
        "name": "start.js",
        "path": "nothing",
    }
    return Walk(ids)


def sent(caller: Caller, method: str, path: str, body: Json) -> str:
    """Return the text of the response."""
    if method == "DELETE":
        return caller.delete(path).text
    if path == "/profiles/import":
        texts = [caller.post_lines(path, body, on_conflict=each).text for each in ("skip", "fill", "replace")]
        return "".join(texts)
    return {"POST": caller.post, "PUT": caller.put, "PATCH": caller.patch}[method](path, body).text


def values_in(text: str) -> list[str]:
    """Return the values in *text*."""
    return [value for value in VALUES.values() if value in text]


def seen_by(caller: Caller, browser: Browser, walk: Walk) -> set[tuple[str, str]]:
    """Send all reads and then all writes of a key; return each path whose response has a value, with the value."""
    found = set()
    for path, query in walk.reads():
        text = (browser.get(path) if path.startswith("/console") else caller.get(path, **query)).text
        found |= {(path, value) for value in values_in(text)}
    for method, path, body in walk.writes():
        if path.startswith("/console"):
            text = browser.send(path, **body).text if path != "/console/sign-out" else ""
        else:
            text = sent(caller, method, path, body)
        found |= {(path, value) for value in values_in(text)}
    return found


@pytest.mark.parametrize("permission", [each for each in PERMISSIONS if each not in SHOWING])
def test_keys_without_a_reading_permission_see_no_value(
    permission: str,
    walk: Walk,
    caller: Caller,
    make_caller: Callable[..., Caller],
    make_browser: Callable[[Caller | None], Browser],
) -> None:
    key = make_caller(workspace=caller.workspace, permissions=(permission,))

    assert seen_by(key, make_browser(key), walk) == set()


def test_keys_with_a_reading_permission_see_the_values_of_changes(
    walk: Walk, caller: Caller, make_caller: Callable[..., Caller], make_browser: Callable[[Caller | None], Browser]
) -> None:
    for permission in READING:
        key = make_caller(workspace=caller.workspace, permissions=("users.merge", permission))
        job = f"/merge/jobs/{walk.ids['job_id']}"
        preview: Any = key.post("/users/merge/preview", BODIES["/users/merge/preview"])
        pages = [
            key.get(job, include="changes").text,
            preview.text,
            make_browser(key).get(f"/console/jobs/{walk.ids['job_id']}").text,
            make_browser(key).send("/console/merge/preview", **FORM).text,
        ]

        assert [VALUES["first_name"] in page for page in pages] == [True] * 4


def test_changes_with_no_values_name_their_field_and_rule(
    walk: Walk, caller: Caller, make_caller: Callable[..., Caller]
) -> None:
    key = make_caller(workspace=caller.workspace, permissions=("users.merge",))

    job: Any = key.get(f"/merge/jobs/{walk.ids['job_id']}", include="changes").json

    assert "first_name" in {change["field"] for change in job["changes"]}
    assert {frozenset(change) for change in job["changes"]} == {frozenset({"field", "rule"})}
