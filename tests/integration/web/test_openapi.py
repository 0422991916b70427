"""The document of the wire: it tells of every route, it is whole, and the page that shows it asks nobody else."""

import re
from collections.abc import Iterator
from importlib import metadata
from typing import Any

import pytest
from flask import Flask

from app.web.docs import PARTS
from app.web.openapi.document import OPERATIONS, PLACES
from tests.support.openapi import document, label, resolved, strict

PAGES = "console."
"""The console's pages are for people; programs have the endpoints that these read through."""
ELSEWHERE = re.compile(r"(?:https?:)?//[\w.-]+")


def routes(flask: Flask) -> set[str]:
    """Return every method at every URL, but HEAD, which comes with GET."""
    return {
        method + " " + PLACES.sub(r"{\2}", rule.rule)
        for rule in flask.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD"}
        if not rule.endpoint.startswith(PAGES)
    }


def told() -> dict[str, Any]:
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


def test_every_route_is_told(front_door: Flask) -> None:
    assert routes(front_door) - told().keys() == set()


def test_nothing_is_told_of_a_url_that_is_not_there(front_door: Flask) -> None:
    assert OPERATIONS.keys() - routes(front_door) == set()


def test_it_is_a_sound_document_of_its_version() -> None:
    strict().validate()

    assert document()["openapi"] == "3.1.0"
    assert document()["info"]["version"] == metadata.version("mergelane")


def test_every_reference_leads_somewhere() -> None:
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

    changes = {f"{whose}.{side}" for whose in ("Rehearsed", "Job", "WholeEntry") for side in ("before", "after")}

    assert untyped == {"Identifier.prioritization", *changes}


def test_every_operation_says_what_it_does_and_who_may_ask(front_door: Flask) -> None:
    for name, operation in told().items():
        view = front_door.view_functions[operation["operationId"]]
        wanted = getattr(view, "permissions", None) or ()

        assert operation["summary"], name
        assert operation["description"].endswith("."), name
        assert operation["security"] == [{"key": [permission]} for permission in wanted]
        # /metrics asks for a key by itself, and not everybody.
        assert ("401" in operation["responses"]) is (hasattr(view, "permissions") or name == "GET /metrics")


def test_every_operation_has_a_name_of_its_own() -> None:
    names = [operation["operationId"] for operation in told().values()]

    assert len(set(names)) == len(names)


def test_a_url_leads_to_its_operation() -> None:
    assert label("GET", "/merge/jobs?limit=1") == "GET /merge/jobs"
    assert label("GET", "/merge/jobs/7") == "GET /merge/jobs/{job_id}"


def test_it_is_served_to_anybody_and_known_again(front_door: Flask) -> None:
    client = front_door.test_client()
    first = client.get("/openapi.json")
    again = client.get("/openapi.json", headers={"If-None-Match": first.headers["ETag"]})

    assert first.status_code == 200
    assert first.json == document()
    assert again.status_code == 304


def test_the_page_and_its_parts_are_served_to_anybody(front_door: Flask) -> None:
    client = front_door.test_client()
    for url in ("/docs", *(f"/docs/{name}" for name in PARTS)):
        with client.get(url) as response:
            assert response.status_code == 200
            assert response.data
            assert "default-src 'none'" in response.headers["Content-Security-Policy"]


@pytest.mark.parametrize("name", ["../../config.py", "..%2f..%2fconfig.py", "swagger-ui.js", "VERSION", "index.html"])
def test_no_other_file_can_be_had(front_door: Flask, name: str) -> None:
    assert front_door.test_client().get(f"/docs/{name}").status_code == 404


def test_the_page_loads_its_own_parts_alone(front_door: Flask) -> None:
    client = front_door.test_client()
    page, script = client.get("/docs").text, client.get("/docs/start.js").text
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page)

    assert set(loaded) == {f"docs/{name}" for name in PARTS} | {"openapi.json"}
    assert ELSEWHERE.findall(page + script) == []
    assert "validatorUrl: null" in script


def test_its_policy_lets_the_browser_ask_this_server_alone(front_door: Flask) -> None:
    policy = front_door.test_client().get("/docs").headers["Content-Security-Policy"]
    sources = {source for rule in policy.split(";") for source in rule.split()[1:]}

    assert sources == {"'none'", "'self'", "'unsafe-inline'", "data:"}
    assert "'unsafe-inline'" not in policy.split("script-src")[1].split(";")[0]
