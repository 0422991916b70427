"""The running server matches the OpenAPI document, for valid requests and for some invalid ones.

schemathesis generates the requests. The only assertion is that it finds no fault: no 5xx, and no undocumented status,
header, media type or body.
"""

import itertools

import pytest
from hypothesis import HealthCheck, Phase, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.generation import meta
from schemathesis.pytest.lazy import get_all_tests
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    content_type_conformance,
    missing_required_header,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from tests.support.openapi import document, strict
from tests.support.system import System

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
    allow_header_conformance,
    missing_required_header,
]
EXAMPLES = 6
STRIDES = {"POST /segments/query": 15, "POST /users/track": 15, "POST /profiles/import": 15}
"""These operations have more than a thousand systematic cases each; only every n-th one is tried."""
OPERATIONS = [f"{method.upper()} {path}" for path, operations in document()["paths"].items() for method in operations]
BOUNDS = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def key(running_system: System) -> str:
    """The Authorization header of a key with all permissions, in its own workspace."""
    return f"Bearer {running_system.new_client().key}"


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_response_matches_the_document(operation: str, running_system: System, key: str) -> None:
    stride = STRIDES.get(operation, 1)
    systematic = itertools.count()

    @BOUNDS
    def check_response(case: Case) -> None:
        made_by = case.meta and case.meta.phase.name
        if made_by is meta.TestPhase.COVERAGE and next(systematic) % stride:
            return
        # A generated Prefer header would only make the test wait.
        headers = {"Authorization": key, "Prefer": "wait=0"}
        case.call_and_validate(base_url=running_system.base_url, headers=headers, checks=CHECKS)

    # Created here, not at collection: the systematic cases take longer than collecting all other tests.
    schema = strict().include(name=operation).clone(test_function=check_response)
    (made,) = get_all_tests(schema=schema, test_func=check_response, settings=None, given_kwargs=None)
    _, run = made.ok()
    run()
