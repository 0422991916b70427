"""Nobody finds anything of another workspace in the console: every page is asked, with a cookie of the wrong one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from werkzeug.routing import Rule

from app.config import Settings
from app.db.connections import Connection
from app.web import create_app
from tests.support.browser import Browser
from tests.support.front_door import Caller
from tests.support.runs import create_run, in_run
from tests.support.webhook_rows import write_webhook
from tests.support.worker import Worker

Json = dict[str, Any]

SECRETS = ("owners-person", "owners-orphan", "owner@example.com", "Ownerina", "owners_attribute")
#: Pages that show nobody's data, and why they need not be asked.
OPEN = {"/console/sign-in": "the form that takes a key", "/console/parts/<name>": "scripts and styles"}
#: The pair that a stranger types into the form of a merge, and what stands there for the owner's job.
PAIR = {
    f"{role}.{name}": value
    for role, whom in (("identifier_to_merge", SECRETS[1]), ("identifier_to_keep", SECRETS[0]))
    for name, value in (("kind", "external_id"), ("value", whom))
}
OWNERS_JOB = "the owner's job"
#: The path whose query has an action and a filter.
BULK = "/console/jobs/bulk"
#: What a stranger puts into the form at each URL that takes one.
FORMS: dict[str, list[dict[str, str]]] = {
    "/console/sign-out": [{}],
    "/console/search": [{"sought": secret} for secret in SECRETS[:3]],
    "/console/jobs": [{"identifier": secret} for secret in SECRETS[:3]],
    "/console/batches": [{}, {"run_id": OWNERS_JOB}],
    "/console/dead": [{"identifier": secret} for secret in SECRETS[:3]],
    "/console/batches/<uuid:batch_id>": [{}, {"identifier": SECRETS[0]}],
    "/console/batches/<uuid:batch_id>/undo": [{"idempotency_key": "k"}],
    "/console/jobs/<uuid:job_id>/undo": [{"idempotency_key": "k"}],
    "/console/jobs/<uuid:job_id>/retry": [{}],
    "/console/runs": [{}, {"key": OWNERS_JOB}],
    "/console/runs/<uuid:run_id>/close": [{}],
    "/console/runs/<uuid:run_id>/resume": [{}],
    "/console/runs/<uuid:run_id>/cancel": [{}],
    "/console/runs/<uuid:run_id>/undo": [{}],
    BULK: [{}],
    "/console/audit": [{"identifier": SECRETS[0]}],
    "/console/audit/export": [{"identifier": SECRETS[0]}, {}],
    "/console/queue/pause": [{}],
    "/console/queue/resume": [{}],
    "/console/queue/limit": [{"limit": "1"}],
    "/console/queue/cancel": [{}],
    "/console/webhooks": [{"url": "https://127.0.0.1/", "idempotency_key": "k"}],
    "/console/webhooks/<uuid:webhook_id>/change": [{"url": "https://203.0.113.1/", "types": "merge.run.finished"}],
    "/console/webhooks/<uuid:webhook_id>/rotate": [{"idempotency_key": "k"}],
    "/console/webhooks/<uuid:webhook_id>/test": [{}],
    "/console/webhooks/<uuid:webhook_id>/disable": [{}],
    "/console/webhooks/<uuid:webhook_id>/enable": [{}],
    "/console/webhooks/<uuid:webhook_id>/delete": [{}],
    "/console/webhooks/<uuid:webhook_id>/notices/<uuid:notice_id>/retry": [{}],
    "/console/merge/preview": [PAIR],
    "/console/merge": [{**PAIR, "idempotency_key": "k"}],
    "/console/plans": [{"pairs": f"merge_external_id,keep_external_id\n{SECRETS[1]},{SECRETS[0]}\n"}],
    "/console/plans/<uuid:plan_id>/apply": [{}],
    "/console/plans/<uuid:plan_id>/discard": [{}],
    "/console/duplicates/run": [{}],
    "/console/duplicates/plan": [{}],
    "/console/duplicates/runs/<uuid:run_id>/cancel": [{}],
    "/console/duplicates/policy": [
        {"identifier": "email", "resolve_ties_by": "updated", "prefer": "newest", "time_zone": "UTC"}
    ],
    "/console/duplicates/exclusions": [
        {
            "one.kind": "external_id",
            "one.value": SECRETS[0],
            "other.kind": "external_id",
            "other.value": SECRETS[1],
        }
    ],
    "/console/duplicates/exclusions/<uuid:exclusion_id>/delete": [{}],
}
ROUTES = [
    (method, rule)
    for rule in create_app(Settings(database_url="postgresql://")).url_map.iter_rules()
    for method in sorted((rule.methods or set()) - {"HEAD"})
    if rule.endpoint.startswith("console.") and rule.rule not in OPEN
]


@dataclass(frozen=True)
class Owner:
    """A workspace with a merge and a webhook with a dead notice in it."""

    caller: Caller
    batch_id: str
    job_id: str
    run_id: str
    braze_ids: tuple[str, ...]
    webhook_id: str
    notice_id: str
    plan_id: str
    duplicate_run_id: str
    exclusion_id: str

    def paths(self, rule: Rule) -> list[str]:
        """Return the paths of *rule* that lead to something of this workspace."""
        known = {
            "<uuid:batch_id>": [self.batch_id],
            "<uuid:job_id>": [self.job_id],
            "<uuid:entry_id>": [self.job_id],
            "<uuid:webhook_id>": [self.webhook_id],
            "<uuid:plan_id>": [self.plan_id],
            "<uuid:run_id>": [self.duplicate_run_id if "/duplicates/" in rule.rule else self.run_id],
            "<uuid:exclusion_id>": [self.exclusion_id],
            "<braze_id>": list(self.braze_ids),
            "<path:path>": ["nothing"],
        }
        for place, values in known.items():
            if place in rule.rule:
                named = [rule.rule.replace(place, value).replace("<int:index>", "0") for value in values]
                return [path.replace("<uuid:notice_id>", self.notice_id) for path in named]
        if rule.rule == BULK:
            return [f"{BULK}?action=undo&run_id={self.run_id}"]
        assert "<" not in rule.rule, f"Tell here what of a workspace the URL {rule.rule} names."
        return [rule.rule]


@pytest.fixture
def owner(caller: Caller, worker: Worker, connection: Connection) -> Owner:
    """A workspace with two people, one merged into the other."""
    people = [{"external_id": each, "first_name": SECRETS[3], SECRETS[4]: 1} for each in SECRETS[:2]]
    people[0]["email"] = SECRETS[2]
    caller.post("/users/track", {"attributes": people})
    users: Any = caller.post("/users/export/ids", {"external_ids": list(SECRETS[:2])}).json
    pair = {"identifier_to_merge": {"external_id": SECRETS[1]}, "identifier_to_keep": {"external_id": SECRETS[0]}}
    run_id = create_run(caller, label=SECRETS[4])
    accepted: Any = caller.post("/users/merge", {"merge_updates": [pair]}, headers=in_run(run_id)).json
    worker.work()
    jobs: Any = caller.get("/merge/jobs").json
    braze_ids = tuple(user["braze_id"] for user in users["users"])
    caller.post("/users/track", {"attributes": [{"external_id": "owners-friend"}]})
    planned = {"merge_updates": [{**pair, "identifier_to_merge": {"external_id": "owners-friend"}}]}
    plan: Any = caller.post("/merge/plans", planned).json
    run: Any = caller.post("/duplicates/runs").json
    both = [{"external_id": each} for each in (SECRETS[0], "owners-friend")]
    stored: Any = caller.post("/duplicates/exclusions", {"exclusions": [{"profiles": both, "reason": "not one"}]}).json
    return Owner(
        caller,
        accepted["batch_id"],
        jobs["jobs"][0]["job_id"],
        run_id,
        braze_ids,
        *write_webhook(connection, caller.workspace_id, url="https://owner.example/"),
        plan["plan_id"],
        run["run_id"],
        stored["exclusions"][0]["exclusion_id"],
    )


@pytest.fixture
def stranger(make_browser: Callable[[Caller | None], Browser], make_caller: Callable[..., Caller]) -> Browser:
    """A browser that is signed in to a workspace of its own."""
    return make_browser(make_caller())


@pytest.mark.parametrize(("method", "rule"), ROUTES, ids=lambda part: getattr(part, "rule", part))
def test_a_stranger_finds_nothing(method: str, rule: Rule, owner: Owner, stranger: Browser) -> None:
    assert method == "GET" or rule.rule in FORMS, f"Tell above what a stranger would send to {rule.rule}."
    ids = owner.batch_id, owner.job_id, owner.run_id, owner.webhook_id, owner.notice_id, owner.plan_id
    secrets = {*SECRETS, *ids, *owner.braze_ids}
    for path in owner.paths(rule):
        for form in [{}] if method == "GET" else FORMS[rule.rule]:
            told = {name: value.replace(OWNERS_JOB, owner.job_id) for name, value in form.items()}
            answer = stranger.get(path) if method == "GET" else stranger.send(path, **told)
            sent = path + str(told)

            assert answer.status_code < 500
            assert not rule.arguments or answer.status_code == 404, path
            assert [secret for secret in secrets if secret in answer.text and secret not in sent] == []


@pytest.mark.parametrize(("method", "rule"), ROUTES, ids=lambda part: getattr(part, "rule", part))
def test_whoever_is_not_signed_in_sees_nothing(
    method: str, rule: Rule, owner: Owner, make_browser: Callable[[Caller | None], Browser]
) -> None:
    browser = make_browser(None)
    for path in owner.paths(rule):
        answer = browser.get(path) if method == "GET" else browser.post(path)

        assert answer.status_code == 303
        assert answer.headers["Location"].startswith("/console/sign-in")


def test_the_owner_finds_all_of_it(owner: Owner, make_browser: Callable[[Caller | None], Browser]) -> None:
    browser = make_browser(owner.caller)
    statuses = {
        path: browser.get(path).status_code for _, rule in ROUTES if rule.arguments for path in owner.paths(rule)
    }

    webhook = f"/console/webhooks/{owner.webhook_id}"
    assert statuses == {
        "/console/nothing": 404,
        f"/console/audit/{owner.job_id}": 200,
        webhook: 200,
        **{f"{webhook}/{action}": 200 for action in ("change", "delete", "disable", "enable", "rotate")},
        f"{webhook}/test": 404,
        f"{webhook}/notices/{owner.notice_id}/retry": 404,
        f"/console/batches/{owner.batch_id}": 200,
        f"/console/batches/{owner.batch_id}/undo": 200,
        f"/console/jobs/{owner.job_id}/undo": 200,
        f"/console/jobs/{owner.job_id}/retry": 409,
        f"/console/jobs/{owner.job_id}": 200,
        f"/console/runs/{owner.run_id}": 200,
        f"/console/runs/{owner.run_id}/close": 200,
        f"/console/runs/{owner.run_id}/resume": 200,
        f"/console/runs/{owner.run_id}/cancel": 200,
        f"/console/runs/{owner.run_id}/undo": 200,
        f"/console/profiles/{owner.braze_ids[0]}": 200,
        f"/console/profiles/{owner.braze_ids[1]}": 410,
        f"/console/plans/{owner.plan_id}": 200,
        f"/console/plans/{owner.plan_id}/pairs/0": 200,
        f"/console/plans/{owner.plan_id}/apply": 200,
        f"/console/plans/{owner.plan_id}/discard": 200,
        f"/console/duplicates/runs/{owner.duplicate_run_id}": 200,
        f"/console/duplicates/runs/{owner.duplicate_run_id}/cancel": 200,
        f"/console/duplicates/exclusions/{owner.exclusion_id}/delete": 200,
    }
