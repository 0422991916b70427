"""docker-compose.yml on a real Docker engine, if one responds."""

from collections.abc import Iterator

import pytest
import requests

from tests.support.compose import FLOWER_LOGIN, Compose, started

pytestmark = [pytest.mark.containers]

#: Users of a request to track, and merges of a batch.
TRACKED, MERGED = 50, 50
MERGES = 1_000


@pytest.fixture(scope="module")
def compose(tmp_path_factory: pytest.TempPathFactory, plain_postgres: None) -> Iterator[Compose]:
    with started(tmp_path_factory.mktemp("compose")) as running:
        yield running


def test_a_thousand_merges_finish(compose: Compose) -> None:
    client = compose.client()
    pairs = [(f"orphan-{number}", f"survivor-{number}") for number in range(MERGES)]
    people = [{"external_id": name, "first_name": "Ada"} for pair in pairs for name in pair]
    for start in range(0, len(people), TRACKED):
        client.track(attributes=people[start : start + TRACKED])
    batches = [client.merge(pairs[start : start + MERGED]) for start in range(0, MERGES, MERGED)]

    counts = [client.finished(batch)["counts"] for batch in batches]
    client.close()

    assert counts == [{"merged": MERGED}] * (MERGES // MERGED)


def test_flower_refuses_a_request_without_the_login(compose: Compose) -> None:
    url = f"http://127.0.0.1:{compose.flower_port}/workers"
    user, _, password = FLOWER_LOGIN.partition(":")

    assert requests.get(url, timeout=10).status_code == 401
    assert requests.get(url, auth=(user, password), timeout=10).status_code == 200


def test_nothing_is_recreated_without_a_change(compose: Compose) -> None:
    before = compose.containers()
    compose.up("--build")

    assert compose.containers() == before


def test_scaling_changes_workers_only(compose: Compose) -> None:
    before = compose.containers()
    compose.up("--scale", "worker=4")
    four = compose.containers()
    compose.up()

    assert {name: number for name, number in four.items() if name in before} == before
    assert four.keys() - before.keys() == {"worker-3", "worker-4"}
    assert compose.containers() == before


def test_commands_need_no_settings(compose: Compose) -> None:
    assert "web" in compose.run("ps", "--services", settings=False)
    assert "relay_started" in compose.run("logs", "relay", settings=False)


def test_a_stopped_process_is_unhealthy(compose: Compose) -> None:
    check = 'touch -d "2 minutes ago" "$MERGELANE_HEALTH_FILE"; healthy file 2>&1 || true'
    compose.run("kill", "--signal", "SIGSTOP", "relay")
    try:
        said = compose.execute("relay", "sh", "-c", check)
    finally:
        compose.run("kill", "--signal", "SIGCONT", "relay")

    assert "makes no progress" in said


def test_containers_run_as_a_user_and_group_of_their_own(compose: Compose) -> None:
    assert compose.execute("web", "id").startswith("uid=10001(mergelane) gid=10001(mergelane)")
    with pytest.raises(AssertionError, match="Read-only file system"):
        compose.execute("web", "touch", "/srv/mergelane/file")
