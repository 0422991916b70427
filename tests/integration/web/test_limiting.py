"""Rate limits: buckets, response headers, and refused requests."""

from collections.abc import Callable, Iterator
from uuid import UUID

import pytest
from flask import Flask

from app import keys
from app.config import Settings
from app.db.connections import Connection
from app.rates.buckets import DEFAULTS, Bucket, Limit, parse_limits
from app.web import create_app
from app.web.rate_limiting import BUCKETS
from app.web.resources import resources_of
from tests.support.flask_caller import Caller
from tests.support.redis import RedisServer

HEADERS = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
DAY = 86_400
ELSEWHERE = UUID("01a202b7-0c65-769b-9741-1871039b8b20")
SHARED = ("/users/delete", "/users/alias/new", "/users/alias/update", "/users/identify", "/users/merge")


@pytest.fixture
def flask_app(database_url: str, broker_url: str) -> Iterator[Flask]:
    """The application with low limits and windows of a day, so that no window ends during a test."""
    limits = parse_limits(f"users=3/{DAY},export=2/{DAY},other=1000/{DAY}")
    flask = create_app(
        Settings(database_url=database_url, broker_url=broker_url, rate_limits=limits, identify_wait_s=0)
    )
    try:
        yield flask
    finally:
        resources_of(flask).close()


def test_every_response_to_a_valid_key_has_the_rate_limit_headers(
    make_caller: Callable[..., Caller], connection: Connection
) -> None:
    caller = make_caller(permissions=("users.merge",))
    clock = "SELECT floor(extract(epoch FROM clock_timestamp()))::bigint AS now"
    # The clock of PostgreSQL before and after the requests bounds the end of the window.
    (began,) = connection.execute(clock).fetchall()
    answers = [
        caller.post("/users/merge", {"merge_updates": []}),
        caller.post("/users/merge", {"merge_updates": 7}),
        caller.post("/users/merge", data=b"{}", content_type="text/plain"),
        caller.post("/users/merge", {"merge_updates": []}),
        caller.post("/users/track", {}),
        caller.get("/merge/jobs/01a202b7-0c65-769b-9741-1871039b8b20"),
    ]
    (ended,) = connection.execute(clock).fetchall()

    assert [answer.status_code for answer in answers] == [202, 400, 415, 429, 403, 404]
    for answer in answers:
        values = {name: float(answer.headers[name]) for name in HEADERS}
        assert 0 <= values["X-RateLimit-Remaining"] < values["X-RateLimit-Limit"]
        assert began["now"] < values["X-RateLimit-Reset"] <= ended["now"] + DAY


def test_windows_begin_at_multiples_of_their_length(caller: Caller) -> None:
    assert int(caller.get("/merge/jobs").headers["X-RateLimit-Reset"]) % DAY == 0


def test_a_request_above_the_limit_gets_429_with_retry_after(caller: Caller) -> None:
    answers = [caller.post("/users/merge", {"merge_updates": []}) for _ in range(4)]

    assert [answer.status_code for answer in answers] == [202, 202, 202, 429]
    assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["2", "1", "0", "0"]
    assert list(answers[3].json or {}) == ["message"]
    assert answers[3].json["message"].startswith("Too many requests: in 86,400 seconds")
    assert 0 < int(answers[3].headers["Retry-After"]) <= DAY


def test_a_refused_request_has_no_effect(caller: Caller, connection: Connection) -> None:
    for _ in range(5):
        caller.post("/users/merge", {"merge_updates": []})
    row = connection.execute("SELECT count(*) FROM batch WHERE workspace_id = %s", [caller.workspace_id]).fetchone()

    assert row == {"count": 3}


def test_five_endpoints_share_one_bucket(caller: Caller) -> None:
    remaining = [
        caller.post(path, {}).headers["X-RateLimit-Remaining"]
        for path in ("/users/alias/new", "/users/identify", "/users/merge")
    ]

    assert remaining == ["2", "1", "0"]
    assert {path for path, bucket in BUCKETS.items() if bucket is Bucket.USERS} == set(SHARED)


def test_the_other_buckets_are_counted_separately(caller: Caller) -> None:
    for _ in range(4):
        caller.post("/users/merge", {"merge_updates": []})

    assert caller.post("/users/merge", {"merge_updates": []}).status_code == 429
    assert caller.post("/users/track", {"attributes": [{"external_id": "a"}]}).status_code == 201
    assert caller.post("/users/export/ids", {"external_ids": ["a"]}).headers["X-RateLimit-Limit"] == "2"
    assert caller.get("/merge/jobs").headers["X-RateLimit-Limit"] == "1000"


def test_all_keys_of_a_workspace_share_its_limit(make_caller: Callable[..., Caller]) -> None:
    one = make_caller(workspace="shared-by-two")
    two = make_caller(workspace="shared-by-two")
    stranger = make_caller()
    statuses = [caller.post("/users/export/ids", {"external_ids": ["a"]}).status_code for caller in (one, two, one)]

    assert statuses == [201, 201, 429]
    assert stranger.post("/users/export/ids", {"external_ids": ["a"]}).status_code == 201


def test_a_workspace_can_have_its_own_limit(caller: Caller, connection: Connection) -> None:
    keys.set_workspace_limit(connection, workspace=caller.workspace, limit=Limit(Bucket.EXPORT, 50, DAY))
    own = caller.post("/users/export/ids", {"external_ids": ["a"]})
    keys.unset_workspace_limit(connection, workspace=caller.workspace, bucket=Bucket.EXPORT)
    general = caller.post("/users/export/ids", {"external_ids": ["a"]})

    assert own.headers["X-RateLimit-Limit"] == "50"
    assert general.headers["X-RateLimit-Limit"] == "2"


def test_every_endpoint_that_needs_a_key_is_limited(flask_app: Flask, caller: Caller, connection: Connection) -> None:
    for bucket in Bucket:
        keys.set_workspace_limit(connection, workspace=caller.workspace, limit=Limit(bucket, 1, 7 * DAY))
    client, headers = flask_app.test_client(), {"Authorization": f"Bearer {caller.secret}"}
    ids = ("batch_id", "job_id", "run_id", "webhook_id", "notice_id", "exclusion_id", "plan_id", "entry_id")
    places = {**dict.fromkeys(ids, ELSEWHERE), "braze_id": "0" * 24, "identifier": "0" * 24}
    guarded = [
        rule
        for rule in flask_app.url_map.iter_rules()
        if hasattr(flask_app.view_functions[rule.endpoint], "permissions")
    ]
    for rule in guarded:
        adapter = flask_app.url_map.bind("localhost")
        url = adapter.build(rule.endpoint, {name: places[name] for name in rule.arguments})
        (method,) = (rule.methods or set()) - {"HEAD"}
        client.open(url, method=method, headers=headers)
        response = client.open(url, method=method, headers=headers)

        assert response.status_code == 429, url
        assert response.headers["X-RateLimit-Remaining"] == "0"
    assert len(guarded) > 10


@pytest.mark.parametrize("path", ["/merge/jobs", "/health/live", "/nowhere"])
def test_a_response_without_a_valid_key_has_no_rate_limit_headers(caller: Caller, path: str) -> None:
    response = caller.get(path, headers={"Authorization": "Bearer nobodys"})

    assert not set(HEADERS) & set(response.headers.keys())


def test_requests_are_accepted_while_redis_is_unavailable(
    database_url: str, own_redis: RedisServer, caller: Caller
) -> None:
    limits = parse_limits(f"users=1/{DAY}")
    flask = create_app(
        Settings(database_url=database_url, rate_limit_url=own_redis.url, rate_limits=limits, identify_wait_s=0)
    )
    own_redis.stop()
    headers = {"Authorization": f"Bearer {caller.secret}"}
    try:
        answers = [
            flask.test_client().post("/users/merge", headers=headers, json={"merge_updates": []}) for _ in range(3)
        ]
    finally:
        resources_of(flask).close()

    assert [answer.status_code for answer in answers] == [202, 202, 202]
    assert {answer.headers["X-RateLimit-Remaining"] for answer in answers} == {"1"}


def test_every_url_with_a_bucket_exists(flask_app: Flask) -> None:
    assert BUCKETS.keys() <= {rule.rule for rule in flask_app.url_map.iter_rules()}


def test_the_limits_of_braze_are_the_defaults(database_url: str) -> None:
    assert Settings(database_url=database_url).rate_limits == DEFAULTS
