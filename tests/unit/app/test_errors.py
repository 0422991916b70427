"""The classes of errors: each has a docstring and a place in the diagram of the module."""

import inspect

import pytest

from app import errors
from app.errors import Conflict, DatabaseUnavailable, Gone, MergelaneError, NotFound, Overloaded, Rejected, SetupError

CLASSES = dict(inspect.getmembers(errors, inspect.isclass))


def test_every_error_is_a_mergelane_error() -> None:
    assert all(issubclass(each, MergelaneError) for each in CLASSES.values())


def test_the_diagram_matches_the_class_hierarchy() -> None:
    picture = [line.rstrip() for line in (errors.__doc__ or "").splitlines()[2:]]
    drawn = {line.lstrip("│├└─ ").split(" ")[0]: len(line) - len(line.lstrip("│├└─ ")) for line in picture if line}

    assert drawn.keys() == CLASSES.keys()
    assert {name: depth // 4 for name, depth in drawn.items()} == {
        name: len(each.__mro__) - len(MergelaneError.__mro__) for name, each in CLASSES.items()
    }


@pytest.mark.parametrize("each", CLASSES.values(), ids=CLASSES)
def test_every_error_has_a_docstring(each: type[MergelaneError]) -> None:
    assert (each.__doc__ or "").endswith(".")


@pytest.mark.parametrize(
    ("error", "status"), [(Rejected, 400), (NotFound, 404), (Conflict, 409), (Gone, 410), (Overloaded, 429)]
)
def test_client_errors_have_an_http_status(error: type[Rejected], status: int) -> None:
    assert error.status == status


def test_other_errors_have_no_http_status() -> None:
    assert not any(hasattr(each, "status") for each in (DatabaseUnavailable, SetupError))


def test_the_error_for_a_merged_profile_names_its_survivor() -> None:
    error = Gone("The profile was merged away.", survivor_braze_id="f" * 24)

    assert (str(error), error.survivor_braze_id) == ("The profile was merged away.", "f" * 24)
