"""`GET /profiles` lists each profile of a workspace once, in pages."""

import pytest

from tests.support.flask_caller import Caller
from tests.support.profiles import track

PEOPLE = [f"person-{number}" for number in range(7)]


def test_pages_contain_every_profile_once_with_the_content_of_its_url(caller: Caller) -> None:
    track(caller, attributes=[{"external_id": each, "plan": "pro"} for each in PEOPLE])
    found, cursor, sizes = [], None, []
    while True:
        page = caller.get("/profiles", limit=3, **({"cursor": cursor} if cursor else {})).json
        found += page["profiles"]
        sizes.append(len(page["profiles"]))
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert sizes == [3, 3, 1]
    assert sorted(profile["external_id"] for profile in found) == PEOPLE
    assert all(caller.get(f"/profiles/{profile['braze_id']}").json == profile for profile in found)


def test_a_workspace_without_profiles_has_an_empty_page(caller: Caller) -> None:
    assert caller.get("/profiles").json == {"message": "success", "profiles": [], "next_cursor": None}


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"limit": "101"}, "'limit' must be a whole number from 1 to 100"),
        ({"cursor": "x"}, "'cursor' must be the next_cursor of an earlier page"),
        ({"page": "2"}, "There is an unknown query parameter; this URL takes: cursor, limit"),
    ],
)
def test_an_invalid_query_gets_an_error_message(caller: Caller, query: dict[str, str], sentence: str) -> None:
    response = caller.get("/profiles", **query)

    assert (response.status_code, response.json) == (400, {"message": sentence})
