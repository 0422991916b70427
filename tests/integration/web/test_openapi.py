"""The OpenAPI document: it describes every route, it is valid, and its page loads files of this server only."""

import re
from collections.abc import Iterator
from importlib import metadata
from typing import Any

import pytest
from flask import Flask

from app.audit.entries import ACTIONS
from app.web.openapi.docs import FILES
from app.web.openapi.document import PLACES
from schemas.audit import AUDITED_OUTCOMES
from tests.support.openapi import document, label, resolved, strict

PAGES = "console."
"""Pages of the console are not part of the API."""
ELSEWHERE = re.compile(r"(?:https?:)?//[\w.-]+")


def routes(flask: Flask) -> dict[str, Any]:
    """Return the views by method and URL, without the HEAD that Flask adds to each GET."""
    return {
        method + " " + PLACES.sub(r"{\2}", rule.rule): flask.view_functions[rule.endpoint]
        for rule in flask.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD"}
        if not rule.endpoint.startswith(PAGES)
    }


def described() -> dict[str, Any]:
    """Return every operation of the document, by method and URL."""
    return {
        f"{method.upper()} {path}": operation
        for path, operations in document()["paths"].items()
        for method, operation in operations.items()
    }


def parts(part: Any) -> Iterator[dict[str, Any]]:
    """Yield every object in *part* of the document."""
    if isinstance(part, dict):
        yield part
    for inner in part.values() if isinstance(part, dict) else part:
        if isinstance(inner, dict | list):
            yield from parts(inner)


def types(part: dict[str, Any]) -> list[Any]:
    """Return the types of a JSON Schema, or an empty list for any other object."""
    found = part.get("type", [])
    return found if isinstance(found, list) else [found]


def test_every_route_is_described(flask_app: Flask) -> None:
    assert routes(flask_app).keys() == described().keys()


def test_the_document_is_valid_and_has_the_version_of_the_package() -> None:
    strict().validate()

    assert document()["openapi"] == "3.1.0"
    assert document()["info"]["version"] == metadata.version("mergelane")


def test_every_reference_can_be_resolved() -> None:
    references = [part for part in parts(document()) if "$ref" in part]

    assert references
    assert all(resolved(part) for part in references)


def test_every_component_is_referred_to() -> None:
    used = {part["$ref"] for part in parts(document()) if "$ref" in part}
    there = {
        f"#/components/{kind}/{name}"
        for kind, named in document()["components"].items()
        for name in named
        if kind != "securitySchemes"
    }

    assert {name for name in there - used if not name.startswith("#/components/headers/")} == set()


def test_every_member_has_a_type() -> None:
    untyped = {
        f"{name}.{member}"
        for name, schema in document()["components"]["schemas"].items()
        for part in parts(schema)
        for member, shape in part.get("properties", {}).items()
        if shape == {}
    }

    assert untyped == {"AuditChange.before", "AuditChange.after"}


def test_every_object_has_a_unique_title() -> None:
    objects = [part for part in parts(document()) if "object" in types(part)]
    titles = [part.get("title") for part in objects]

    assert None not in titles
    assert len(set(titles)) == len(titles)
    assert {name: part["title"] for name, part in document()["components"]["schemas"].items()} == {
        name: name for name in document()["components"]["schemas"]
    }


def test_every_request_and_response_body_is_a_component() -> None:
    bodies = [
        content["schema"]
        for part in parts(document())
        for content in part.get("content", {}).values()
        if isinstance(content, dict) and "schema" in content
    ]

    assert bodies
    assert [body for body in bodies if "$ref" not in body and body != {"type": "string"} and "title" not in body] == []


def test_every_operation_has_a_summary_a_description_and_its_permission(flask_app: Flask) -> None:
    views = routes(flask_app)
    for name, operation in described().items():
        view = views[name]
        permissions = getattr(view, "permissions", None) or ()

        assert operation["summary"], name
        assert operation["description"].endswith("."), name
        assert operation["security"] == [{"key": [permission]} for permission in permissions]
        assert ("401" in operation["responses"]) is hasattr(view, "permissions")


def test_every_action_of_the_audit_has_documented_outcomes() -> None:
    assert set(AUDITED_OUTCOMES) == set(ACTIONS)


def test_every_example_is_a_valid_request(flask_app: Flask) -> None:
    operations = [vars(view)["operation"] for view in routes(flask_app).values()]
    examples = [(operation.body, operation.example) for operation in operations if operation.example]

    assert examples
    assert all(body().load(example) for body, example in examples)


def test_every_operation_has_a_unique_id() -> None:
    names = [operation["operationId"] for operation in described().values()]

    assert len(set(names)) == len(names)


def test_a_url_is_matched_with_its_operation() -> None:
    assert label("GET", "/merge/jobs?limit=1") == "GET /merge/jobs"
    assert label("GET", "/merge/jobs/7") == "GET /merge/jobs/{job_id}"


def test_the_document_needs_no_key_and_has_an_etag(flask_app: Flask) -> None:
    client = flask_app.test_client()
    first = client.get("/openapi.json")
    again = client.get("/openapi.json", headers={"If-None-Match": first.headers["ETag"]})

    assert first.status_code == 200
    assert first.json == document()
    assert again.status_code == 304


def test_the_page_and_its_files_need_no_key(flask_app: Flask) -> None:
    client = flask_app.test_client()
    for url in ("/docs", *(f"/docs/{name}" for name in FILES)):
        with client.get(url) as response:
            assert response.status_code == 200
            assert response.data
            assert "default-src 'none'" in response.headers["Content-Security-Policy"]


@pytest.mark.parametrize("name", ["../../config.py", "..%2f..%2fconfig.py", "swagger-ui.js", "VERSION", "index.html"])
def test_no_other_file_is_served(flask_app: Flask, name: str) -> None:
    assert flask_app.test_client().get(f"/docs/{name}").status_code == 404


def test_the_page_loads_only_its_own_files(flask_app: Flask) -> None:
    client = flask_app.test_client()
    page, script = client.get("/docs").text, client.get("/docs/start.js").text
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page)

    assert set(loaded) == {f"docs/{name}" for name in FILES} | {"openapi.json"}
    assert ELSEWHERE.findall(page + script) == []
    assert "validatorUrl: null" in script


def test_the_policy_of_the_page_allows_requests_to_this_server_only(flask_app: Flask) -> None:
    policy = flask_app.test_client().get("/docs").headers["Content-Security-Policy"]
    sources = {source for rule in policy.split(";") for source in rule.split()[1:]}

    assert sources == {"'none'", "'self'", "'unsafe-inline'", "data:"}
    assert "'unsafe-inline'" not in policy.split("script-src")[1].split(";")[0]
