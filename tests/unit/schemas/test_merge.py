"""The body of `POST /users/merge`: every error message, and their order."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError

from schemas.identifiers import Email, ExternalId, Phone, UserAlias
from schemas.merge import MergeRequestSchema, MergeUpdate, load_merge, load_plain_updates
from schemas.priorities import Priority
from tests.support.merge_sentences import (
    BOTH_RECENCIES,
    BOTH_STANDINGS,
    EMPTY_PRIORITIZATION,
    NO_PRIORITIZATION,
    NOT_OBJECTS,
    REPEATED_PRIORITY,
    TOO_LONG,
    TOO_MANY,
    UNKNOWN_PRIORITY,
    WRONG_IDENTIFIER,
    WRONG_KEYS,
    WRONG_PRIORITIZATION,
)

KEEP = {"external_id": "keep"}
GOOD = {"identifier_to_merge": {"external_id": "merge"}, "identifier_to_keep": KEEP}


def update(orphan: Any, survivor: Any = KEEP) -> dict[str, Any]:
    """Return an update with two identifiers."""
    return {"identifier_to_merge": orphan, "identifier_to_keep": survivor}


def email(*steps: Any) -> dict[str, Any]:
    """Return an email identifier with *steps* as its prioritization."""
    return {"email": "jane@example.com", "prioritization": list(steps)}


def sentence(body: Any) -> str:
    """Return the error message for *body*."""
    with pytest.raises(ValidationError) as refusal:
        load_merge(body)
    messages = refusal.value.messages
    assert isinstance(messages, dict)
    ((only,),) = messages.values()
    assert isinstance(only, str)
    return only


def test_each_kind_of_identifier_is_taken_on_either_side() -> None:
    alias = {"user_alias": {"alias_name": "jane", "alias_label": "shop"}}
    phone = {"phone": "+49 30 1234567", "prioritization": ["unidentified", "least_recently_updated"]}
    body = {"merge_updates": [update({"external_id": "a"}, alias), update(email("identified"), phone)]}

    assert load_merge(body) == (
        MergeUpdate(orphan=ExternalId("a"), survivor=UserAlias(label="shop", name="jane")),
        MergeUpdate(
            orphan=Email("jane@example.com", (Priority.IDENTIFIED,)),
            survivor=Phone("+49 30 1234567", (Priority.UNIDENTIFIED, Priority.LEAST_RECENTLY_UPDATED)),
        ),
    )


def test_the_order_of_the_updates_and_of_a_prioritization_is_kept() -> None:
    steps = ["most_recently_updated", "unidentified"]
    body = {"merge_updates": [*(update({"external_id": str(number)}) for number in range(49)), update(email(*steps))]}

    updates = load_merge(body)

    assert [one.orphan for one in updates[:49]] == [ExternalId(str(number)) for number in range(49)]
    assert updates[49].orphan == Email("jane@example.com", (Priority.MOST_RECENTLY_UPDATED, Priority.UNIDENTIFIED))


def test_fifty_updates_are_taken_and_none_at_all_too() -> None:
    assert len(load_merge({"merge_updates": [GOOD] * 50})) == 50
    assert load_merge({"merge_updates": []}) == ()


def test_keys_beside_merge_updates_are_ignored() -> None:
    assert len(load_merge({"api_key": "from old clients", "merge_updates": [GOOD]})) == 1


@pytest.mark.parametrize("value", ["", " ", "null", "0"])
def test_blank_and_placeholder_values_are_taken_here_and_refused_by_the_merge(value: str) -> None:
    assert load_merge({"merge_updates": [update({"external_id": value})]})[0].orphan == ExternalId(value)


def test_a_prioritization_beside_an_identifier_that_needs_none_is_ignored() -> None:
    body = {"merge_updates": [update({"external_id": "a", "prioritization": "whatever"})]}

    assert load_merge(body)[0].orphan == ExternalId("a")


@pytest.mark.parametrize(
    "body",
    [
        None,
        1,
        "merge_updates",
        [],
        [GOOD],
        {},
        {"merge_update": [GOOD]},
        *({"merge_updates": value} for value in (None, True, 1, "x", {}, GOOD)),
        *({"merge_updates": [GOOD, value]} for value in (None, True, 1, "x", [], [GOOD])),
    ],
)
def test_merge_updates_must_be_an_array_of_objects(body: Any) -> None:
    assert sentence(body) == NOT_OBJECTS


def test_more_than_fifty_updates_are_too_many() -> None:
    assert sentence({"merge_updates": [GOOD] * 51}) == TOO_MANY


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"identifier_to_merge": KEEP},
        {"identifier_to_keep": KEEP},
        {**GOOD, "note": "a third key"},
        {"identifier_to_merge": KEEP, "identifier_to_Keep": KEEP},
    ],
)
def test_an_update_has_its_two_keys_and_no_other(wrong: Any) -> None:
    assert sentence({"merge_updates": [GOOD, wrong]}) == WRONG_KEYS


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        "external_id",
        1,
        [],
        [KEEP],
        {},
        {"braze_id": "0123456789abcdef01234567"},
        {"external_id": 12345},
        {"external_id": None},
        {"external_id": True},
        {"external_id": ["a"]},
        {"external_id": {"a": "b"}},
        {"email": 1, "prioritization": ["identified"]},
        {"phone": 4930123456, "prioritization": ["identified"]},
        {"prioritization": ["identified"]},
        {"user_alias": "jane"},
        {"user_alias": ["jane", "shop"]},
        {"user_alias": {}},
        {"user_alias": {"alias_name": "jane"}},
        {"user_alias": {"alias_label": "shop"}},
        {"user_alias": {"alias_name": 1, "alias_label": "shop"}},
        {"user_alias": {"alias_name": "jane", "alias_label": None}},
        {"user_alias": {"alias_name": "jane", "alias_label": "shop", "external_id": "a"}},
        {"alias_name": "jane", "alias_label": "shop"},
        {"external_id": "a", "email": "jane@example.com", "prioritization": ["identified"]},
        {"external_id": "a", "user_alias": {"alias_name": "jane", "alias_label": "shop"}},
        {"external_id": "a", "note": "a third key"},
        {"External_id": "a"},
    ],
)
@pytest.mark.parametrize("role", ["identifier_to_merge", "identifier_to_keep"])
def test_an_identifier_names_a_profile_in_exactly_one_way(role: str, wrong: Any) -> None:
    assert sentence({"merge_updates": [GOOD, {**GOOD, role: wrong}]}) == WRONG_IDENTIFIER


@pytest.mark.parametrize(
    ("longest", "too_long"),
    [
        ({"external_id": "a" * 987}, {"external_id": "a" * 988}),
        ({"external_id": "ü" * 493}, {"external_id": "ü" * 494}),
        *(
            (
                {"user_alias": {"alias_name": "a", "alias_label": "b", part: "c" * 236}},
                {"user_alias": {"alias_name": "a", "alias_label": "b", part: "c" * 237}},
            )
            for part in ("alias_name", "alias_label")
        ),
        *(
            ({kind: "a" * 320, "prioritization": ["identified"]}, {kind: "a" * 321, "prioritization": ["identified"]})
            for kind in ("email", "phone")
        ),
    ],
)
def test_an_identifier_is_no_longer_than_any_that_a_profile_could_have(longest: Any, too_long: Any) -> None:
    assert len(load_merge({"merge_updates": [update(longest)]})) == 1
    assert sentence({"merge_updates": [update(too_long)]}) == TOO_LONG


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, NO_PRIORITIZATION),
        ({"prioritization": None}, NO_PRIORITIZATION),
        ({"prioritization": "identified"}, WRONG_PRIORITIZATION),
        ({"prioritization": {"identified": True}}, WRONG_PRIORITIZATION),
        ({"prioritization": 1}, WRONG_PRIORITIZATION),
        ({"prioritization": ["identified", 1]}, WRONG_PRIORITIZATION),
        ({"prioritization": [["identified"]]}, WRONG_PRIORITIZATION),
        ({"prioritization": [{}]}, WRONG_PRIORITIZATION),
        ({"prioritization": []}, EMPTY_PRIORITIZATION),
        ({"prioritization": ["newest"]}, UNKNOWN_PRIORITY),
        ({"prioritization": ["Identified"]}, UNKNOWN_PRIORITY),
        ({"prioritization": [""]}, UNKNOWN_PRIORITY),
        ({"prioritization": ["identified", "unidentified"]}, BOTH_STANDINGS),
        ({"prioritization": ["unidentified", "most_recently_updated", "identified"]}, BOTH_STANDINGS),
        ({"prioritization": ["most_recently_updated", "least_recently_updated"]}, BOTH_RECENCIES),
        ({"prioritization": ["identified", "least_recently_updated", "most_recently_updated"]}, BOTH_RECENCIES),
        ({"prioritization": ["identified", "identified"]}, REPEATED_PRIORITY),
        ({"prioritization": ["most_recently_updated", "identified", "most_recently_updated"]}, REPEATED_PRIORITY),
    ],
)
@pytest.mark.parametrize("kind", ["email", "phone"])
@pytest.mark.parametrize("role", ["identifier_to_merge", "identifier_to_keep"])
def test_email_and_phone_need_a_prioritization_that_can_be_followed(
    role: str, kind: str, given: dict[str, Any], message: str
) -> None:
    assert sentence({"merge_updates": [GOOD, {**GOOD, role: {kind: "x", **given}}]}) == message


FAULTS = [
    ([], NOT_OBJECTS),
    ({"note": "wrong keys"}, WRONG_KEYS),
    (update({"external_id": 1}), WRONG_IDENTIFIER),
    (update({"external_id": "a" * 988}), TOO_LONG),
    (update({"email": "x"}), NO_PRIORITIZATION),
    (update({"email": "x", "prioritization": "identified"}), WRONG_PRIORITIZATION),
    (update(email()), EMPTY_PRIORITIZATION),
    (update(email("newest")), UNKNOWN_PRIORITY),
    (update(email("identified", "unidentified")), BOTH_STANDINGS),
    (update(email("most_recently_updated", "least_recently_updated")), BOTH_RECENCIES),
    (update(email("identified", "identified")), REPEATED_PRIORITY),
]


@pytest.mark.parametrize("rank", range(len(FAULTS)))
def test_each_check_runs_over_the_whole_request_before_the_next(rank: int) -> None:
    message = FAULTS[rank][1]
    later = [fault for fault, _ in FAULTS[rank:]]

    assert sentence({"merge_updates": [GOOD, *later[::-1]]}) == message
    assert sentence({"merge_updates": [*later, GOOD]}) == message


def test_the_count_is_checked_after_the_shape_and_before_the_keys() -> None:
    assert sentence({"merge_updates": [GOOD] * 51 + [1]}) == NOT_OBJECTS
    assert sentence({"merge_updates": [{}] * 51}) == TOO_MANY


TEXTS = st.one_of(
    st.text(max_size=3),
    st.sampled_from(
        [
            most * character
            for most in (59, 80, 236, 237, 246, 320, 321, 987, 988)
            for character in ("a", "ä", "\U0001f600")
        ]
    ),
)
STEPS: st.SearchStrategy[Any] = st.one_of(
    st.lists(st.sampled_from([*map(str, Priority), "oldest", "", 1, None, []]), max_size=3),
    st.none(),
    st.text(max_size=2),
)
ALIASES = st.dictionaries(
    st.sampled_from(["alias_name", "alias_label", "other"]), st.one_of(TEXTS, st.none()), max_size=3
)
IDENTIFIERS = st.one_of(
    st.fixed_dictionaries({"external_id": TEXTS}),
    st.fixed_dictionaries({"user_alias": ALIASES}),
    st.fixed_dictionaries({"email": TEXTS, "prioritization": STEPS}),
    st.fixed_dictionaries({"phone": TEXTS, "prioritization": STEPS}),
    st.dictionaries(
        st.sampled_from(["external_id", "user_alias", "email", "phone", "prioritization", "braze_id"]),
        st.one_of(TEXTS, ALIASES, STEPS, st.integers()),
        max_size=3,
    ),
    st.none(),
)
BODIES = st.lists(
    st.one_of(st.builds(update, IDENTIFIERS, IDENTIFIERS), st.dictionaries(st.text(max_size=2), st.none(), max_size=2)),
    max_size=3,
).map(lambda updates: {"merge_updates": updates})


@given(BODIES)
def test_what_is_read_in_one_pass_is_what_the_checks_return(body: Any) -> None:
    plain = load_plain_updates(body)

    assert plain is None or plain == MergeRequestSchema().load(body)["merge_updates"]


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"merge_updates": None},
        {"merge_updates": [None]},
        {"merge_updates": [GOOD | {"other": 1}]},
        {"merge_updates": [GOOD] * 51},
        {"merge_updates": [update(KEEP | {"prioritization": []})]},
        {"merge_updates": [update(email("identified") | {"phone": "1"})]},
        {"merge_updates": [update({"external_id": "e" * 988})]},
    ],
)
def test_a_body_of_another_shape_is_left_to_the_checks(body: Any) -> None:
    assert load_plain_updates(body) is None


@pytest.mark.parametrize(
    "orphan",
    [
        {"external_id": "jane"},
        {"user_alias": {"alias_name": "jane", "alias_label": "shop"}},
        email("unidentified", "most_recently_updated"),
        {"phone": "+49 30 1234567", "prioritization": ["identified"]},
    ],
)
def test_usual_updates_are_read_in_one_pass(orphan: Any) -> None:
    assert load_plain_updates({"merge_updates": [update(orphan), update(KEEP, orphan)]}) is not None
