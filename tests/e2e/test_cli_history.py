"""`mergelane profiles history` against the running product."""

import orjson

from tests.support.client import Client
from tests.support.commands import make_profiles, run

TIME = "2026-05-01T12:00:00Z"
TIME_TEXT = "2026-05-01T12:00:00.000Z"


def write(client: Client, external_id: str, *, events: int) -> None:
    """Write a profile with an item of each kind, and *events* events."""
    who = {"external_id": external_id}
    make_profiles(client, [external_id])
    client.track(
        events=[
            {**who, "name": "login", "time": TIME, "app_id": "web", "properties": {"plan": "pro", "n": number}}
            for number in range(events)
        ],
        purchases=[{**who, "product_id": "hat", "currency": "USD", "price": 9.5, "time": TIME}],
        sessions=[{**who, "app_id": "ios", "started_at": TIME, "ended_at": TIME}],
        engagements=[{**who, "kind": "canvas", "id": "c-1", "name": "Welcome", "event": "opened", "time": TIME}],
    )


def test_a_history_is_printed_as_a_table_and_as_json(client: Client) -> None:
    write(client, "a", events=1)
    make_profiles(client, ["b"])
    orphan, survivor = (client.profile(name)["braze_id"] for name in "ab")
    client.merged([("a", "b")])
    table = run(client, "profiles", "history", survivor)
    one = run(client, "profiles", "history", "--external-id", "b", "--kind", "purchase")
    page = run(client, "profiles", "history", survivor, "--limit", 3)
    rest = run(client, "profiles", "history", survivor, "--cursor", page.stderr.decode().split()[-1], "--json")
    early = run(client, "profiles", "history", survivor, "--to", TIME, "--json")
    gone = run(client, "profiles", "history", orphan)
    lines = [line.split() for line in table.stdout.decode().splitlines()]

    assert lines == [
        ["TIME", "KIND", "WHAT", "APP", "ORIGIN", "PROPERTIES"],
        [TIME_TEXT, "event", "login", "web", orphan, "n=0,", "plan=pro"],
        [TIME_TEXT, "purchase", "hat", "9.50", "USD", orphan],
        [TIME_TEXT, "session", "until", TIME_TEXT, "ios", orphan],
        [TIME_TEXT, "engagement", "opened", "canvas", "Welcome", orphan],
    ]
    assert [line.split() for line in one.stdout.decode().splitlines()][1:] == [lines[2]]
    assert page.stderr.startswith(b"The next page: --cursor ")
    assert [item["kind"] for item in orjson.loads(rest.stdout)["history"]] == ["engagement"]
    assert orjson.loads(early.stdout)["history"] == []
    assert (gone.returncode, survivor in gone.stderr.decode()) == (1, True)


def test_the_option_all_prints_every_page(client: Client) -> None:
    for _ in range(2):
        write(client, "a", events=75)
    as_json = run(client, "profiles", "history", "--external-id", "a", "--all", "--json")
    table = run(client, "profiles", "history", "--external-id", "a", "--all")
    items = [orjson.loads(line) for line in as_json.stdout.splitlines()]

    assert len(items) == 156
    assert sorted(item["properties"]["n"] for item in items if item["kind"] == "event") == sorted([*range(75)] * 2)
    assert len(table.stdout.splitlines()) == 157
    assert (as_json.stderr, table.stderr) == (b"", b"")


def test_the_command_needs_one_name_of_an_existing_profile(client: Client) -> None:
    unknown = run(client, "profiles", "history", "--external-id", "unknown")
    both = run(client, "profiles", "history", "0" * 24, "--external-id", "a")
    refused = run(client, "profiles", "history", "0" * 24, "--from", "yesterday")

    assert (unknown.returncode, unknown.stderr) == (1, b"Error: No profile has the external_id 'unknown'.\n")
    assert (both.returncode, run(client, "profiles", "history").returncode) == (2, 2)
    assert (refused.returncode, b"'from' must be a time in ISO 8601" in refused.stderr) == (1, True)
