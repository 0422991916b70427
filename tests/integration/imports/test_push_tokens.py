"""A line that creates or fills a profile takes no push token from a profile that reported it here."""

from app.db.connections import Pool
from tests.support.flask_caller import Caller
from tests.support.imports import import_lines, import_one
from tests.support.profiles import the_profile, track

TOKEN = {"app": "shop", "token": "t1"}


def report(caller: Caller, name: str) -> None:
    """Let the profile *name* report the token."""
    track(caller, attributes=[{"external_id": name, "push_tokens": [{"app_id": "shop", "token": "t1"}]}])


def test_a_new_profile_takes_no_token_from_its_present_holder(caller: Caller, pool: Pool) -> None:
    report(caller, "holder")

    outcome = import_one(pool, caller, external_id="me", push_tokens=[TOKEN, {"app": "shop", "token": "t2"}])

    assert outcome.reasons == ("'push_tokens' has a token that another profile has now, so it was left out.",)
    assert the_profile(caller)["push_tokens"] == [{"app": "shop", "token": "t2"}]
    assert the_profile(caller, "holder")["push_tokens"] == [TOKEN]


def test_a_line_that_replaces_takes_the_token(caller: Caller, pool: Pool) -> None:
    report(caller, "holder")
    track(caller, attributes=[{"external_id": "me"}])

    import_one(pool, caller, "replace", external_id="me", push_tokens=[TOKEN])

    assert the_profile(caller)["push_tokens"] == [TOKEN]
    assert "push_tokens" not in the_profile(caller, "holder")


def test_a_later_report_takes_an_imported_token(caller: Caller, pool: Pool) -> None:
    import_one(pool, caller, external_id="me", push_tokens=[TOKEN])

    report(caller, "later")

    assert "push_tokens" not in the_profile(caller)
    assert the_profile(caller, "later")["push_tokens"] == [TOKEN]


def test_the_first_of_two_lines_with_one_token_gets_it(caller: Caller, pool: Pool) -> None:
    import_lines(
        pool, caller, [{"external_id": "a", "push_tokens": [TOKEN]}, {"external_id": "b", "push_tokens": [TOKEN]}]
    )

    assert the_profile(caller, "a")["push_tokens"] == [TOKEN]
    assert "push_tokens" not in the_profile(caller, "b")
