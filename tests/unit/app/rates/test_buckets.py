"""Parses rate limits from the setting."""

import pytest

from app.config import Settings
from app.errors import SetupError
from app.rates.buckets import DEFAULTS, Bucket, Limit, override_limits, parse_limit, parse_limits
from app.setting_declaration import variable


def test_the_default_limits_are_those_of_braze() -> None:
    assert {str(limit.bucket): str(limit) for limit in Settings.from_environ({}).rate_limits} == {
        "users": "20000/60",
        "track": "3000/3",
        "export": "250/60",
        "rename": "1000/60",
        "remove": "1000/60",
        "other": "250000/3600",
    }


def test_every_bucket_has_a_limit() -> None:
    assert [limit.bucket for limit in DEFAULTS] == list(Bucket)


def test_buckets_that_are_not_listed_keep_their_limit() -> None:
    limits = parse_limits(" users = 5/60 ,export=7/1,")

    assert limits == override_limits(DEFAULTS, [Limit(Bucket.USERS, 5, 60), Limit(Bucket.EXPORT, 7, 1)])
    assert len(limits) == len(Bucket)


def test_the_last_of_two_limits_for_a_bucket_applies() -> None:
    assert parse_limits("track=1/1,track=2/2")[1] == Limit(Bucket.TRACK, 2, 2)


@pytest.mark.parametrize("text", ["", "5", "5/", "/5", "0/60", "5/0", "-1/60", "1.5/60", "5/60/7", "a/b", "5\u0665/60"])
def test_the_error_for_an_invalid_limit_contains_the_format(text: str) -> None:
    with pytest.raises(ValueError, match="write REQUESTS/SECONDS, such as 20000/60"):
        parse_limit("users", text)


def test_the_error_for_an_unknown_bucket_lists_the_buckets() -> None:
    with pytest.raises(
        ValueError, match="no bucket 'merges'; choose from: users, track, export, rename, remove, other"
    ):
        parse_limits("merges=5/60")


def test_the_error_for_an_invalid_setting_names_its_variable() -> None:
    with pytest.raises(SetupError, match="MERGELANE_RATE_LIMITS: 'plenty' is no limit"):
        Settings.from_environ({variable("rate_limits"): "users=plenty"})
