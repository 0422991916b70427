"""Concurrent imports and requests for the same profiles."""

from functools import partial
from random import Random
from typing import Any

import pytest

from app.db.connections import Pool
from tests.support.at_once import at_once
from tests.support.flask_caller import Caller
from tests.support.imports import all_profiles, import_lines
from tests.support.profiles import track

Json = dict[str, Any]

PEOPLE = 60


def lines(seed: int) -> list[Json]:
    """Return the same lines in another order for each *seed*."""
    people = [
        {
            "external_id": f"person-{number}",
            "email": f"someone-{number % 7}@x.org",
            "email_subscribe": "unsubscribed" if number % 3 else "opted_in",
            "push_tokens": [{"app": "shop", "token": f"t{number % 11}"}],
            "user_aliases": [{"alias_label": "crm", "alias_name": f"name-{number}"}],
            "custom_attributes": {"by": seed},
        }
        for number in range(PEOPLE)
    ]
    return Random(seed).sample(people, PEOPLE)


@pytest.mark.parametrize("on_conflict", ["skip", "fill", "replace"])
def test_concurrent_imports_and_requests_leave_one_profile_for_each_person(
    caller: Caller, pool: Pool, on_conflict: str
) -> None:
    def import_all(seed: int) -> None:
        outcomes = import_lines(pool, caller, lines(seed), on_conflict=on_conflict)
        assert "refused" not in {outcome.result for outcome in outcomes}

    def request(seed: int) -> None:
        for line in lines(seed)[:20]:
            track(
                caller,
                attributes=[{"external_id": line["external_id"], "email": line["email"], "seats": seed}],
                events=[{"external_id": line["external_id"], "name": "login", "time": "2026-01-01T00:00:00Z"}],
            )

    at_once([*(partial(import_all, seed) for seed in range(3)), *(partial(request, seed) for seed in (3, 4))])

    users = all_profiles(caller)
    assert sorted(user["external_id"] for user in users) == sorted(f"person-{number}" for number in range(PEOPLE))
    tokens = [token["token"] for user in users for token in user.get("push_tokens", ())]
    assert sorted(tokens) == sorted({f"t{number}" for number in range(11)})
