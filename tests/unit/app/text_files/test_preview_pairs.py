"""Reads the CSV of a preview of duplicates as pairs, also if a user removed lines from it."""

import pytest

from app.text_files.files import FileError
from app.text_files.merge_pairs import FilePair
from app.text_files.pair_texts import read_text_pairs

HEADER = (
    "Email Address,External ID,Phone Number,Braze ID,Identifier for rule,Created from,Profile to keep,Profile to merge"
)


def row(email: str, external_id: str = "", *, keep: bool = False, merge: bool = False, rule: str = "email") -> str:
    return f"{email},{external_id},+14155550123,b-{external_id},{rule},rest,{keep},{merge}"


def read(*rows: str, header: str = HEADER) -> list[FilePair]:
    return list(read_text_pairs("\r\n".join([header, *rows]).encode(), "preview.csv"))


def updates(pairs: list[FilePair]) -> list[object]:
    assert [pair.fault for pair in pairs] == [None] * len(pairs)
    return [pair.update for pair in pairs]


def test_each_profile_to_merge_is_a_pair_with_the_profile_to_keep_of_its_group() -> None:
    pairs = read(
        row("a@x.org", "ann", keep=True),
        row("A@x.org", "ann-1", merge=True),
        row("a@x.org", "left"),
        row("b@x.org", "bob", keep=True),
        row("b@x.org", "bob-1", merge=True),
        row("b@x.org", "bob-2", merge=True),
    )

    assert [pair.line for pair in pairs] == [3, 6, 7]
    assert updates(pairs) == [
        {"identifier_to_merge": {"external_id": merge}, "identifier_to_keep": {"external_id": keep}}
        for merge, keep in [("ann-1", "ann"), ("bob-1", "bob"), ("bob-2", "bob")]
    ]


def test_the_only_profile_without_an_external_id_is_named_by_the_address() -> None:
    (by_email,) = updates(read(row("a@x.org", "ann", keep=True), row("a@x.org", merge=True)))
    (by_phone,) = updates(read(row("", "ann", keep=True, rule="phone"), row("b@x.org", merge=True, rule="phone")))

    assert by_email == {
        "identifier_to_merge": {"email": "a@x.org", "prioritization": ["unidentified"]},
        "identifier_to_keep": {"external_id": "ann"},
    }
    assert by_phone["identifier_to_merge"] == {  # type: ignore[index]
        "phone": "+14155550123",
        "prioritization": ["unidentified"],
    }


def test_a_profile_that_no_request_can_name_is_a_fault_with_a_remedy() -> None:
    pairs = read(row("a@x.org", "ann", keep=True), row("a@x.org", merge=True), row("a@x.org"))
    (kept,) = read(row("a@x.org", keep=True), row("a@x.org", merge=True))

    assert "The profile to merge has no external_id" in str(pairs[0].fault)
    assert "mergelane duplicates run --plan" in str(kept.fault)


def test_a_group_without_its_profile_to_keep_or_with_two_is_a_fault() -> None:
    pairs = read(
        row("a@x.org", "a1", merge=True),
        row("b@x.org", "b1", keep=True),
        row("b@x.org", "b2", keep=True),
        row("b@x.org", "b3", merge=True),
    )

    assert [(pair.line, str(pair.fault).partition(" ")[0]) for pair in pairs] == [(2, "No"), (5, "Several")]


def test_a_cell_that_does_not_fit_is_a_fault_of_its_line() -> None:
    pairs = read("a@x.org,a,,b,mail,rest,TRUE,FALSE", "a@x.org,a,,b,email,rest,yes,FALSE", "short")

    assert [pair.line for pair in pairs] == [2, 3, 4]
    assert "neither email nor phone" in str(pairs[0].fault)
    assert "'Profile to keep' is neither TRUE nor FALSE" in str(pairs[1].fault)
    assert "has 1 cell; the header has 8" in str(pairs[2].fault)


def test_a_preview_without_one_of_its_columns_is_refused_in_one_sentence() -> None:
    with pytest.raises(FileError, match="has no column 'External ID'"):
        read("x", header=HEADER.replace("External ID,", ""))
