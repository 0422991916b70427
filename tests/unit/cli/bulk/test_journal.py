"""A run goes on where its state says, whatever lies beyond it in the file that it wrote."""

from pathlib import Path

import pytest

from cli.bulk.errors import UnfitFile
from cli.bulk.journal import Journal, State, open_journal, path_of

FRESH = State(task="merge", source="abc")


def begin(output: Path) -> None:
    """Leave a run that settled `one` and was writing `two`."""
    with open_journal(output, FRESH, again=False) as journal:
        journal.save(written=journal.write(b"one\n"), offset=7, lines=1, counts={"merged": 1}, on_way={"2": "batch"})
        journal.write(b"two\n")


def test_what_was_not_settled_is_cut_off_and_the_rest_goes_on(tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    begin(output)
    before = output.read_bytes()
    with open_journal(output, FRESH, again=False) as journal:
        left, resumed = journal.state, journal.resumed
        journal.save(written=journal.write(b"2\n"), finished=True)

    assert resumed
    assert before == b"one\ntwo\n"
    assert output.read_bytes() == b"one\n2\n"
    assert (left.offset, left.lines, left.counts, left.on_way) == (7, 1, {"merged": 1}, {"2": "batch"})


def test_begun_again_nothing_of_it_is_left(tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    begin(output)
    with open_journal(output, FRESH, again=True) as journal:
        assert not journal.resumed
        assert (journal.state.offset, journal.state.on_way) == (0, {})
        assert output.read_bytes() == b""


def refused(output: Path, state: State = FRESH) -> str:
    with pytest.raises(UnfitFile) as caught, open_journal(output, state, again=False):
        pass
    return str(caught.value)


def test_what_another_run_left_is_not_touched(tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    begin(output)

    assert "has changed" in refused(output, State(task="merge", source="other"))
    assert "another kind of run (merge)" in refused(output, State(task="preview", source="abc"))
    assert output.read_bytes() == b"one\ntwo\n"


def test_what_no_run_left_is_not_touched(tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    output.write_text("mine", encoding="utf-8")

    assert "no run left it" in refused(output)
    assert output.read_text(encoding="utf-8") == "mine"


def test_a_file_that_was_cut_and_a_state_that_is_none_are_told(tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    begin(output)
    output.write_bytes(b"on")
    shorter = refused(output)
    path_of(output).write_text("{}", encoding="utf-8")

    assert "shorter than the run left it" in shorter
    assert "cannot be read as the state of a run" in refused(output)


def test_two_runs_do_not_write_one_file(tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    with open_journal(output, FRESH, again=False) as journal:
        assert isinstance(journal, Journal)
        assert "Another process is at work" in refused(output)
