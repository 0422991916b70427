"""A merge side by side: a row for each field that one of the profiles has, with the changed fields first."""

from app.merging.changes import list_changes
from app.merging.merge import merge_profiles
from app.merging.profile import Profile
from app.merging.side_by_side import ComparedField, compare_merge
from tests.support.factories import LONG_AGO, a_profile


def rows_of(orphan: Profile, survivor: Profile) -> dict[str, ComparedField]:
    """Return the rows of a merge of *orphan* into *survivor*, by field."""
    after = merge_profiles(survivor=survivor, orphan=orphan, at=LONG_AGO)
    changed = list_changes(before=survivor, after=after, orphan=orphan)
    return {row.field: row for row in compare_merge(orphan=orphan, survivor=survivor, changed=changed)}


def test_a_changed_field_has_both_values_before_the_value_after_and_the_rule() -> None:
    rows = rows_of(a_profile(last_name="Ash", session_count=2), a_profile(session_count=3))

    assert rows["last_name"] == ComparedField(
        field="last_name", orphan="Ash", survivor=None, after="Ash", rule="fill", changed=True
    )
    assert rows["session_count"] == ComparedField(
        field="session_count", orphan=2, survivor=3, after=5, rule="add", changed=True
    )


def test_an_unchanged_field_is_listed_too() -> None:
    rows = rows_of(a_profile(first_name="Ann", email="a@x.org"), a_profile(first_name="Anna", email="b@x.org"))

    assert rows["first_name"] == ComparedField(
        field="first_name", orphan="Ann", survivor="Anna", after="Anna", rule="fill", changed=False, lost="Ann"
    )
    assert (rows["email"].orphan, rows["email"].after) == ("a@x.org", "b@x.org")


def test_a_field_that_neither_profile_has_is_not_listed() -> None:
    assert rows_of(a_profile(), a_profile()) == {}


def test_changed_fields_come_first() -> None:
    rows = rows_of(a_profile(first_name="Ann", phone="+14155550123"), a_profile(first_name="Anna", gender="F"))

    assert [row.changed for row in rows.values()] == [True, False, False]


def test_the_parts_of_a_summary_have_their_own_rows() -> None:
    login = {"count": 2, "first": "2026-01-01T00:00:00.000Z", "last": "2026-02-01T00:00:00.000Z"}
    rows = rows_of(a_profile(custom_events={"login": login}), a_profile(custom_events={"login": {**login, "count": 1}}))

    assert (rows["custom_events.login.count"].after, rows["custom_events.login.count"].rule) == (3, "add")
    assert not rows["custom_events.login.first"].changed


def test_the_recorded_changes_supply_values_that_a_snapshot_lacks() -> None:
    changed = [{"field": "custom_attributes.plan", "before": "pro", "after": "free", "rule": "fill_keys"}]
    (row,) = compare_merge(orphan=a_profile(), survivor=a_profile(), changed=changed)

    assert (row.survivor, row.after, row.rule) == ("pro", "free", "fill_keys")


def test_a_value_of_the_orphan_that_the_survivor_does_not_take_is_lost() -> None:
    rows = rows_of(
        a_profile(first_name="Ann", last_name="Ash", session_count=2, user_aliases={"cart": "a", "shop": "b"}),
        a_profile(first_name="Anna", last_name="Ash", session_count=3, user_aliases={"cart": "c"}),
    )

    assert {name: row.lost for name, row in rows.items() if row.lost is not None} == {
        "first_name": "Ann",
        "user_aliases": [{"alias_name": "a", "alias_label": "cart"}],
    }
