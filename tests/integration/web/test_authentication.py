"""Authentication: every endpoint requires a key with its permissions or is public."""

from collections.abc import Callable

import pytest
from flask import Flask

from app import keys
from app.config import Settings
from app.db.connections import Connection
from app.web import create_app
from app.web.resources import resources_of
from tests.support.flask_caller import Caller

#: Endpoints that need no key, with the reason.
PUBLIC = {
    "health.live_view": "the supervisor of the process has no key",
    "health.ready_view": "the load balancer has no key",
    "docs.openapi_view": "it describes the product and contains no data",
    "docs.docs_view": "it contains no data; requests from the page need a key",
    "docs.docs_file_view": "scripts and styles of that page",
    "console.auth.sign_in_page": "the form that takes a key",
    "console.auth.submit_sign_in": "the endpoint that receives the key",
    "console.static_files.static_file": "scripts and styles of the console",
}
UNKNOWN_ID = "01a202b7-0c65-769b-9741-1871039b8b20"


def test_every_endpoint_requires_a_key_or_is_public(flask_app: Flask) -> None:
    open_ones = {
        name
        for name, view in flask_app.view_functions.items()
        if not hasattr(view, "permissions") and not hasattr(view, "page_permissions")
    }

    assert open_ones == PUBLIC.keys()


def test_every_required_permission_can_be_granted(flask_app: Flask) -> None:
    found = [
        getattr(view, attribute, None)
        for view in flask_app.view_functions.values()
        for attribute in ("permissions", "page_permissions")
    ]
    required = {name for permissions in found for name in permissions or ()}

    assert required <= set(keys.PERMISSIONS)


def test_no_url_has_the_method_options(flask_app: Flask) -> None:
    assert all("OPTIONS" not in (rule.methods or ()) for rule in flask_app.url_map.iter_rules())


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
def test_a_request_without_a_valid_key_gets_401_and_the_key_is_not_echoed(caller: Caller, header: str) -> None:
    response = caller.post("/users/merge", {"merge_updates": []}, headers={"Authorization": header})

    assert response.status_code == 401
    assert response.json == {"message": "Invalid API key"}
    assert response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER   "])
def test_the_scheme_of_the_authorization_header_ignores_case_and_spaces(caller: Caller, scheme: str) -> None:
    assert caller.get("/merge/jobs", headers={"Authorization": scheme + caller.secret}).status_code == 200


def test_a_configured_key_may_have_letters_of_any_script(caller: Caller, connection: Connection) -> None:
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


def test_authentication_uses_all_configured_peppers(database_url: str, connection: Connection) -> None:
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
def test_a_key_with_users_merge_or_users_identify_may_poll(
    make_caller: Callable[..., Caller], path: str, permission: str, *, denied: bool
) -> None:
    status = make_caller(permissions=(permission,)).get(path).status_code

    assert (status == 403) is denied


def test_the_key_is_checked_before_the_body(caller: Caller) -> None:
    response = caller.post("/users/merge", data=b"{", headers={"Authorization": "Bearer nobodys"})

    assert response.status_code == 401
