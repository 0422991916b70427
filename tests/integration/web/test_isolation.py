"""A key of one workspace cannot read or change data of another. The tests send requests to every route."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import product
from typing import Any

import pytest
from psycopg import sql
from uuid_utils import uuid7
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from app.config import Settings
from app.db.connections import Connection
from app.web import create_app
from tests.support.flask_caller import Caller
from tests.support.webhook_rows import write_webhook
from tests.support.worker import Worker

Json = dict[str, Any]

#: Values that only responses to the owner of a workspace may contain.
SECRETS = {
    "external_id": "owners-person",
    "renamed_id": "owners-person-renamed",
    "orphan_id": "owners-orphan",
    "alias": "owners-alias",
    "email": "owner@example.com",
    "phone": "+14155550188",
    "first_name": "Ownerina",
    "event": "owners_event",
    "webhook": "https://198.51.100.1/owners-webhook",
    "product": "owners_product",
    "attribute": "owners_attribute",
    "value": "owners_value",
}
LABEL = "shop"
IDENTIFIERS: Sequence[Json] = (
    {"external_id": SECRETS["external_id"]},
    {"external_id": SECRETS["renamed_id"]},
    {"external_id": SECRETS["orphan_id"]},
    {"user_alias": {"alias_label": LABEL, "alias_name": SECRETS["alias"]}},
    {"email": SECRETS["email"], "prioritization": ["most_recently_updated"]},
    {"phone": SECRETS["phone"], "prioritization": ["most_recently_updated"]},
)
NAMED = IDENTIFIERS[:4]
PAIRS = [
    {"identifier_to_merge": orphan, "identifier_to_keep": survivor}
    for orphan, survivor in product(IDENTIFIERS, IDENTIFIERS[:2])
    if orphan != survivor
]
ALIAS = {"alias_label": LABEL, "alias_name": SECRETS["alias"]}
#: A profile with the same email address as the owner's profile.
TWIN = "owners-twin"
STRANGERS_ID = "strangers-person"


@dataclass(frozen=True)
class Owner:
    """A workspace with objects of all kinds, and the ids of the objects that a URL may name."""

    caller: Caller
    batch_id: str
    job_id: str
    run_id: str
    plan_id: str
    exclusion_id: str
    braze_ids: Sequence[str]
    webhook_id: str
    notice_id: str

    def arguments(self, rule: Rule) -> Iterator[Json]:
        """Yield the arguments of the URLs of *rule* that name objects of this workspace."""
        known = {
            "batch_id": [self.batch_id],
            "job_id": [self.job_id],
            "entry_id": [self.job_id],
            "run_id": [self.run_id],
            "plan_id": [self.plan_id],
            "braze_id": self.braze_ids,
            "identifier": [*self.braze_ids, SECRETS["external_id"], SECRETS["renamed_id"], SECRETS["orphan_id"]],
            "name": ["start.js"],
            "exclusion_id": [self.exclusion_id],
            "webhook_id": [self.webhook_id],
            "notice_id": [self.notice_id],
        }
        missing = rule.arguments - known.keys()
        assert not missing, f"Add the values of {missing} in the URL {rule.rule} here."
        names = sorted(rule.arguments)
        for values in product(*(known[name] for name in names)):
            yield dict(zip(names, values, strict=True))

    def secrets(self) -> set[str]:
        """Return all values that no other workspace may read."""
        ids = self.batch_id, self.job_id, self.run_id, self.plan_id, self.exclusion_id, self.webhook_id, self.notice_id
        return {*SECRETS.values(), *ids, *self.braze_ids}


def bodies(braze_ids: Sequence[str]) -> Mapping[str, Sequence[Json]]:
    """Return the bodies with which a stranger tries to access objects of the owner, by URL."""
    return {
        "/users/merge": [{"merge_updates": PAIRS}],
        "/users/merge/preview": [{"merge_updates": PAIRS}],
        "/merge/plans": [{"merge_updates": PAIRS}],
        "/merge/plans/<uuid:plan_id>/updates": [{"merge_updates": PAIRS}],
        "/users/identify": [
            {
                "aliases_to_identify": [{"external_id": STRANGERS_ID, "user_alias": ALIAS}],
                "emails_to_identify": [{"external_id": STRANGERS_ID, **IDENTIFIERS[4]}],
                "phone_numbers_to_identify": [{"external_id": STRANGERS_ID, **IDENTIFIERS[5]}],
            }
        ],
        "/users/track": [
            {
                "attributes": [{**each, "first_name": "Stranger", "_update_existing_only": True} for each in NAMED],
                "events": [
                    {**NAMED[0], "name": "visit", "time": "2026-03-01T08:00:00Z", "_update_existing_only": True}
                ],
            },
            {"attributes": [{"braze_id": each, "first_name": "Stranger"} for each in braze_ids]},
            {"attributes": [{**NAMED[0], "first_name": "Stranger"}]},
        ],
        "/users/alias/new": [{"user_aliases": [{"external_id": SECRETS["external_id"], **ALIAS, "alias_label": "x"}]}],
        "/users/alias/update": [
            {"alias_updates": [{"alias_label": LABEL, "old_alias_name": SECRETS["alias"], "new_alias_name": "mine"}]}
        ],
        "/users/delete": [
            {"external_ids": [each["external_id"] for each in NAMED[:3]]},
            {"user_aliases": [ALIAS]},
            {"braze_ids": list(braze_ids)},
            {"email_addresses": [IDENTIFIERS[4]]},
            {"phone_numbers": [IDENTIFIERS[5]]},
        ],
        "/users/export/ids": [
            {"external_ids": [each["external_id"] for each in NAMED[:3]]},
            {"user_aliases": [ALIAS]},
            {"email_address": SECRETS["email"]},
            {"phone": SECRETS["phone"]},
            *({"braze_id": each} for each in braze_ids),
        ],
        "/users/external_ids/rename": [
            {"external_id_renames": [{"current_external_id": SECRETS["external_id"], "new_external_id": "mine"}]}
        ],
        "/users/external_ids/remove": [{"external_ids": [SECRETS["renamed_id"]]}],
        "/profiles/import": [
            *({**each, "first_name": "Stranger"} for each in NAMED[:3]),
            {"external_id": STRANGERS_ID, "user_aliases": [ALIAS], "email": SECRETS["email"]},
            *({"braze_id": each, "external_id": f"{STRANGERS_ID}-{each}"} for each in braze_ids),
        ],
        "/segments/query": [
            {"filter": {"AND": [{"external_id": {"comparison": "exists"}}]}},
            {"filter": {"OR": [{"external_id": {"comparison": "does_not_exist"}}]}},
        ],
        "/duplicates/policy": [{"daily_at": "03:00", "time_zone": "Asia/Tokyo"}],
        "/merge/jobs/bulk": [{"action": action, "filter": {}} for action in ("retry", "cancel", "undo")],
        "/merge/queue": [{"state": "paused", "merges_per_minute_limit": 1}],
        "/webhooks": [{"url": "https://127.0.0.1/"}],
        "/webhooks/<uuid:webhook_id>": [{}, {"enabled": False, "description": "Stranger"}],
    }


QUERIES: Mapping[str, Sequence[Json]] = {
    "/audit": [{"include": "images"}, *({"identifier": secret} for secret in SECRETS.values())],
    "/audit/export": [{}, {"format": "csv"}],
    "/duplicates/preview": [{}, {"identifier": "phone"}],
    "/duplicates/preview.csv": [{}, {"identifier": "phone"}],
    "/merge/batches": [{}, {"source": "duplicates"}],
    "/profiles": [{}, {"cursor": "0"}],
    "/merge/jobs": [{}, *({"identifier": secret} for secret in SECRETS.values())],
    "/merge/jobs/export": [{}, *({"identifier": secret} for secret in SECRETS.values())],
    "/merge/batches/export": [{}, {"source": "duplicates"}],
    "/merge/runs/export": [{}, {"kind": "client"}],
    "/merge/jobs/<uuid:job_id>": [{}, {"include": "changes"}],
    "/profiles/<braze_id>/activity": [{"event": SECRETS["event"], "days": 30}],
    "/profiles/<braze_id>/history": [{}, {"kind": "purchase"}],
    "/webhooks/<uuid:webhook_id>/notices": [{}, {"state": "dead"}],
}
"""Queries of a stranger. Other URLs get none; bodies without an entry are the example of the endpoint, or empty."""

APPLICATION = create_app(Settings(database_url="postgresql://"))
ROUTES = [
    (method, rule)
    for rule in APPLICATION.url_map.iter_rules()
    for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    # test_console_isolation.py tests routes of the console, with a cookie instead of a key.
    if not rule.endpoint.startswith("console.")
]


@pytest.fixture
def owner(caller: Caller, worker: Worker, connection: Connection) -> Owner:
    """A workspace with a renamed profile, an orphan, and a webhook with a delivery."""
    person = {"external_id": SECRETS["renamed_id"]}
    attributes = {
        **person,
        "email": SECRETS["email"],
        "phone": SECRETS["phone"],
        "first_name": SECRETS["first_name"],
        SECRETS["attribute"]: SECRETS["value"],
    }
    orphan = {"external_id": SECRETS["orphan_id"], "first_name": SECRETS["first_name"]}
    tracked = caller.post(
        "/users/track",
        {
            "attributes": [attributes, orphan],
            "events": [{**person, "name": SECRETS["event"], "time": "2026-03-01T08:00:00Z"}],
            "purchases": [
                {
                    **person,
                    "product_id": SECRETS["product"],
                    "currency": "USD",
                    "price": 1,
                    "time": "2026-03-01T08:00:00Z",
                }
            ],
        },
    )
    aliased = caller.post("/users/alias/new", {"user_aliases": [{**person, **ALIAS}]})
    braze_ids = [exported(caller, each)["braze_id"] for each in (SECRETS["renamed_id"], SECRETS["orphan_id"])]
    merged = caller.post(
        "/users/merge",
        {"merge_updates": [{"identifier_to_merge": IDENTIFIERS[2], "identifier_to_keep": person}]},
        headers={"Idempotency-Key": "the-same"},
    )
    worker.work()
    renames = [{"current_external_id": SECRETS["renamed_id"], "new_external_id": SECRETS["external_id"]}]
    renamed = caller.post("/users/external_ids/rename", {"external_id_renames": renames})
    twin = {"external_id": TWIN, "email": SECRETS["email"], "phone": SECRETS["phone"]}
    caller.post("/users/track", {"attributes": [twin]})
    caller.put("/duplicates/policy", {"daily_at": "00:00"})
    run = caller.post("/duplicates/runs")
    batch = caller.get((merged.json or {})["status_url"]).json or {}

    assert [each.status_code for each in (tracked, aliased, merged, renamed)] == [201, 201, 202, 201]
    assert run.status_code == 202
    assert batch["counts"] == {"merged": 1}
    pair = [{"external_id": TWIN}, {"external_id": SECRETS["external_id"]}]
    excluded = caller.post("/duplicates/exclusions", {"exclusions": [{"profiles": pair, "reason": "twins"}]})
    assert excluded.status_code == 201, excluded.text
    exclusion_id = (excluded.json or {})["exclusions"][0]["exclusion_id"]
    update = {
        "identifier_to_merge": {"external_id": TWIN},
        "identifier_to_keep": {"external_id": SECRETS["external_id"]},
    }
    plan = caller.post("/merge/plans", {"merge_updates": [update]}).json or {}
    ids = batch["batch_id"], batch["jobs"][0]["job_id"], (run.json or {})["run_id"], plan["plan_id"], exclusion_id
    return Owner(caller, *ids, braze_ids, *write_webhook(connection, caller.workspace_id, url=SECRETS["webhook"]))


@pytest.fixture
def stranger(make_caller: Callable[..., Caller]) -> Caller:
    """A caller with all permissions in another workspace."""
    return make_caller(workspace=f"stranger-{uuid7()}")


def exported(caller: Caller, external_id: str) -> Json:
    """Return the profile with *external_id*."""
    (user,) = (caller.post("/users/export/ids", {"external_ids": [external_id]}).json or {})["users"]
    profile: Json = user
    return profile


def holdings(connection: Connection, workspace_id: int) -> dict[str, str]:
    """Return a digest of the rows of a workspace in each table."""
    tables = connection.execute(
        "SELECT table_name AS name FROM information_schema.columns"
        " WHERE table_schema = 'public' AND column_name = 'workspace_id'"
    ).fetchall()
    return {table["name"]: _digest(connection, table["name"], workspace_id) for table in tables}


def _digest(connection: Connection, table: str, workspace_id: int) -> str:
    """Return a digest of the rows of a workspace in *table*."""
    query = sql.SQL("SELECT each::text AS row FROM {} AS each WHERE workspace_id = %s ORDER BY 1")
    rows = [row["row"] for row in connection.execute(query.format(sql.Identifier(table)), [workspace_id])]
    return sha256("\n".join(rows).encode()).hexdigest()


def requests(method: str, rule: Rule, owner: Owner) -> Iterator[tuple[str, Json]]:
    """Yield the paths of *rule* that name objects of the owner, each with a `query` or a `body`."""
    kind, known = ("query", QUERIES) if method == "GET" else ("body", bodies(owner.braze_ids))
    operation = vars(APPLICATION.view_functions[rule.endpoint])["operation"]
    extras = [{kind: each} for each in known.get(rule.rule, [operation.example or {}])]
    for arguments, extra in product(owner.arguments(rule), extras):
        path = rule.rule
        for name, value in arguments.items():
            path = path.replace(f"<{name}>", value).replace(f"<uuid:{name}>", value)
        yield path, extra


def sent_by(caller: Caller, method: str, path: str, extra: Json, headers: dict[str, str]) -> TestResponse:
    """Send a request of *caller* and return the response."""
    if method == "GET":
        return caller.get(path, **extra["query"])
    if path == "/profiles/import":
        return caller.post_lines(path, extra["body"], headers=headers, on_conflict="replace")
    if method == "POST":
        return caller.post(path, extra["body"], headers=headers)
    if method == "DELETE":
        return caller.delete(path)
    return {"PATCH": caller.patch, "PUT": caller.put}[method](path, extra["body"])


@pytest.mark.parametrize(("method", "rule"), ROUTES, ids=lambda part: getattr(part, "rule", part))
def test_a_stranger_reads_and_changes_no_data_of_the_owner(
    method: str, rule: Rule, owner: Owner, stranger: Caller, worker: Worker, connection: Connection
) -> None:
    before = holdings(connection, owner.caller.workspace_id)
    for path, extra in requests(method, rule, owner):
        headers = {"Idempotency-Key": "the-same"}
        answer = sent_by(stranger, method, path, extra, headers)
        worker.work()
        received = answer.text + str(answer.headers)
        sent = path + str(extra)
        answer.close()

        assert answer.status_code < 500, answer.text
        assert rule.arguments <= {"name"} or answer.status_code == 404, f"{method} {path} answered {answer.text}"
        assert [secret for secret in owner.secrets() if secret in received and secret not in sent] == []
    assert holdings(connection, owner.caller.workspace_id) == before


def test_the_results_of_a_strangers_merges_contain_no_data_of_the_owner(
    owner: Owner, stranger: Caller, worker: Worker
) -> None:
    accepted = stranger.post("/users/merge", {"merge_updates": PAIRS})
    worker.work()
    batch = stranger.get((accepted.json or {})["status_url"]).json or {}

    assert batch["counts"] == {"orphan_not_found": len(PAIRS)}
    assert {job["orphan"] is None and job["survivor"] is None for job in batch["jobs"]} == {True}
    assert not any(braze_id in str(batch) for braze_id in owner.braze_ids)


def test_a_stranger_exports_no_profile_of_the_owner(owner: Owner, stranger: Caller) -> None:
    found = [stranger.post("/users/export/ids", body).json for body in bodies(owner.braze_ids)["/users/export/ids"]]

    assert [each["users"] for each in found if each] == [[]] * len(found)


def test_idempotency_keys_of_two_workspaces_are_independent(owner: Owner, stranger: Caller) -> None:
    answer = stranger.post("/users/merge", {"merge_updates": []}, headers={"Idempotency-Key": "the-same"})

    assert answer.status_code == 202
    assert (answer.json or {})["batch_id"] != owner.batch_id
