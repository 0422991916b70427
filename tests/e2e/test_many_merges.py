"""Many concurrent merges of shared profiles over HTTP: no deadlock surfaces, and every sum is exact."""

import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain, pairwise

import pytest

from tests.support.client import Client
from tests.support.pairs import MAY, Json, event, exported, in_chunks, named, purchase
from tests.support.waiting import wait_until

Batch = Sequence[tuple[str, str]]


@pytest.fixture
def others(client: Client) -> Iterator[list[Client]]:
    """Further clients of the same workspace, each with its own connection."""
    clients = [Client(client.base_url, client.key) for _ in range(4)]
    yield clients

    for each in clients:
        each.close()


def write(client: Client, external_ids: Sequence[str]) -> int:
    """Write profiles with one event and one purchase of a cent each; return the number of profiles.

    A request whose profiles are merged away repeatedly gets 503, has no effect and is sent again.
    """
    for chunk in in_chunks([{"external_id": each} for each in external_ids], 75):
        body = {
            "attributes": [*chunk],
            "events": [{**each, **event("login", MAY)} for each in chunk],
            "purchases": [{**each, **purchase("hat", MAY, 0.01)} for each in chunk],
        }
        wait_until(partial(is_accepted, client, body), what="the profiles to be written")
    return len(external_ids)


def is_accepted(client: Client, body: Json) -> bool:
    """Return whether the server accepted a request; a 503 must have the header Retry-After."""
    response = client.post("/users/track", body)
    if response.status_code == 503 and "Retry-After" in response.headers:
        return False
    response.raise_for_status()
    return "errors" not in response.json()


def in_parts(batches: Sequence[Batch]) -> list[Sequence[Batch]]:
    """Divide *batches* among the four further clients."""
    return [batches[part::4] for part in range(4)]


def sums(profile: Json) -> tuple[int, int, int]:
    """Return a profile's number of logins, its number of purchases, and its revenue in cents."""
    logins: int = named(profile, "custom_events", "login")["count"]
    return logins, profile["purchase_count"], round(profile["total_revenue"] * 100)


def outcomes(client: Client, batch_ids: Sequence[str]) -> list[str]:
    """Wait for the batches and return the outcomes of all their jobs, batch by batch."""
    return [job["outcome"] for batch_id in batch_ids for job in client.finished(batch_id)["jobs"]]


@pytest.mark.parametrize("batch_size", [25, 1])
def test_concurrent_merges_of_a_pair_in_both_directions_leave_one_profile(
    client: Client, others: list[Client], batch_size: int
) -> None:
    pairs = [(f"a{number}", f"b{number}") for number in range(50)]
    write(client, [each for pair in pairs for each in pair])
    there = [pairs[start : start + batch_size] for start in range(0, len(pairs), batch_size)]
    back = [[(two, one) for one, two in batch] for batch in there]
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(lambda: [others[0].merge(batch) for batch in there])
        second = threads.submit(lambda: [others[1].merge(batch) for batch in back])
    forth_and_back = zip(outcomes(client, first.result()), outcomes(client, second.result()), strict=True)
    live = exported(client, [each for pair in pairs for each in pair])

    assert {frozenset(both) for both in forth_and_back} == {frozenset({"merged", "same_profile"})}
    assert len(live) == len(pairs)
    assert {sums(profile) for profile in live.values()} == {(2, 2, 2)}


def test_several_workers_merge_two_hundred_orphans_into_one_survivor(client: Client, others: list[Client]) -> None:
    orphans = [f"o{number}" for number in range(200)]
    write(client, [*orphans, "survivor"])
    batches = [[(orphan, "survivor") for orphan in orphans[start : start + 10]] for start in range(0, 200, 10)]
    with ThreadPoolExecutor(len(others)) as threads:
        batch_ids = [
            *chain.from_iterable(threads.map(lambda each, part: [*map(each.merge, part)], others, in_parts(batches)))
        ]
    found = outcomes(client, batch_ids)
    survivor = client.profile("survivor")

    assert found == ["merged"] * 200
    assert sums(survivor) == (201, 201, 201)
    assert exported(client, orphans) == {}
    assert len(client.get("/merge/jobs", outcome="merged", limit=100).json()["jobs"]) == 100


@pytest.mark.parametrize("seed", range(3))
def test_chains_across_batches_end_in_the_same_survivor_in_any_order(client: Client, seed: int) -> None:
    chains = [[f"c{number}-{link}" for link in range(12)] for number in range(6)]
    names = [*chain.from_iterable(chains)]
    write(client, names)
    links = [pair for each in chains for pair in pairwise(each)]
    random.Random(seed).shuffle(links)
    batch_ids = [client.merge(links[start : start + 3]) for start in range(0, len(links), 3)]
    found = outcomes(client, batch_ids)
    live = exported(client, names)

    assert set(found) == {"merged"}
    assert {external_id: sums(profile) for external_id, profile in live.items()} == {
        each[-1]: (12, 12, 12) for each in chains
    }


def test_a_chain_within_one_batch_ends_in_its_last_survivor_in_either_order(client: Client) -> None:
    names = [f"{chain}{link}" for chain in "xy" for link in range(10)]
    write(client, names)
    ascending = [(f"x{link}", f"x{link + 1}") for link in range(9)]
    descending = [(f"y{link}", f"y{link + 1}") for link in reversed(range(9))]

    assert client.merged([*ascending, *descending]) == ["merged"] * 18
    assert {name: sums(profile) for name, profile in exported(client, names).items()} == {
        "x9": (10, 10, 10),
        "y9": (10, 10, 10),
    }


def test_a_cycle_within_one_batch_is_merged_except_its_last_link(client: Client) -> None:
    write(client, ["a", "b", "c"])

    assert client.merged([("a", "b"), ("b", "c"), ("c", "a")]) == ["merged", "merged", "same_profile"]
    assert sums(client.profile("c")) == (3, 3, 3)


def test_cycles_across_batches_leave_one_profile_each(client: Client, others: list[Client]) -> None:
    rings = [[f"r{ring}-{link}" for link in range(3)] for ring in range(20)]
    names = [each for ring in rings for each in ring]
    write(client, names)
    with ThreadPoolExecutor(3) as threads:
        batch_ids = list(
            threads.map(
                lambda link: others[link].merge([(ring[link], ring[(link + 1) % 3]) for ring in rings]), range(3)
            )
        )
    by_ring = zip(*(outcomes(client, [batch_id]) for batch_id in batch_ids), strict=True)
    live = exported(client, names)

    assert {tuple(sorted(each)) for each in by_ring} == {("merged", "merged", "same_profile")}
    assert [sums(profile) for profile in live.values()] == [(3, 3, 3)] * len(rings)


def test_a_pair_listed_twice_in_one_batch_is_merged_once(client: Client) -> None:
    write(client, ["a", "b"])

    assert client.merged([("a", "b")] * 3) == ["merged", "already_merged", "already_merged"]
    assert sums(client.profile("b")) == (2, 2, 2)


def test_a_pair_in_concurrent_batches_is_merged_once(client: Client, others: list[Client]) -> None:
    pairs = [(f"a{number}", f"b{number}") for number in range(50)]
    write(client, [each for pair in pairs for each in pair])
    with ThreadPoolExecutor(len(others)) as threads:
        batch_ids = list(threads.map(lambda each: each.merge(pairs), others))
    by_pair = zip(*(outcomes(client, [batch_id]) for batch_id in batch_ids), strict=True)

    assert {tuple(sorted(each)) for each in by_pair} == {("already_merged",) * 3 + ("merged",)}
    assert {sums(profile) for profile in exported(client, [two for _, two in pairs]).values()} == {(2, 2, 2)}


def test_a_profile_is_not_merged_into_itself(client: Client) -> None:
    write(client, ["a"])
    before = client.profile("a")

    assert client.merged([("a", "a")] * 2) == ["same_profile"] * 2
    assert client.profile("a") == before


def test_concurrent_merges_and_tracks_lose_nothing(client: Client, others: list[Client]) -> None:
    orphans = [f"o{number}" for number in range(50)]
    write(client, [*orphans, "survivor"])
    with ThreadPoolExecutor(2) as threads:
        tracked = threads.submit(lambda: sum(write(others[0], ["survivor"]) for _ in range(50)))
        merges = threads.submit(lambda: [others[1].merge([(orphan, "survivor")]) for orphan in orphans])
    found = outcomes(client, merges.result())

    assert found == ["merged"] * 50
    assert sums(client.profile("survivor")) == (51 + tracked.result(),) * 3


def test_data_tracked_on_orphans_during_their_merges_is_on_one_of_the_profiles(
    client: Client, others: list[Client]
) -> None:
    orphans = [f"o{number}" for number in range(60)]
    write(client, [*orphans, "survivor"])
    with ThreadPoolExecutor(3) as threads:
        one_by_one = threads.submit(lambda: sum(write(others[0], [orphan]) for orphan in orphans))
        all_at_once = threads.submit(lambda: sum(write(others[1], orphans) for _ in range(10)))
        merges = threads.submit(lambda: [others[2].merge([(orphan, "survivor")]) for orphan in orphans])
    found = outcomes(client, merges.result())
    live = exported(client, [*orphans, "survivor"])
    written = 61 + one_by_one.result() + all_at_once.result()

    assert found == ["merged"] * 60
    assert [sum(each) for each in zip(*map(sums, live.values()), strict=True)] == [written] * 3
