"""The document against the running server: requests that it allows, and some that it does not, are answered as it says.

schemathesis makes the requests up. That it found nothing is all that is asserted: no 5xx, no status, header, media type
or body that the document does not foresee.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.generation import meta
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    content_type_conformance,
    missing_required_header,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from tests.support.openapi import strict
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
STRIDES = {"POST /segments/query": 15, "POST /users/track": 15}
"""Of the systematic cases of these operations, more than a thousand each, only every so manyth is tried."""
SCHEMA = strict()
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
    """The Authorization header of a key with all permissions, in a workspace of its own."""
    return f"Bearer {running_system.new_client().key}"


@pytest.fixture(scope="module")
def numbers() -> dict[str, Iterator[int]]:
    """The numbers of the systematic cases, by operation."""
    return defaultdict(itertools.count)


@SCHEMA.parametrize()
@BOUNDS
def test_no_answer_surprises(case: Case, running_system: System, key: str, numbers: dict[str, Iterator[int]]) -> None:
    systematic = case.meta is not None and case.meta.phase.name is meta.TestPhase.COVERAGE
    if systematic and next(numbers[case.operation.label]) % STRIDES.get(case.operation.label, 1):
        return
    # A made-up wish to wait would be granted, and nobody would be the wiser for it.
    headers = {"Authorization": key, "Prefer": "wait=0"}

    case.call_and_validate(base_url=running_system.base_url, headers=headers, checks=CHECKS)
