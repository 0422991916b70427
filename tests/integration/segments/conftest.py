"""A fixture that finds profiles by a filter."""

from typing import Any

import pytest

from tests.support.filters import Find
from tests.support.flask_caller import Caller


@pytest.fixture
def find(caller: Caller) -> Find:
    """A function that returns the external_ids of the profiles that a filter finds, in alphabetical order."""

    def found(filter_: Any) -> list[str]:
        response = caller.post("/segments/query", {"filter": filter_, "limit": 100})
        body: Any = response.json

        assert response.status_code == 200, body
        assert body["count"] == len(body["profiles"])
        return sorted(profile.get("external_id", "-") for profile in body["profiles"])

    return found
