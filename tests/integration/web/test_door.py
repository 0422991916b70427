"""The door: every endpoint has one, and it opens for the right keys alone."""

from collections.abc import Callable

import pytest
from flask import Flask

from app import keys
from app.config import Settings
from app.db.connections import Connection
from app.web import create_app
from app.web.resources import resources_of
from tests.support.front_door import Caller

#: Endpoints that anybody may see, and why.
PUBLIC = {
    "health.live_view": "the supervisor of the process has no key",
    "health.ready_view": "the load balancer has no key",
    "docs.openapi_view": "it describes the product and nobody's data",
    "docs.docs_view": "likewise; the page asks for a key when something is tried out",
    "docs.docs_file_view": "scripts and styles of that page",
    "console.auth.sign_in_page": "the form that takes a key",
    "console.auth.submit_sign_in": "what takes it",
    "console.static_files.static_file": "scripts and styles of the console",
}
UNKNOWN_ID = "01a202b7-0c65-769b-9741-1871039b8b20"


def test_every_endpoint_has_a_door_or_is_public(front_door: Flask) -> None:
    open_ones = {
        name
        for name, view in front_door.view_functions.items()
        if not hasattr(view, "permissions") and not hasattr(view, "page_permissions")
    }

    assert open_ones == PUBLIC.keys()


def test_every_permission_that_a_door_asks_for_can_be_given(front_door: Flask) -> None:
    doors = [
        getattr(view, door, None)
        for view in front_door.view_functions.values()
        for door in ("permissions", "page_permissions")
    ]
    wanted = {name for door in doors for name in door or ()}

    assert wanted <= set(keys.PERMISSIONS)


def test_no_url_answers_to_options(front_door: Flask) -> None:
    assert all("OPTIONS" not in (rule.methods or ()) for rule in front_door.url_map.iter_rules())


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer nobodys-key-at-all",
        "Basic dXNlcjpwYXNzd29yZA==",
        "nobodys-key-at-all",
        "Bearer \u00fc",
        "Bearer " + "x" * 5000,
    ],
)
def test_without_a_key_nothing_opens_and_the_key_is_not_echoed(caller: Caller, header: str) -> None:
    response = caller.post("/users/merge", {"merge_updates": []}, headers={"Authorization": header})

    assert response.status_code == 401
    assert response.json == {"message": "Invalid API key"}
    assert response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER   "])
def test_a_key_opens_its_workspace(caller: Caller, scheme: str) -> None:
    assert caller.get("/merge/jobs", headers={"Authorization": scheme + caller.secret}).status_code == 200


def test_a_key_chosen_by_hand_may_have_letters_of_any_script(caller: Caller, connection: Connection) -> None:
    keys.ensure_key(connection, key="schlüssel-für-alle", workspace="default")
    as_sent = "Bearer " + "schlüssel-für-alle".encode().decode("latin-1")

    assert caller.get("/merge/jobs", headers={"Authorization": as_sent}).status_code == 200


def test_a_revoked_key_is_refused(caller: Caller, connection: Connection) -> None:
    assert caller.get("/merge/jobs").status_code == 200
    keys.revoke_key(connection, key_id=caller.key_id)

    response = caller.post("/users/merge", {"merge_updates": []})

    assert response.status_code == 401
    assert response.json == {"message": "Invalid API key"}


def test_an_expired_key_is_refused(caller: Caller, connection: Connection) -> None:
    assert caller.get("/merge/jobs").status_code == 200
    connection.execute("UPDATE api_key SET expires_at = now() WHERE id = %s", [caller.key_id])

    response = caller.get("/merge/jobs")

    assert response.status_code == 401
    assert response.json == {"message": "Invalid API key"}


def test_the_door_knows_the_peppers(database_url: str, connection: Connection) -> None:
    pepper = "a-pepper-of-some-length"
    _, secret = keys.create_key(connection, workspace="peppered", label="x", permissions=["*"], peppers=(pepper,))
    flask = create_app(Settings(database_url=database_url, key_pepper=("another-pepper-than-that", pepper)))
    try:
        answer = flask.test_client().get("/merge/jobs", headers={"Authorization": f"Bearer {secret}"})
    finally:
        resources_of(flask).close()

    assert answer.status_code == 200


def test_a_key_without_the_permission_is_denied(make_caller: Callable[..., Caller]) -> None:
    caller = make_caller(permissions=("users.track", "users.identify"))

    response = caller.post("/users/merge", {"merge_updates": []})

    assert response.status_code == 403
    assert response.json == {"message": "Access Denied"}


@pytest.mark.parametrize("path", ["/merge/jobs", "/merge/batches", f"/merge/jobs/{UNKNOWN_ID}"])
@pytest.mark.parametrize(
    ("permission", "denied"), [("users.merge", False), ("users.identify", False), ("users.track", True)]
)
def test_whoever_may_merge_or_identify_may_poll(
    make_caller: Callable[..., Caller], path: str, permission: str, *, denied: bool
) -> None:
    status = make_caller(permissions=(permission,)).get(path).status_code

    assert (status == 403) is denied


def test_who_is_asking_is_settled_before_what_is_asked(caller: Caller) -> None:
    response = caller.post("/users/merge", data=b"{", headers={"Authorization": "Bearer nobodys"})

    assert response.status_code == 401
