"""The holder of each alias after updates, each seeing the effect of those before it."""

import pytest

from app.users.aliases import plan_alias_updates
from schemas.aliases import AliasUpdate
from schemas.identifiers import UserAlias


def shop(name: str) -> UserAlias:
    return UserAlias(label="shop", name=name)


@pytest.mark.parametrize(
    ("pairs", "after"),
    [
        ([("a", "c")], {"c": 1, "b": 2}),
        ([("a", "a")], {"a": 1, "b": 2}),
        ([("a", "b")], {"a": 1, "b": 2}),
        ([("x", "c")], {"a": 1, "b": 2}),
        ([("a", "c"), ("b", "c")], {"c": 1, "b": 2}),
        ([("a", "c"), ("b", "a")], {"c": 1, "a": 2}),
        ([("a", "c"), ("c", "d")], {"d": 1, "b": 2}),
        ([("a", "c"), ("b", "a"), ("c", "b")], {"b": 1, "a": 2}),
    ],
)
def test_renamings_are_done_in_their_order(pairs: list[tuple[str, str]], after: dict[str, int]) -> None:
    updates = [AliasUpdate(old=shop(old), new_name=new) for old, new in pairs]

    assert plan_alias_updates(updates, {shop("a"): 1, shop("b"): 2}) == {
        shop(name): holder for name, holder in after.items()
    }
