"""Request bodies stay within the limits of the API and contain all data."""

from datetime import UTC, datetime

import pytest

from demo.payloads import ALIAS_LIMIT, HISTORIES, TRACK_LIMIT, alias_requests, count_objects, track_requests
from demo.people import Profile
from demo.world import World, make_world

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(now=NOW, people=300)


def test_no_array_exceeds_the_limit_of_the_api(world: World) -> None:
    bodies = list(track_requests(world.profiles))

    assert max(len(objects) for body in bodies for objects in body.values()) <= TRACK_LIMIT


def test_every_profile_and_every_history_is_sent_once(world: World) -> None:
    bodies = list(track_requests(world.profiles))
    recorded = sum(len(getattr(profile, name)) for profile in world.profiles for name in HISTORIES)

    assert sum(len(body["attributes"]) for body in bodies) == len(world.profiles)
    assert sum(map(count_objects, bodies)) == len(world.profiles) + recorded


def test_every_object_names_its_profile(world: World) -> None:
    objects = [each for body in track_requests(world.profiles) for array in body.values() for each in array]

    assert all(("external_id" in each) != ("user_alias" in each) for each in objects)


def test_empty_arrays_are_not_sent() -> None:
    bodies = list(track_requests([Profile(identifier={"external_id": "a"}, attributes={"plan": "free"})]))

    assert bodies == [{"attributes": [{"external_id": "a", "plan": "free"}]}]


def test_no_profiles_make_no_requests() -> None:
    assert list(track_requests([])) == []
    assert list(alias_requests([])) == []


def test_aliases_are_requested_fifty_at_a_time_and_only_for_unidentified_profiles(world: World) -> None:
    bodies = list(alias_requests(world.profiles))
    unidentified = [profile for profile in world.profiles if not profile.identified]

    assert max(len(body["user_aliases"]) for body in bodies) <= ALIAS_LIMIT
    assert sum(len(body["user_aliases"]) for body in bodies) == len(unidentified)
