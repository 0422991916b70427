"""Every endpoint with valid requests, from which hostile ones are made."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from app.config import Settings
from app.web import create_app
from fuzz.names import MAY, STEPS, Json, Names
from fuzz.segments import segment

Body = Callable[[Names], Json]
#: The vendor's example requests.
SEEDS = Path(__file__).parents[1] / "tests" / "contract" / "seeds"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A method at a URL rule in Flask's notation, and the parts of a valid request to it."""

    method: str
    rule: str
    #: Valid bodies; empty if the endpoint accepts none.
    bodies: tuple[Body, ...] = ()
    #: Valid queries.
    query: tuple[Json, ...] = ()
    #: The media type of its bodies. A body of NDJSON is one line.
    media: str = "application/json"


def bulk(names: Names) -> Json:
    """Return a bulk action on a few jobs."""
    return {"action": "retry", "filter": {"kind": "merge", "identifier": names.email(), "from": MAY}}


def track(names: Names) -> Json:
    """Return attributes, events, purchases, sessions and engagements of a few people."""
    return {
        "attributes": [
            {
                **names.who(),
                "_update_existing_only": False,
                "first_name": "Ada",
                "email": names.email(),
                "phone": names.phone(),
                "dob": "1815-12-10",
                "country": "GB",
                "language": "en",
                "time_zone": "Europe/London",
                "gender": "F",
                "current_location": {"longitude": -0.1, "latitude": 51.5},
                "email_subscribe": "opted_in",
                "push_subscribe": "unsubscribed",
                "date_of_first_session": MAY,
                "marked_email_as_spam_at": MAY,
                "facebook": {"id": "1"},
                "push_tokens": [{"app_id": "app", "token": "t", "device_id": "d"}],
                "devices": [{"device_id": "d", "model": "m", "ad_tracking_enabled": True}],
                "subscription_groups": [{"subscription_group_id": "g", "subscription_state": "subscribed"}],
                "test_user": True,
            },
            {
                **names.who(),
                "_merge_objects": True,
                "plan": "gold",
                "visits": {"inc": 1},
                "tags": {"add": ["a"], "remove": ["b"]},
                "orders": {"$add": [{"id": 1, "at": {"$time": MAY}}]},
                "nested": {"of": [1, None, {"a": "b"}]},
            },
        ],
        "events": [
            {**names.who(), "name": "login", "time": MAY, "app_id": "app", "properties": {"a": 1}},
            {**names.who(), "_update_existing_only": names.rng.random() < 0.5, "name": "login", "time": MAY},
        ],
        "purchases": [
            {
                **names.who(),
                "product_id": "hat",
                "currency": "USD",
                "price": 9.99,
                "quantity": 2,
                "time": MAY,
                "properties": {"colour": "red"},
            }
        ],
        "sessions": [
            {**names.who(), "app_id": "app", "started_at": MAY, "ended_at": MAY, "device": {"device_id": "d"}}
        ],
        "engagements": [
            {**names.who(), "kind": "canvas", "id": "c", "name": "C", "event": "received", "step_id": "s", "time": MAY}
        ],
    }


def track_one(names: Names) -> Json:
    """Return one object of one array of `/users/track`."""
    whole = track(names)
    array = names.rng.choice(list(whole))
    return {array: [names.rng.choice(whole[array])]}


def merge(names: Names) -> Json:
    """Return a few merges."""
    return {
        "merge_updates": [
            {"identifier_to_merge": names.identifier(), "identifier_to_keep": names.identifier()}
            for _ in range(names.rng.randint(1, 3))
        ]
    }


def identify(names: Names) -> Json:
    """Return identifications by alias, email and phone."""
    steps = list(names.rng.choice(STEPS))
    return {
        "aliases_to_identify": [{"external_id": names.external_id(), "user_alias": names.alias()}],
        "emails_to_identify": [
            {"external_id": names.external_id(), "email": names.email(), "prioritization": steps},
        ],
        "phone_numbers_to_identify": [
            {"external_id": names.external_id(), "phone": names.phone(), "prioritization": steps},
        ],
    }


def delete(names: Names) -> Json:
    """Return a deletion by every kind of identifier."""
    steps = list(names.rng.choice(STEPS))
    return {
        "external_ids": [names.external_id()],
        "user_aliases": [names.alias()],
        "braze_ids": ["5fbd5f1ea3a5b9c2d4e6f708"],
        "email_addresses": [{"email": names.email(), "prioritization": steps}],
        "phone_numbers": [{"phone": names.phone(), "prioritization": steps}],
    }


def export(names: Names) -> Json:
    """Return an export by every kind of identifier."""
    return {
        "external_ids": [names.external_id()],
        "user_aliases": [names.alias()],
        "braze_id": "5fbd5f1ea3a5b9c2d4e6f708",
        "email_address": names.email(),
        "phone": names.phone(),
        "device_id": "d",
        "fields_to_export": ["external_id", "email", "custom_attributes"],
    }


def alias_new(names: Names) -> Json:
    """Return a new alias with an external_id, one with a device, and one alone."""
    return {
        "user_aliases": [
            {"external_id": names.external_id(), **names.alias()},
            {"device_id": names.device_id(), **names.alias()},
            names.alias(),
        ]
    }


def alias_update(names: Names) -> Json:
    """Return an alias under another name."""
    old, new = names.alias(), names.alias()
    update = {"alias_label": old["alias_label"], "old_alias_name": old["alias_name"]}
    return {"alias_updates": [{**update, "new_alias_name": new["alias_name"]}]}


def rename(names: Names) -> Json:
    """Return an external_id under another name."""
    one = {"current_external_id": names.external_id(), "new_external_id": names.external_id()}
    return {"external_id_renames": [one]}


def remove(names: Names) -> Json:
    """Return a deprecated external_id to remove."""
    return {"external_ids": [names.external_id()]}


def webhook(names: Names) -> Json:
    """Return a webhook. No sender runs, so nothing is sent to it."""
    url = f"https://8.8.8.8:{names.rng.choice((443, 8443))}/hook?name={names.external_id()}"
    return {"url": url, "types": ["merge.batch.finished"], "description": "fuzz", "enabled": True}


def wish(names: Names) -> Json:
    """Return changes of a webhook."""
    return {"description": names.external_id(), "enabled": names.rng.random() < 0.5}


def vendor_examples(rule: str) -> tuple[Body, ...]:
    """Return the bodies for *rule* among the vendor's example requests in the contract tests."""
    seeds = [orjson.loads(path.read_bytes()) for path in sorted(SEEDS.glob("*.json"))]
    requests = [seed["request"] for seed in seeds if seed["request"]["path"] == rule]
    bodies = [request["body"] for request in requests if "body" in request]
    return tuple(partial(_unchanged, body) for body in bodies)


def _unchanged(body: Json, _: Names) -> Json:
    """Return *body* for any people."""
    return body


def nothing(_: Names) -> Json:
    """Return an empty object."""
    return {}


def policy(names: Names) -> Json:
    """Return a duplicate policy without a daily run, because this would depend on the time of day."""
    chance = names.rng
    return {
        "identifier": chance.choice(["email", "phone"]),
        "resolve_ties_by": chance.choice(["created", "updated", "last_session"]),
        "prefer": chance.choice(["newest", "oldest"]),
        "daily_at": None,
        "time_zone": "Europe/Berlin",
    }


def exclusions(names: Names) -> Json:
    """Return a pair of profiles that is not a match."""
    pair = [{"external_id": f"u-{names.spell}-{number}"} for number in range(2)]
    return {"exclusions": [{"profiles": pair, "reason": "twins"}]}


def whole_profile(names: Names) -> Json:
    """Return a line of an import: a profile in the format of the export."""
    return {
        "external_id": names.external_id(),
        "user_aliases": [names.alias()],
        "first_name": "Ada",
        "email": names.email(),
        "phone": names.phone(),
        "dob": "1815-12-10",
        "country": "GB",
        "last_coordinates": [-0.1, 51.5],
        "custom_attributes": {"plan": "gold", "tags": ["a"], "nested": {"of": [1, None]}},
        "custom_events": [{"name": "login", "count": 3, "first": MAY, "last": MAY}],
        "purchases": [{"name": "hat", "count": 2, "first": MAY, "last": MAY}],
        "total_revenue": 19.98,
        "purchase_count": 2,
        "apps": [{"name": "App", "app_id": "app", "sessions": 2, "first_used": MAY, "last_used": MAY}],
        "devices": [{"device_id": "d", "model": "m"}],
        "push_tokens": [{"app": "app", "token": "t", "device_id": "d", "platform": "ios"}],
        "email_subscribe": "opted_in",
        "subscription_groups": [{"subscription_group_id": "g", "subscription_state": "subscribed"}],
        "campaigns_received": [{"name": "Sale", "api_campaign_id": "sale", "last_received": MAY}],
        "canvases_received": [{"name": "Flow", "api_canvas_id": "flow", "last_entered": MAY}],
    }


def queue(names: Names) -> Json:
    """Return settings of a queue that is not paused: a paused one would delay the run."""
    return {"state": "running", "merges_per_minute_limit": names.rng.choice([None, 100_000_000])}


def run(names: Names) -> Json:
    """Return a run to create."""
    kind = names.rng.choice(["client", "file", "import"])
    body: Json = {"label": f"run {names.spell}", "kind": kind, "priority": names.rng.randint(0, 7)}
    return body if kind == "import" else {**body, **failure_limit(names)}


def failure_limit(names: Names) -> Json:
    """Return the limit of a run to create or to resume."""
    return {"max_failures": names.rng.choice([None, 5, "2%", "0.5 %"])}


def planned(names: Names) -> Json:
    """Return the options of a run over duplicates."""
    return {"plan": names.rng.random() < 0.5}


def chosen(names: Names) -> Json:
    """Return the updates of a plan to apply."""
    return {"only": [names.rng.randint(0, 2)]}


POLLED: tuple[Json, ...] = ({}, {"limit": "1"}, {"limit": "2", "cursor": "{cursor}"})

AUDITED: tuple[Json, ...] = (
    {},
    {"action": "rename", "from": MAY},
    {"identifier": "u-0-1", "to": "2030-01-01T00:00:00Z"},
    {"job_id": "01890a5d-ac96-774b-bcce-b302099a8057", "key": "01890a5d-ac96-774b-bcce-b302099a8057"},
)

#: Endpoints with their own requests.
LISTED: tuple[Endpoint, ...] = (
    Endpoint(method="GET", rule="/audit", query=(*POLLED, *AUDITED, {"include": "images"})),
    Endpoint(method="GET", rule="/audit/<uuid:entry_id>"),
    Endpoint(method="GET", rule="/audit/export", query=(*AUDITED, {"format": "csv"})),
    Endpoint(method="GET", rule="/openapi.json"),
    Endpoint(method="GET", rule="/docs"),
    Endpoint(method="GET", rule="/docs/<name>"),
    Endpoint(method="GET", rule="/health/live"),
    Endpoint(method="GET", rule="/health/ready"),
    Endpoint(method="GET", rule="/metrics"),
    Endpoint(method="GET", rule="/duplicates/policy"),
    Endpoint(method="PUT", rule="/duplicates/policy", bodies=(policy,)),
    Endpoint(method="GET", rule="/duplicates/preview", query=({}, {"identifier": "phone", "prefer": "oldest"})),
    Endpoint(method="GET", rule="/duplicates/preview.csv", query=({}, {"resolve_ties_by": "last_session"})),
    Endpoint(method="GET", rule="/duplicates/exclusions", query=POLLED),
    Endpoint(method="POST", rule="/duplicates/exclusions", bodies=(exclusions,)),
    Endpoint(method="DELETE", rule="/duplicates/exclusions/<uuid:exclusion_id>"),
    Endpoint(method="POST", rule="/duplicates/runs", bodies=(nothing, planned)),
    Endpoint(method="GET", rule="/duplicates/runs", query=POLLED),
    Endpoint(method="GET", rule="/duplicates/runs/<uuid:run_id>"),
    Endpoint(method="POST", rule="/duplicates/runs/<uuid:run_id>/cancel", bodies=(nothing,)),
    Endpoint(method="GET", rule="/merge/plans", query=POLLED),
    Endpoint(method="POST", rule="/merge/plans", bodies=(merge,)),
    Endpoint(method="GET", rule="/merge/plans/<uuid:plan_id>", query=POLLED),
    Endpoint(method="DELETE", rule="/merge/plans/<uuid:plan_id>"),
    Endpoint(method="POST", rule="/merge/plans/<uuid:plan_id>/updates", bodies=(merge,)),
    Endpoint(method="POST", rule="/merge/plans/<uuid:plan_id>/apply", bodies=(nothing, chosen)),
    Endpoint(method="GET", rule="/merge/runs", query=(*POLLED, {"kind": "client", "state": "open"})),
    Endpoint(method="POST", rule="/merge/runs", bodies=(run,)),
    Endpoint(method="GET", rule="/merge/runs/<uuid:run_id>"),
    Endpoint(method="GET", rule="/merge/runs/<uuid:run_id>/batches", query=POLLED),
    Endpoint(method="POST", rule="/merge/runs/<uuid:run_id>/close", bodies=(nothing,)),
    Endpoint(method="POST", rule="/merge/runs/<uuid:run_id>/cancel", bodies=(nothing,)),
    Endpoint(method="POST", rule="/merge/runs/<uuid:run_id>/resume", bodies=(nothing, failure_limit)),
    Endpoint(method="POST", rule="/merge/runs/<uuid:run_id>/undo", bodies=(nothing,)),
    Endpoint(method="GET", rule="/merge/batches/<uuid:batch_id>"),
    Endpoint(method="GET", rule="/merge/batches", query=(*POLLED, {"source": "duplicates"})),
    Endpoint(method="GET", rule="/merge/jobs/<uuid:job_id>", query=({}, {"include": "changes"})),
    Endpoint(
        method="GET",
        rule="/merge/jobs",
        query=(
            *POLLED,
            {"state": "finished", "outcome": "merged"},
            {"identifier": "u-0-1", "limit": "3"},
            {"kind": "undo", "source": "api", "undone": "false", "order": "oldest", "from": MAY},
        ),
    ),
    Endpoint(method="GET", rule="/merge/jobs/export", query=({}, {"kind": "merge", "to": MAY})),
    Endpoint(method="GET", rule="/merge/batches/export", query=({}, {"state": "finished", "to": MAY})),
    Endpoint(method="GET", rule="/merge/runs/export", query=({}, {"kind": "client", "to": MAY})),
    Endpoint(method="POST", rule="/merge/jobs/bulk", bodies=(bulk,)),
    Endpoint(method="POST", rule="/merge/jobs/<uuid:job_id>/retry", bodies=(nothing,)),
    Endpoint(method="POST", rule="/merge/jobs/<uuid:job_id>/cancel", bodies=(nothing,)),
    Endpoint(method="POST", rule="/merge/batches/<uuid:batch_id>/cancel", bodies=(nothing,)),
    Endpoint(method="POST", rule="/merge/queue/cancel", bodies=(nothing,), query=({"kind": "undo", "priority": "7"},)),
    Endpoint(method="POST", rule="/merge/jobs/<uuid:job_id>/undo", bodies=(nothing,)),
    Endpoint(method="POST", rule="/merge/batches/<uuid:batch_id>/undo", bodies=(nothing,)),
    Endpoint(method="GET", rule="/identities", query=POLLED),
    Endpoint(method="GET", rule="/identities/<path:identifier>"),
    Endpoint(method="GET", rule="/survivors", query=POLLED),
    Endpoint(method="GET", rule="/merge/queue"),
    Endpoint(method="GET", rule="/system"),
    Endpoint(method="PUT", rule="/merge/queue", bodies=(queue,)),
    Endpoint(method="GET", rule="/profiles", query=POLLED),
    Endpoint(method="GET", rule="/profiles/<braze_id>"),
    Endpoint(
        method="GET",
        rule="/profiles/<braze_id>/activity",
        query=(
            {"event": "login", "days": "30"},
            {"purchases": "", "days": "3"},
            {"product_id": "hat", "property": "colour", "value": "red", "days": "7"},
        ),
    ),
    Endpoint(
        method="GET",
        rule="/profiles/<braze_id>/history",
        query=({}, {"kind": "event", "limit": "2"}, {"from": MAY, "to": "2027-01-01T00:00:00Z"}),
    ),
    Endpoint(method="GET", rule="/profiles/<braze_id>/report"),
    Endpoint(
        method="POST",
        rule="/profiles/import",
        bodies=(whole_profile,),
        query=({}, {"on_conflict": "fill"}, {"on_conflict": "replace"}, {"dry_run": "true"}),
        media="application/x-ndjson",
    ),
    Endpoint(method="POST", rule="/segments/query", bodies=(segment,)),
    Endpoint(method="GET", rule="/keys", query=POLLED),
    Endpoint(method="GET", rule="/webhooks"),
    Endpoint(method="POST", rule="/webhooks", bodies=(webhook,)),
    Endpoint(method="GET", rule="/webhooks/<uuid:webhook_id>"),
    Endpoint(method="PATCH", rule="/webhooks/<uuid:webhook_id>", bodies=(wish, webhook)),
    Endpoint(method="DELETE", rule="/webhooks/<uuid:webhook_id>"),
    Endpoint(method="POST", rule="/webhooks/<uuid:webhook_id>/secret/rotate", bodies=(nothing,)),
    Endpoint(method="POST", rule="/webhooks/<uuid:webhook_id>/test", bodies=(nothing,)),
    Endpoint(method="GET", rule="/webhooks/<uuid:webhook_id>/notices", query=(*POLLED, {"state": "dead"})),
    Endpoint(method="POST", rule="/webhooks/<uuid:webhook_id>/notices/<uuid:notice_id>/retry", bodies=(nothing,)),
    Endpoint(method="POST", rule="/users/alias/new", bodies=(alias_new,)),
    Endpoint(method="POST", rule="/users/alias/update", bodies=(alias_update,)),
    Endpoint(method="POST", rule="/users/delete", bodies=(delete,)),
    Endpoint(method="POST", rule="/users/export/ids", bodies=(export,)),
    Endpoint(method="POST", rule="/users/external_ids/rename", bodies=(rename,)),
    Endpoint(method="POST", rule="/users/external_ids/remove", bodies=(remove,)),
    Endpoint(method="POST", rule="/users/identify", bodies=(identify, *vendor_examples("/users/identify"))),
    Endpoint(method="POST", rule="/users/merge", bodies=(merge, merge, *vendor_examples("/users/merge"))),
    Endpoint(method="POST", rule="/users/merge/preview", bodies=(merge,)),
    Endpoint(
        method="POST", rule="/users/track", bodies=(track, track_one, track_one, *vendor_examples("/users/track"))
    ),
)


def key_of(endpoint: Endpoint) -> tuple[str, str]:
    """Return the method and the URL rule of *endpoint*."""
    return endpoint.method, endpoint.rule


def _declared() -> Iterator[Endpoint]:
    """Yield the other endpoints of the API, with the example of their declaration as the body."""
    flask = create_app(Settings(database_url="postgresql://"))
    listed = set(map(key_of, LISTED))
    for rule in flask.url_map.iter_rules():
        operation = getattr(flask.view_functions[rule.endpoint], "operation", None)
        for method in sorted((rule.methods or set()) - {"HEAD"}):
            if operation is not None and (method, rule.rule) not in listed:
                bodies = (partial(_example, operation.example),) if method in {"POST", "PUT", "PATCH"} else ()
                yield Endpoint(method=method, rule=rule.rule, bodies=bodies)


def _example(example: Json | None, _: Names) -> Json:
    return example or {}


ENDPOINTS = (*LISTED, *_declared())
MEDIA = {endpoint.rule: endpoint.media for endpoint in ENDPOINTS if endpoint.bodies}

#: Relative frequency of endpoints with complex requests; 1 for all others.
WEIGHTS: Mapping[str, int] = {
    "/users/track": 14,
    "/users/merge": 8,
    "/users/identify": 6,
    "/users/merge/preview": 4,
    "/segments/query": 7,
    "/users/export/ids": 5,
    "/users/delete": 4,
    "/users/alias/new": 4,
    "/users/alias/update": 3,
    "/users/external_ids/rename": 3,
    "/users/external_ids/remove": 2,
    "/merge/jobs": 4,
    "/merge/batches": 2,
    "/merge/jobs/<uuid:job_id>": 2,
    "/merge/batches/<uuid:batch_id>": 2,
    "/profiles": 2,
    "/profiles/import": 8,
    "/profiles/<braze_id>": 2,
    "/profiles/<braze_id>/activity": 4,
    "/profiles/<braze_id>/history": 4,
}


def weight_of(endpoint: Endpoint) -> int:
    """Return the relative frequency of an endpoint."""
    return WEIGHTS.get(endpoint.rule, 1)


def any_body(endpoint: Endpoint, names: Names) -> Any:
    """Return a valid body for *endpoint*, or None if it accepts none."""
    return names.rng.choice(endpoint.bodies)(names) if endpoint.bodies else None
