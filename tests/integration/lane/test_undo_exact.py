"""Whatever is merged, its undo leaves both profiles, and all that reads under them, as they were.

MERGELANE_TEST_MERGES sets how many pairs are made up; the default is for everyday runs.
"""

import dataclasses
import os
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as with_settings
from hypothesis import strategies as st

from app.config import Settings
from app.db.connections import Pool
from app.db.transaction import Transaction
from app.lane.preview import preview_merges
from app.merging.profile import Profile
from app.merging.rules import MERGE_RULES
from app.profiles.history import record_history
from app.profiles.store import save_profiles
from schemas.history import Engagement, Event, Purchase, Session
from schemas.identifiers import ExternalId
from schemas.merge import load_merge
from schemas.track import Entry
from tests.integration.lane.running import deliver
from tests.integration.lane.undoing import image, undo
from tests.support.factories import LONG_AGO, Factory, alias, ext
from tests.support.generated import profiles
from tests.support.postgres import make_database_url
from tests.support.recorded import recorded_changes
from tests.support.tracked import apply_entries

database_url = make_database_url(scope="module")

EXAMPLES = int(os.environ.get("MERGELANE_TEST_MERGES", "40"))
SURVIVOR, ORPHAN = "survivor", "orphan"

Json = dict[str, Any]


def written(factory: Factory, made_up: Profile, role: str) -> Json:
    """Write the profile *made_up*, with an alias by which it can be named; return that as an identifier."""
    named = {**made_up.user_aliases, "role": role}
    # An alias is one profile's: what both have under a label differs in its name.
    aliases = {label: f"{role}-{name}" for label, name in named.items() if label}
    external_id = made_up.external_id and f"{role}-{made_up.external_id}"
    fields = {field.name: getattr(made_up, field.name) for field in dataclasses.fields(made_up)}
    for name in ("workspace_id", "id", "braze_id"):
        del fields[name]
    phone = made_up.phone and dataclasses.replace(made_up.phone, number=made_up.phone.number or "0")
    factory.profile(**{**fields, "external_id": external_id, "user_aliases": aliases, "phone": phone})
    return dict(alias("role", f"{role}-{role}"))


@with_settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.data())
def test_an_undo_restores_everything_and_changes_what_its_preview_showed(
    pool: Pool, factory: Factory, data: st.DataObject
) -> None:
    room = Factory(factory.connection)
    survivor, orphan = (written(room, data.draw(profiles()), role) for role in (SURVIVOR, ORPHAN))
    before = image(room)
    update = {"identifier_to_merge": orphan, "identifier_to_keep": survivor}
    (rehearsed,) = preview_merges(
        pool, Settings(), workspace_id=room.workspace_id, updates=load_merge({"merge_updates": [update]})
    )
    merge_id = room.job(orphan, survivor)
    deliver(pool, room, [merge_id])

    if room.row(merge_id)["outcome"] == "invalid_phones":
        assert rehearsed.end.outcome == "invalid_phones"
        return
    told = recorded_changes(room, merge_id)
    (undone,) = undo(pool, room, merge_id)

    assert (rehearsed.end.outcome, undone["outcome"], undone["not_restored"]) == ("merged", "undone", [])
    assert orjson.dumps(told) == orjson.dumps(rehearsed.changes)
    assert image(room) == before


def happening(dice: random.Random) -> Entry:
    """Return something that happened to somebody, on one of a few days, with one of a few things."""
    common: Json = {
        "target": ExternalId("anybody"),
        "may_create": False,
        "time": LONG_AGO + timedelta(hours=dice.randrange(60)),
    }
    thing = dice.choice("xyz")
    match dice.randrange(4):
        case 0:
            return Event(**common, name=thing, app_id=None, properties=None)
        case 1:
            price, quantity = Decimal(dice.randrange(-5_000, 50_000)) / 1_000, dice.randrange(1, 4)
            bought: Json = {"currency": "USD", "price": price, "quantity": quantity}
            return Purchase(**common, product_id=thing, app_id=None, properties=None, **bought)
        case 2:
            return Session(**common, app_id=thing, app={}, ended_at=None, device=None)
        case _:
            canvas = dice.random() < 0.5
            events = ["received", "opened", "clicked", "converted", *(["entered", "exited"] if canvas else [])]
            step = dice.choice([None, "s1", "s2"]) if canvas else None
            kind = "canvas" if canvas else "campaign"
            told: Json = {"name": None, "details": {}, "step_id": step, "step_name": None, "properties": None}
            return Engagement(**common, kind=kind, message_id=thing, event=dice.choice(events), **told)


def happen(factory: Factory, profile_id: int, entries: Sequence[Entry]) -> None:
    """Let *entries* happen to a profile, as `/users/track` does."""
    profile = factory.load(profile_id)
    assert profile is not None
    tracked = apply_entries(profile, entries, at=datetime.now(UTC), array_cap=500)
    save_profiles(Transaction(factory.connection, factory.workspace_id), [tracked.profile])
    record_history(
        Transaction(factory.connection, factory.workspace_id), entries=[(profile_id, each) for each in entries]
    )


def summed_up(factory: Factory, profile_id: int) -> Json:
    """Return what the profile did, summed up: all fields of which history knows."""
    profile = factory.load(profile_id)
    assert profile is not None
    fields = [
        field for field, rule in MERGE_RULES.items() if rule.entries or rule.name in {"add", "earliest", "latest"}
    ]
    return {field: getattr(profile, field) for field in fields}


#: What was wrong once.
FOUND = {118, 122, 182, 198}


@pytest.mark.parametrize("seed", sorted({*range(max(EXAMPLES // 5, 1)), *FOUND}))
def test_only_what_is_left_counts_whatever_happened_since_and_in_whatever_order_it_is_undone(
    pool: Pool, factory: Factory, seed: int
) -> None:
    """One room has the merges and undos, the other never had the merges that are undone."""
    dice = random.Random(seed)
    names = ["survivor", "a", "b", "c"]
    before = {name: [happening(dice) for _ in range(dice.randrange(6))] for name in names}
    since = {name: [happening(dice) for _ in range(dice.randrange(4))] for name in names}
    undone = dice.sample(names[1:], dice.randrange(1, 4))
    room, other = Factory(factory.connection), Factory(factory.connection)
    ids = {each: {name: each.profile(name).id for name in names} for each in (room, other)}
    for each in (room, other):
        for name in names:
            happen(each, ids[each][name], before[name])

    merges = {}
    for name in names[1:]:
        merges[name] = room.job(ext(name), ext("survivor"))
        deliver(pool, room, [merges[name]])
        if name not in undone:
            deliver(pool, other, [other.job(ext(name), ext("survivor"))])
        for each in (room, other):
            happen(each, ids[each]["survivor"], since[name])
    outcomes = [row["outcome"] for name in undone for row in undo(pool, room, merges[name])]

    assert outcomes == ["undone"] * len(undone)
    assert summed_up(room, ids[room]["survivor"]) == summed_up(other, ids[other]["survivor"])
    for name in undone:
        assert summed_up(room, ids[room][name]) == summed_up(other, ids[other][name])
