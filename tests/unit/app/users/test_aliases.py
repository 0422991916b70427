"""The holder of each alias after updates and additions. Each sees the effects of earlier ones."""

import pytest

from app.users.aliases import (
    LABEL_TAKEN,
    NEW_NAME_TAKEN,
    TAKEN,
    UNKNOWN_ALIAS,
    UNKNOWN_DEVICE,
    UNKNOWN_OWNER,
    plan_alias_updates,
    plan_new_aliases,
)
from schemas.aliases import AliasUpdate, NewAlias
from schemas.identifiers import DeviceId, ExternalId, UserAlias
from tests.support.factories import a_profile

ME, YOU = ExternalId("me"), ExternalId("you")


def shop(name: str) -> UserAlias:
    return UserAlias(label="shop", name=name)


@pytest.mark.parametrize(
    ("pairs", "after", "skipped"),
    [
        ([("a", "c")], {"c": 1, "b": 2}, {}),
        ([("a", "a")], {"a": 1, "b": 2}, {}),
        ([("a", "b")], {"a": 1, "b": 2}, {0: NEW_NAME_TAKEN}),
        ([("x", "c")], {"a": 1, "b": 2}, {0: UNKNOWN_ALIAS}),
        ([("a", "c"), ("b", "c")], {"c": 1, "b": 2}, {1: NEW_NAME_TAKEN}),
        ([("a", "c"), ("b", "a")], {"c": 1, "a": 2}, {}),
        ([("a", "c"), ("c", "d")], {"d": 1, "b": 2}, {}),
        ([("a", "c"), ("a", "d")], {"c": 1, "b": 2}, {1: UNKNOWN_ALIAS}),
        ([("a", "c"), ("b", "a"), ("c", "b")], {"b": 1, "a": 2}, {}),
    ],
)
def test_renamings_are_done_in_their_order(
    pairs: list[tuple[str, str]], after: dict[str, int], skipped: dict[int, str]
) -> None:
    updates = [AliasUpdate(old=shop(old), new_name=new) for old, new in pairs]

    assert plan_alias_updates(updates, {shop("a"): 1, shop("b"): 2}) == (
        {shop(name): holder for name, holder in after.items()},
        skipped,
    )


@pytest.mark.parametrize(
    ("requested", "added", "skipped"),
    [
        ([("1", None)], {"1": None}, {}),
        ([("1", ME)], {"1": 1}, {}),
        ([("1", ExternalId("nobody"))], {}, {0: UNKNOWN_OWNER}),
        ([("1", DeviceId("d"))], {}, {0: UNKNOWN_DEVICE}),
        ([("1", ExternalId("nobody")), ("1", None)], {"1": None}, {0: UNKNOWN_OWNER}),
        ([("1", None), ("1", None)], {"1": None}, {1: TAKEN}),
        ([("1", ME), ("2", ME)], {"1": 1}, {1: LABEL_TAKEN}),
        ([("1", ME), ("1", ME)], {"1": 1}, {}),
        ([("1", ME), ("1", YOU)], {"1": 1}, {1: TAKEN}),
        ([("yours", YOU)], {}, {}),
        ([("yours", ME)], {}, {0: TAKEN}),
        ([("yours", None)], {}, {0: TAKEN}),
        ([("1", YOU)], {}, {0: LABEL_TAKEN}),
    ],
)
def test_an_alias_that_is_not_added_is_skipped_with_its_reason(
    requested: list[tuple[str, ExternalId | DeviceId | None]], added: dict[str, int | None], skipped: dict[int, str]
) -> None:
    aliases = [NewAlias(alias=shop(name), owner=owner) for name, owner in requested]
    owners = {ME: a_profile(id=1), YOU: a_profile(id=2, user_aliases={"shop": "yours"})}

    assert plan_new_aliases(aliases, before={shop("yours"): 2}, owners=owners) == (
        {shop(name): holder for name, holder in added.items()},
        skipped,
    )
