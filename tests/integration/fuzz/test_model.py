"""The short form of `make fuzz-model`: random changes of profiles, step by step in the product and in its model."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

import fuzz.model
from fuzz.model.machine import Profiles
from fuzz.model.world import SETTINGS, World
from fuzz.product import Product, product
from tests.support.postgres import Databases

LIVES, STEPS = 12, 25
#: The workspace of the newest life.
NEWEST = "workspace_id = (SELECT max(workspace_id) FROM profile)"
MAY = "2026-03-01T08:00:00Z"


@pytest.fixture(scope="module")
def ours(databases: Databases) -> Iterator[Product]:
    """The product on a database for this module."""
    name = databases.create()
    try:
        with product(databases.url(name), **SETTINGS) as lent:
            Profiles.product = lent
            yield lent
    finally:
        databases.drop(name)


def test_random_lives_agree_with_the_model(ours: Product) -> None:
    bounds = settings(
        max_examples=LIVES,
        stateful_step_count=STEPS,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate,),
    )

    run_state_machine_as_test(Profiles, settings=bounds)

    expected = {"merged", "identified", "orphan_not_found", "refused_identifier", "undone", "duplicates"}
    assert expected <= Profiles.outcomes.keys()


def a_life() -> Profiles:
    """Return a life with two profiles with history, and a waiting merge of them."""
    life = Profiles()
    events = [{"external_id": name, "name": "login", "time": MAY} for name in "aab"]
    life.track(body={"attributes": [{"external_id": "a", "first_name": "Ada"}], "events": events})
    life.merge(updates=[{"identifier_to_merge": {"external_id": "a"}, "identifier_to_keep": {"external_id": "b"}}])
    life.profiles_agree()
    return life


def run_all(life: Profiles) -> None:
    """Run the waiting jobs of *life* in the product and in the model."""
    for lane in life.real.claim():
        life.real.run(lane)
        life.compare_jobs([str(job_id) for job_id in lane])
    life.changed = True


def test_the_model_follows_a_merge(ours: Product) -> None:
    life = a_life()

    run_all(life)
    life.profiles_agree()

    (person,) = life.world.people
    assert len(person.did) == 3


@pytest.mark.parametrize("holder", ["a", "b"])
def test_an_undo_leaves_a_push_token_with_the_profile_that_reported_it_since(ours: Product, holder: str) -> None:
    life = Profiles()
    tokens = {"push_tokens": [{"app_id": "ios", "token": "t1"}]}
    life.track(body={"attributes": [{"external_id": name} for name in "ab"]})
    life.track(body={"attributes": [{"external_id": holder, **tokens}]})
    life.profiles_agree()
    life.merge(updates=[{"identifier_to_merge": {"external_id": "a"}, "identifier_to_keep": {"external_id": "b"}}])
    run_all(life)
    life.track(body={"attributes": [{"external_id": "c", **tokens}]})
    (merge,) = life.world.undoable()

    life.undo_merge(merge)
    life.profiles_agree()

    assert [person.external_id for person in life.world.people if person.tokens] == ["c"]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE profile SET first_name = 'Eve' WHERE external_id = 'a' AND NEWEST",
        """UPDATE profile SET custom_events = jsonb_set(custom_events, '{login,count}', '7')
           WHERE external_id = 'b' AND NEWEST""",
        "UPDATE profile SET updated_at = updated_at + interval '1 second' WHERE external_id = 'a' AND NEWEST",
        "UPDATE profile SET external_id = 'c' WHERE external_id = 'b' AND NEWEST",
        """INSERT INTO profile (workspace_id, braze_id, created_at, updated_at, random_bucket)
           SELECT workspace_id, reverse(braze_id), created_at, updated_at, 1 FROM profile
           WHERE external_id = 'a' AND NEWEST""",
        "DELETE FROM profile WHERE external_id = 'b' AND NEWEST",
    ],
)
def test_the_model_notices_a_changed_row(ours: Product, change: str) -> None:
    life = a_life()
    with psycopg.connect(ours.settings.database_url) as connection:
        connection.execute(change.replace("NEWEST", NEWEST).encode())
    life.changed = True

    with pytest.raises(AssertionError):
        life.profiles_agree()


def test_the_model_notices_a_wrong_outcome(ours: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    life = a_life()
    monkeypatch.setattr(World, "_obstacle", lambda *_, **__: "protected")

    with pytest.raises(AssertionError):
        run_all(life)


@pytest.mark.parametrize(
    "module", ["consent", "duplicates", "happenings", "people", "shown", "undoing", "world", "strategies"]
)
def test_the_model_shares_no_line_with_the_product(module: str) -> None:
    tree = ast.parse(Path(fuzz.model.__path__[0], f"{module}.py").read_text(encoding="utf-8"))
    names: list[Any] = [
        name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in (each.name for each in node.names)
    ]
    names += [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]

    assert {name.split(".")[0] for name in names}.isdisjoint({"app", "schemas", "workers"})
