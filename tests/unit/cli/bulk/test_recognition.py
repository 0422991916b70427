"""A file of whole profiles is recognised by its members, and an ambiguous file is refused."""

from io import BytesIO
from typing import Any

import orjson
import pytest

from cli.bulk import recognition
from cli.bulk.files import FileError
from cli.bulk.recognition import Kind, classify, has_profiles, header_has_profiles

ADA = {"external_id": "ada", "user_aliases": [], "custom_attributes": {"plan": "pro"}, "total_revenue": 5.5}
PLAIN = {"external_id": "ada", "first_name": "Ada"}
CUSTOM = {**PLAIN, "plan": "pro"}


def has(*values: Any) -> bool:
    """Return whether a file with these lines has whole profiles."""
    return has_profiles(BytesIO(b"\n".join(map(orjson.dumps, values))), "a.jsonl")


@pytest.mark.parametrize(
    "value",
    [
        ADA,
        {"external_id": "ada", "user_aliases": []},
        {"appboy_id": "5f1a6cbe0a3c3c6b0b8e4d1a"},
        {"external_id": "ada", "custom_attributes": {"plan": "pro"}, "a member of a later version": 1},
        {"external_id": "ada", "custom_events": [{"name": "login", "count": 3}]},
        {"email": "ada@example.com", "purchases": [{"name": "hat", "count": 3}]},
        {"external_id": "ada", "apps": [{"name": "shop", "sessions": 3}]},
        {"external_id": "ada", "campaigns_received": [{"name": "spring"}]},
        {"profiles": PLAIN},
        {"line": 3, "result": "refused", "reason": "…", "profiles": PLAIN},
        {"line": 3, "result": "refused", "reason": "…", "text": "{", "array": "profiles"},
    ],
)
def test_members_of_exports_make_a_whole_profile(value: dict[str, Any]) -> None:
    assert classify(value) is Kind.PROFILE
    assert has({"external_id": "bob"}, value)


@pytest.mark.parametrize(
    "value",
    [
        CUSTOM,
        # Custom attributes may have the names of exported members.
        {**CUSTOM, "total_revenue": 5, "created_at": "2026-01-01"},
        {**CUSTOM, "apps": ["shop"], "custom_events": 3},
        {"attributes": PLAIN},
        {"purchases": {"external_id": "ada", "product_id": "hat"}},
        {"line": 3, "result": "refused", "reason": "…", "events": {"external_id": "ada"}},
    ],
)
def test_objects_of_track_are_no_whole_profiles(value: dict[str, Any]) -> None:
    assert classify(value) is Kind.TRACKED
    assert not has(PLAIN, value)
    with pytest.raises(FileError, match=r"whole profile in line 1 and an object for /users/track in line 2\. Split"):
        has(ADA, value)


@pytest.mark.parametrize(
    ("value", "member"),
    [
        ({"external_id": "ada", "total_revenue": 5}, "total_revenue"),
        ({"external_id": "ada", "created_at": "2026-01-01T00:00:00Z"}, "created_at"),
        ({"external_id": "ada", "first_session": "2026-01-01T00:00:00Z", "first_name": "A"}, "first_session"),
        ({"external_id": "ada", "braze_id": "5f1a6cbe0a3c3c6b0b8e4d1a"}, "braze_id"),
    ],
)
def test_a_file_that_can_be_either_is_refused_with_the_option_that_decides(value: Any, member: str) -> None:
    with pytest.raises(FileError) as caught:
        has(PLAIN, value)

    assert str(caught.value) == (
        f"Line 2 of a.jsonl can be a whole profile or an attributes object: it has '{member}', which exports have. Add"
        " --as profiles or --as attributes."
    )
    assert has(PLAIN, value, ADA)


def test_lines_without_a_distinctive_member_are_attributes() -> None:
    for values in ([PLAIN], [1, None, "text", []], [{}], [{"braze_id": "5f1a6cbe0a3c3c6b0b8e4d1a", "email": "a@b.c"}]):
        assert not has(*values)
    assert not has_profiles(BytesIO(b"{\n\n\xef\xbb\xbf\x1a\n" + b"[" * 300), "a.jsonl")


@pytest.mark.parametrize(("many", "other"), [(ADA, CUSTOM), (CUSTOM, ADA)])
def test_a_line_of_the_other_kind_far_after_the_first_lines_is_found(
    monkeypatch: pytest.MonkeyPatch, many: dict[str, Any], other: dict[str, Any]
) -> None:
    monkeypatch.setattr(recognition, "SAMPLE_LINES", 3)
    with pytest.raises(FileError, match=r"in line 11\.|in line 11 and"):
        has(*[many] * 10, other)


def test_lines_that_look_like_the_first_ones_are_not_parsed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recognition, "SAMPLE_LINES", 3)
    parsed: list[bytes] = []

    def count(line: bytes) -> Any:
        parsed.append(line)
        return orjson.loads(line)

    monkeypatch.setattr(recognition, "parse_json", count)

    assert has(*[ADA] * 10)
    assert not has(*[CUSTOM] * 10)
    assert len(parsed) == 6


@pytest.mark.parametrize(
    ("names", "custom", "expected"),
    [
        (["external_id", "user_aliases", "custom_attributes", "total_revenue"], [], True),
        (["external_id", "email", "first_name"], [], False),
        (["external_id", "created_at", "plan"], [], False),
        (["external_id", "created_at:string"], [], False),
        (["external_id", "purchases", "plan"], [], False),
        (["external_id", "created_at"], ["created_at"], False),
        (["external_id", "custom_attributes"], ["custom_attributes"], False),
        (["external_id", "total_revenue"], [], "total_revenue"),
        (["external_id", "custom_attributes", "plan"], [], "custom_attributes"),
        (["external_id", "custom_attributes", "apps"], ["apps"], "custom_attributes"),
    ],
)
def test_the_columns_of_an_export_are_recognised(names: list[str], custom: list[str], expected: bool | str) -> None:
    if isinstance(expected, bool):
        assert header_has_profiles(names, custom, "a.csv") is expected
        return
    with pytest.raises(FileError, match=f"they have the column '{expected}', which exports have. Add --as profiles"):
        header_has_profiles(names, custom, "a.csv")
