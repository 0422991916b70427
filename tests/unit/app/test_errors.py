"""The tree of errors: each class in its place, each with a sentence, none outside of the picture."""

import inspect

import pytest

from app import errors
from app.errors import Conflict, DatabaseUnavailable, Gone, MergelaneError, NotFound, Overloaded, Rejected, SetupError

CLASSES = dict(inspect.getmembers(errors, inspect.isclass))


def test_every_error_is_one_of_ours() -> None:
    assert all(issubclass(each, MergelaneError) for each in CLASSES.values())


def test_the_picture_shows_the_tree_as_it_is() -> None:
    picture = [line.rstrip() for line in (errors.__doc__ or "").splitlines()[2:]]
    drawn = {line.lstrip("│├└─ ").split(" ")[0]: len(line) - len(line.lstrip("│├└─ ")) for line in picture if line}

    assert drawn.keys() == CLASSES.keys()
    assert {name: depth // 4 for name, depth in drawn.items()} == {
        name: len(each.__mro__) - len(MergelaneError.__mro__) for name, each in CLASSES.items()
    }


@pytest.mark.parametrize("each", CLASSES.values(), ids=CLASSES)
def test_every_error_says_when_it_is_raised(each: type[MergelaneError]) -> None:
    assert (each.__doc__ or "").endswith(".")


@pytest.mark.parametrize(
    ("error", "status"), [(Rejected, 400), (NotFound, 404), (Conflict, 409), (Gone, 410), (Overloaded, 429)]
)
def test_what_a_client_did_wrong_has_its_status(error: type[Rejected], status: int) -> None:
    assert error.status == status


def test_what_a_client_did_not_do_has_no_status() -> None:
    assert not any(hasattr(each, "status") for each in (DatabaseUnavailable, SetupError))


def test_a_profile_that_is_gone_tells_where_it_went() -> None:
    error = Gone("The profile was merged away.", survivor_braze_id="f" * 24)

    assert (str(error), error.survivor_braze_id) == ("The profile was merged away.", "f" * 24)
