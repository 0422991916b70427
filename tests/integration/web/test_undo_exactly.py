"""Random merges are previewed, applied and undone: the preview is exact, and the undo restores all profiles.

`MERGELANE_TEST_MERGES=1000` in the environment makes 1000 merges instead of 200.
"""

import os
from collections.abc import Sequence
from random import Random
from typing import Any

import pytest

from app.db.connections import Pool
from tests.support.flask_caller import Caller
from tests.support.lane_runs import ask_to_merge, jobs_of, merged, outcomes, run_jobs
from tests.support.people import TIMES, attributes, happenings, together
from tests.support.postgres import make_database_url
from tests.support.profiles import export, the_profile, track
from tests.support.undos import rename

Json = dict[str, Any]

database_url = make_database_url(scope="module")

MERGES = int(os.environ.get("MERGELANE_TEST_MERGES", "200"))
#: Number of profiles of one round. Each profile is merged once, into a random profile.
PEOPLE = 24
ROUNDS = range(-(-MERGES // PEOPLE))
#: Fields that differ between two profiles with the same history.
OWN = {"external_id", "braze_id", "appboy_id", "random_bucket", "created_at", "updated_at"}


def identifier_of(chance: Random, number: int) -> Json:
    """Return the identifier of the profile *number*: two thirds have an external_id, the others only an alias."""
    if number % 3:
        return {"external_id": f"person-{number}"}
    return {"user_alias": {"alias_label": chance.choice(["mail", "guest"]), "alias_name": f"alias-{number}"}}


def populate(caller: Caller, chance: Random, people: Sequence[Json]) -> None:
    """Write *people* with random attributes, history, aliases and deprecated external_ids."""
    track(caller, attributes=[attributes(chance, person) for person in people])
    track(caller, **together([happenings(chance, person) for person in people]))
    identified = [person["external_id"] for person in people if "external_id" in person]
    aliases = [
        {"external_id": name, "alias_label": chance.choice(["mail", "guest"]), "alias_name": f"alias-of-{name}"}
        for name in chance.sample(identified, PEOPLE // 4)
    ]
    caller.post("/users/alias/new", {"user_aliases": aliases})
    for name in chance.sample(identified, PEOPLE // 6):
        rename(caller, name, f"{name}-renamed")


def seen(caller: Caller, people: Sequence[Json]) -> list[Json]:
    """Return the exports of all profiles that have or had an identifier of *people*."""
    external_ids = [person["external_id"] for person in people if "external_id" in person]
    aliases = [person["user_alias"] for person in people if "user_alias" in person]
    users = export(caller, external_ids=external_ids) + export(caller, user_aliases=aliases)
    return sorted(users, key=lambda user: str(user["braze_id"]))


def undo_all(caller: Caller, pool: Pool, jobs: Sequence[Json]) -> list[Json]:
    """Undo the batch of *jobs* and return the undo jobs."""
    accepted = caller.post(f"/merge/batches/{jobs[0]['batch_id']}/undo").json
    return run_jobs(caller, pool, accepted)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", ROUNDS)
def test_a_preview_is_exact_and_an_undo_restores_all_profiles(caller: Caller, pool: Pool, seed: int) -> None:
    chance = Random(seed)
    people = [identifier_of(chance, number) for number in range(PEOPLE)]
    populate(caller, chance, people)
    before = seen(caller, people)
    pairs = [(person, chance.choice(people)) for person in chance.sample(people, PEOPLE)]
    updates = [{"identifier_to_merge": orphan, "identifier_to_keep": survivor} for orphan, survivor in pairs]

    previewed = caller.post("/users/merge/preview", {"merge_updates": updates}).json or {}
    accepted = ask_to_merge(caller, *pairs)
    jobs = run_jobs(caller, pool, accepted)
    merges = [caller.get(f"/merge/jobs/{each['job_id']}", include="changes").json or {} for each in jobs]
    undone = undo_all(caller, pool, jobs)

    assert [(each["outcome"], each["changes"]) for each in previewed["updates"]] == [
        (each["outcome"], each["changes"]) for each in merges
    ]
    assert outcomes(jobs).count("merged") == len(undone) > PEOPLE // 2
    assert {(each["outcome"], str(each["not_restored"])) for each in undone} == {("undone", "[]")}
    assert seen(caller, people) == before
    assert [each["undone_at"] is not None for each in jobs_of(caller, accepted)] == [
        each["outcome"] == "merged" for each in jobs
    ]


@pytest.mark.parametrize("seed", ROUNDS[:3])
def test_an_undo_of_identifications_restores_all_profiles(caller: Caller, pool: Pool, seed: int) -> None:
    chance = Random(seed)
    people = [identifier_of(chance, number) for number in range(PEOPLE)]
    populate(caller, chance, people)
    before = seen(caller, people)
    guests = [person for person in people if "user_alias" in person]
    aims = [{**guest, "external_id": f"person-{chance.randrange(PEOPLE + 9)}"} for guest in guests]

    accepted = caller.post("/users/identify", {"aliases_to_identify": aims}).json
    jobs = run_jobs(caller, pool, accepted)  # type: ignore[arg-type]
    undone = undo_all(caller, pool, jobs)

    done = [outcome for outcome in outcomes(jobs) if outcome in {"merged", "identified"}]
    assert outcomes(undone) == ["undone"] * len(done)
    assert done
    assert seen(caller, people) == before


@pytest.mark.parametrize("seed", ROUNDS[:3])
def test_an_undo_keeps_later_history(caller: Caller, pool: Pool, seed: int) -> None:
    """After the undo the survivor equals its twin, which has the same history but was never merged."""
    chance = Random(seed)
    trios = [tuple({"external_id": f"{role}-{number}"} for role in ("orphan", "left", "twin")) for number in range(8)]
    for orphan, survivor, twin in trios:
        known, happened = attributes(chance, {}), happenings(chance, {})
        known.pop("push_tokens", None)  # a token belongs to the last profile that reports it, so twins cannot share one
        people = [attributes(chance, orphan), {**known, **survivor}, {**known, **twin}]
        arrays = [happenings(chance, orphan), _to(survivor, happened), _to(twin, happened)]
        track(caller, attributes=people, **together(arrays))
    jobs = merged(caller, pool, *((orphan, survivor) for orphan, survivor, _ in trios))
    for _, survivor, twin in trios:
        happened = happenings(chance, {})
        happened["events"].append({"name": "seen", "time": TIMES[0]})
        track(caller, **together([_to(survivor, happened), _to(twin, happened)]))

    undone = undo_all(caller, pool, jobs)

    assert outcomes(undone) == ["undone"] * len(trios)
    for _, survivor, twin in trios:
        left, expected = (_shared(the_profile(caller, each["external_id"])) for each in (survivor, twin))
        assert left == expected


def _to(person: Json, happened: dict[str, list[Json]]) -> dict[str, list[Json]]:
    """Return the entries of *happened* with the identifier of *person*."""
    return {array: [{**entry, **person} for entry in entries] for array, entries in happened.items()}


def _shared(profile: Json) -> Json:
    """Return an exported *profile* without the fields in OWN."""
    return {name: value for name, value in profile.items() if name not in OWN}
