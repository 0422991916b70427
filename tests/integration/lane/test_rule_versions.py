"""A merge keeps the version of its rules. After a change of a rule, its record is unchanged and it can be undone."""

import pytest

from app.audit.queries import read_entries
from app.db.connections import Pool
from app.db.transaction import Transaction
from app.errors import UnknownRulesError
from app.merging import versions
from app.merging.changes import list_changes
from app.merging.consent import pair_rules
from app.merging.rules import Rule
from app.merging.versions import RuleVersion
from tests.integration.lane.running import merge_one
from tests.integration.lane.undoing import image, undo
from tests.support.factories import Factory, ext
from tests.support.postgres import make_database_url
from tests.support.recorded import recorded_changes, store_changes

database_url = make_database_url(scope="module")

#: The next version: the orphan's name counts more, and has another name in the list.
PREFER = Rule(name="fill", combine=lambda ours, theirs: ours if theirs is None else theirs)
SECOND = RuleVersion(
    pair_rules=lambda **sides: {**pair_rules(**sides), "first_name": PREFER},
    list_changes=lambda **sides: [
        {**each, "field": "given_name" if each["field"] == "first_name" else each["field"]}
        for each in list_changes(**sides)
    ],
)


@pytest.fixture
def second_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """Change the rules: new merges have version 2."""
    monkeypatch.setitem(versions.VERSIONS, 2, SECOND)
    monkeypatch.setattr(versions, "CURRENT", 2)


def test_a_record_has_the_same_changes_after_a_change_of_the_rules(
    pool: Pool, factory: Factory, request: pytest.FixtureRequest
) -> None:
    for name in ("ann", "eva", "old"):
        factory.profile(name, first_name=name, session_count=1)
    factory.profile("bea", first_name="Bea", session_count=2)
    before = image(factory)
    stored = merge_one(pool, factory, ext("old"), ext("bea"))["id"]
    first = merge_one(pool, factory, ext("ann"), ext("bea"))["id"]
    shown = [recorded_changes(factory, each) for each in (stored, first)]
    store_changes(factory, stored)

    request.getfixturevalue("second_version")
    second = merge_one(pool, factory, ext("eva"), ext("bea"))["id"]

    assert [recorded_changes(factory, each) for each in (stored, first)] == shown
    assert [(each["field"], each["after"]) for each in shown[1]] == [("session_count", 4)]
    assert [(each["field"], each["after"]) for each in recorded_changes(factory, second)] == [
        ("given_name", "eva"),
        ("session_count", 5),
    ]
    entries = read_entries(
        Transaction(factory.connection, factory.workspace_id), ids=[stored, first, second], snapshots=True
    )
    assert [len(each.changes) for each in entries] == [1, 1, 2]
    undone = undo(pool, factory, second, first, stored)
    assert [each["outcome"] for each in undone] == ["undone"] * 3
    assert image(factory) == before


def test_a_merge_by_a_newer_version_is_left_to_a_newer_worker(
    pool: Pool, factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    factory.profile("ann", first_name="Ann")
    factory.profile("bea")
    before = image(factory)
    with monkeypatch.context() as newer:
        newer.setitem(versions.VERSIONS, 2, SECOND)
        newer.setattr(versions, "CURRENT", 2)
        merge_id = merge_one(pool, factory, ext("ann"), ext("bea"))["id"]

    with pytest.raises(UnknownRulesError):
        recorded_changes(factory, merge_id)
    (waiting,) = undo(pool, factory, merge_id)

    assert (waiting["state"], waiting["outcome"]) == ("queued", None)
    assert "UnknownRulesError" in waiting["reason"]
    assert image(factory) != before
