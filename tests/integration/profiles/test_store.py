"""Profiles in the database: a profile is read exactly as it was written."""

from dataclasses import replace
from datetime import UTC, date, datetime

from hypothesis import HealthCheck, given
from hypothesis import settings as with_settings

from app.db.connections import Connection
from app.db.transaction import Transaction
from app.merging.profile import Profile
from app.profiles.store import load_profiles, save_profiles
from tests.support.factories import LONG_AGO, Factory, a_profile, an_email
from tests.support.generated import profiles
from tests.support.postgres import make_database_url

database_url = make_database_url(scope="module")

EVERYTHING = a_profile(
    external_id="ann",
    user_aliases={"mail": "ann@x.org", "guest": "ä😀"},
    email=an_email(" Ann@x.org "),
    phone="+1 (415) 555-0123",
    dob=date(1980, 12, 21),
    first_session_at=datetime(2026, 2, 2, 9, 0, 0, 123_456, tzinfo=UTC),
    custom_attributes={"zero": 0, "no": False, "none": [], "text": "", "deep": {"a": [1.5, None, {"b": "ä"}]}},
    custom_events={"login": {"count": 2**40, "first": "2026-02-02T09:00:00.000Z", "last": "2026-02-03T09:00:00.000Z"}},
    revenue_cents=-(2**60),
    current_location={"longitude": -73.99, "latitude": 40.73},
    email_subscription={"state": "unsubscribed"},
    facebook={},
    test_user=True,
    control_group=True,
    marked_for_deletion_at=LONG_AGO,
    absorbed_on=date(2026, 2, 2),
    absorbed_count=3,
)


def load_one(factory: Factory, profile: Profile) -> Profile:
    """Read *profile* from the database."""
    return load_profiles(Transaction(factory.connection, factory.workspace_id), ids=[profile.id])[profile.id]


def test_a_profile_is_read_as_it_was_written(factory: Factory) -> None:
    profile = replace(EVERYTHING, workspace_id=factory.workspace_id)

    factory.insert(profile)

    assert load_one(factory, profile) == profile


def test_saving_writes_all_fields_that_may_change(factory: Factory) -> None:
    profile = factory.profile("before", first_name="Before", user_aliases=EVERYTHING.user_aliases)
    identity = {name: getattr(profile, name) for name in ("workspace_id", "id", "braze_id", "created_at")}
    changed = replace(EVERYTHING, **identity, random_bucket=profile.random_bucket, updated_at=LONG_AGO)

    save_profiles(Transaction(factory.connection, factory.workspace_id), [changed])

    assert load_one(factory, profile) == changed


def test_saving_changes_no_other_profile(factory: Factory) -> None:
    one, other = factory.profile("one"), factory.profile("other")
    elsewhere = Factory(factory.connection)
    same_id_elsewhere = elsewhere.profile("one")

    save_profiles(Transaction(factory.connection, factory.workspace_id), [replace(one, first_name="Ann")])

    assert (factory.load(other), elsewhere.load(same_id_elsewhere)) == (other, same_id_elsewhere)


def test_saving_no_profiles_does_nothing(connection: Connection) -> None:
    save_profiles(Transaction(connection, 1), [])


def test_only_profiles_that_exist_are_read(factory: Factory) -> None:
    ann, stranger = factory.profile("ann"), Factory(factory.connection).profile("ann")

    found = load_profiles(
        Transaction(factory.connection, factory.workspace_id), ids=[ann.id, stranger.id, 2**40, ann.id]
    )

    assert found == {ann.id: ann}


@given(profiles())
@with_settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_saved_profile_is_read_back(factory: Factory, profile: Profile) -> None:
    blank = factory.profile()
    kept = {name: getattr(blank, name) for name in ("workspace_id", "id", "braze_id", "created_at", "random_bucket")}
    profile = replace(profile, **kept, external_id=None, user_aliases={})

    save_profiles(Transaction(factory.connection, factory.workspace_id), [profile])

    assert load_one(factory, blank) == profile
