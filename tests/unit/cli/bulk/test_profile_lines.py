"""Lines of whole profiles are sent unchanged, and every line of any file has exactly one result."""

from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Condition
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from app.text_files.lines import BLANKS, BOM, MAX_LINE, Position
from cli.bulk import profile_lines
from cli.bulk.outputs.checkpoint import CheckpointState, open_checkpoint
from cli.bulk.profile_lines import ProfileChunk, ProfileLine, read_profiles, split_profiles
from cli.bulk.profile_run import ProfileRun, Result, chunk_key
from schemas.profile_imports import LineRefused, parse_profile
from tests.support.any_bytes import BYTES

ADA = b'{"external_id": "ada",  "first_name": "Ada"}'
PARTS = [
    ADA, b'{"profiles":{"external_id":"a"}}', b'{"profiles":{"external_id":"a"}', b"", b" \x1a",
    b'{"line":1,"result":"refused","reason":"x","profiles":{"external_id":"a","n":1}}',
    b'{"line":1,"result":"refused","reason":"x","text":"{\\n}","array":"profiles"}',
    b'{"line":1,"result":"refused","reason":"x","text":"a,b","columns":["external_id","email"]}',
    b'{"line":1,"result":"refused","reason":"x","text":"a","columns":5,"delimiter":null}',
    b'{"reason":NaN}', b'{"a":1,"a":2,"reason":0}', b'{"external_id":"\\ud800"}', b'{"custom_attributes":{"reason":1}}',
    b'{"a":' * 300 + b"1" + b"}" * 300,
]  # fmt: skip
LINES = st.lists(st.one_of(BYTES, st.sampled_from(PARTS)), max_size=8)
ENDS = st.sampled_from([b"\n", b"\r", b"\r\n"])


def read(content: bytes, start: Position | None = None) -> list[ProfileLine]:
    """Return the lines of a file."""
    return list(read_profiles(BytesIO(content), start or Position()))


def answer(chunk: ProfileChunk) -> list[Result]:
    """Return the results of the server if no profile exists yet."""
    results: list[Result] = []
    for line in chunk.body.split(b"\n"):
        parsed = parse_profile(line)
        refused = isinstance(parsed, LineRefused)
        results.append(
            {"result": "refused" if refused else "created", "reasons": list(parsed.reasons) if refused else []}
        )
    assert len(results) == len(chunk.sent)
    return results


def import_all(content: bytes) -> tuple[dict[str, int], list[Any]]:
    """Return the counts of an import of *content*, and its report."""
    with TemporaryDirectory() as folder:
        report = Path(folder) / "report.jsonl"
        fresh = CheckpointState(task="import as profiles", source="a digest")
        with open_checkpoint(report, fresh, again=False) as checkpoint:
            run = ProfileRun(checkpoint, answer, on_progress=lambda *_: None)
            run.run(split_profiles(read_profiles(BytesIO(content), Position())))
            counts = dict(checkpoint.state.counts)
        return counts, [orjson.loads(line) for line in report.read_bytes().splitlines()]


def without_remark(line: dict[str, Any]) -> dict[str, Any]:
    """Return the line of a report without its `line` and `reason`."""
    return {name: value for name, value in line.items() if name not in {"line", "reason"}}


def test_a_line_is_sent_unchanged() -> None:
    lines = read(BOM + ADA + b"\r\n\r\n\t" + ADA + b" \x1a\r" + ADA)

    assert [(line.line, line.data, line.fault) for line in lines] == [(number, ADA, None) for number in (1, 3, 4)]


def test_a_line_of_a_report_is_sent_without_its_reason() -> None:
    remark = {"line": 7, "result": "refused", "reason": "…"}
    text = {"text": ' {"external_id": "ada"} \n', "array": "profiles"}
    row = {"text": 'ada,\'=1,"{""n"":1}"', "columns": ["external_id", "first_name", "custom_attributes"]}
    given = [
        b'{"external_id":"ada","custom_attributes":{"n":18446744073709551616}}',
        b'{"line":7,"result":"refused","reason":"","profiles":{"external_id":"ada","n":18446744073709551616}}',
        orjson.dumps({**remark, **text}),
        orjson.dumps({**remark, **row}),
        orjson.dumps({"profiles": {"external_id": "ada"}}),
        # A custom attribute of this name is not the reason of a report.
        b'{"external_id": "ada", "custom_attributes": {"reason": 1}}',
    ]
    lines = read(b"\n".join(given))

    assert [line.fault for line in lines] == [None] * len(given)
    assert [line.data for line in lines] == [
        given[0],
        b'{"external_id":"ada","n":18446744073709551616}',
        b'{"external_id": "ada"}',
        b'{"external_id":"ada","first_name":"=1","custom_attributes":{"n":1}}',
        b'{"external_id":"ada"}',
        given[5],
    ]


def test_a_line_that_is_too_long_is_refused_and_reading_continues() -> None:
    counts, report = import_all(ADA + b"\n" + b"x" * (MAX_LINE + 1) + b"\n" + ADA)

    assert counts == {"created": 2, "refused": 1}
    assert report == [{"line": 2, "result": "refused", "reason": report[0]["reason"]}]
    assert "The line has 3,145,730 bytes" in report[0]["reason"]


def test_chunks_have_bounded_lines_and_bytes_and_do_not_depend_on_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profile_lines, "MAX_LINES", 3)
    monkeypatch.setattr(profile_lines, "MAX_BYTES", 200)
    content = b"\n".join(b'{"external_id":"%d"}' % number for number in range(7)) + b"\n" + ADA.ljust(190) * 2
    chunks = list(split_profiles(read(content)))
    resumed = list(split_profiles(read(content, chunks[0].end)))

    assert [len(chunk.lines) for chunk in chunks] == [3, 3, 1, 1]
    assert resumed == chunks[1:]
    keys = [chunk_key("a", "skip", chunk) for chunk in chunks]
    assert [chunk_key("a", "skip", chunk) for chunk in resumed] == keys[1:]
    assert len({*keys, *(chunk_key("a", "fill", chunk) for chunk in chunks)}) == 8


def test_chunks_with_a_common_identifier_share_a_key() -> None:
    def keys(*lines: bytes) -> frozenset[bytes]:
        (chunk,) = split_profiles(read(b"\n".join(lines)))
        return chunk.sharing_keys

    ada = keys(ADA)
    assert ada & keys(b'{"braze_id":"1"}', b'{ "external_id" :"ada"}')
    assert ada & keys(b'{"line":1,"result":"refused","reason":"","profiles":{"external_id":"ada"}}')
    assert not ada & keys(b'{"external_id":"bob","first_name":"ada"}')
    assert keys(b'{"user_aliases":[{"alias_name":"x\\"y","alias_label":"l"}]}') == {b'"x\\"y"'}


def test_chunks_with_a_common_identifier_never_run_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profile_lines, "MAX_LINES", 1)
    running: set[int] = set()
    together: list[set[int]] = []
    changed = Condition()

    def send(chunk: ProfileChunk) -> list[Result]:
        (line,) = chunk.lines
        with changed:
            running.add(line.line)
            together.append(set(running))
            changed.notify_all()
            # Give the next chunk time to start, if it is allowed to.
            changed.wait_for(lambda: len(running) > 1, timeout=0.5)
            running.remove(line.line)
        return answer(chunk)

    content = b"\n".join(b'{"external_id":"%d"}' % number for number in (1, 1, 2, 3, 3))
    with TemporaryDirectory() as folder:
        fresh = CheckpointState(task="import as profiles", source="a digest")
        with open_checkpoint(Path(folder) / "report.jsonl", fresh, again=False) as checkpoint:
            ProfileRun(checkpoint, send, on_progress=lambda *_: None).run(split_profiles(read(content)))

    assert checkpoint.state.counts == {"created": 5}
    assert {2, 3} in together
    assert not any({1, 2} <= some or {4, 5} <= some for some in together)


@given(LINES, ENDS)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@example([b"\xef\xbb\xbf" + ADA, b"[" * 300 + b"]" * 300], b"\r")
def test_every_line_of_any_bytes_has_exactly_one_result(lines: list[bytes], end: bytes) -> None:
    # A file that is not UTF-8 is refused as a whole.
    content = end.join(lines).decode(errors="replace").encode()
    said = [number for number, line in enumerate(content.splitlines(), start=1) if line.removeprefix(BOM).strip(BLANKS)]
    counts, report = import_all(content)
    refused = [remark["line"] for remark in report if remark["result"] == "refused"]

    assert sum(counts.get(name, 0) for name in ("created", "refused")) == len(said)
    assert len(refused) == counts.get("refused", 0)
    assert refused == sorted(set(refused) & set(said))
    # Refused lines without a correction are refused again, and are unchanged in the new report.
    again, report_again = import_all(b"\n".join(map(orjson.dumps, report)))
    assert again.get("refused", 0) == len(refused)
    assert list(map(without_remark, report_again)) == list(map(without_remark, report))
