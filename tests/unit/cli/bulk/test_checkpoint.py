"""A run resumes at the position of its checkpoint, and removes later output from its file."""

from pathlib import Path

import pytest

from cli.bulk.files import FileError
from cli.bulk.outputs import checkpoint as checkpoint_module
from cli.bulk.outputs import output_file
from cli.bulk.outputs.checkpoint import Checkpoint, CheckpointState, checkpoint_path, open_checkpoint

FRESH = CheckpointState(task="merge", source="abc")


def begin(output: Path) -> None:
    """Interrupt a run that settled `one` and was writing `two`."""
    with open_checkpoint(output, FRESH, again=False) as checkpoint:
        checkpoint.save(
            written=checkpoint.write(b"one\n"), offset=7, lines=1, counts={"merged": 1}, open_batches={"2": "batch"}
        )
        checkpoint.write(b"two\n")


def test_a_resumed_run_cuts_off_unsettled_output_and_continues(tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    begin(output)
    before = output.read_bytes()
    with open_checkpoint(output, FRESH, again=False) as checkpoint:
        left, resumed = checkpoint.state, checkpoint.resumed
        checkpoint.save(written=checkpoint.write(b"2\n"), finished=True)

    assert resumed
    assert before == b"one\ntwo\n"
    assert output.read_bytes() == b"one\n2\n"
    assert (left.offset, left.lines, left.counts, left.open_batches) == (7, 1, {"merged": 1}, {"2": "batch"})


def test_a_run_with_again_starts_with_an_empty_file(tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    begin(output)
    with open_checkpoint(output, FRESH, again=True) as checkpoint:
        assert not checkpoint.resumed
        assert (checkpoint.state.offset, checkpoint.state.open_batches) == (0, {})
        assert output.read_bytes() == b""


def refused(output: Path, state: CheckpointState = FRESH) -> str:
    with pytest.raises(FileError) as caught, open_checkpoint(output, state, again=False):
        pass
    return str(caught.value)


def test_the_output_of_another_run_is_not_changed(tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    begin(output)

    assert "changed since this run started" in refused(output, CheckpointState(task="merge", source="other"))
    assert "a run of another kind (merge)" in refused(output, CheckpointState(task="preview", source="abc"))
    assert output.read_bytes() == b"one\ntwo\n"


def test_a_file_that_belongs_to_no_run_is_not_changed(tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    output.write_text("mine", encoding="utf-8")

    assert "belongs to no run" in refused(output)
    assert output.read_text(encoding="utf-8") == "mine"


def test_a_shortened_file_and_an_invalid_checkpoint_are_errors(tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    begin(output)
    output.write_bytes(b"on")
    shorter = refused(output)
    checkpoint_path(output).write_text("{}", encoding="utf-8")

    assert "shorter than its checkpoint says" in shorter
    assert "cannot be read. Add --again" in refused(output)


def test_the_state_is_read_after_the_lock_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = tmp_path / "out.jsonl"
    begin(output)
    steps: list[str] = []
    lock, read = output_file._lock, checkpoint_module._read_state
    monkeypatch.setattr(output_file, "_lock", lambda *given: (steps.append("lock"), lock(*given))[1])
    monkeypatch.setattr(checkpoint_module, "_read_state", lambda *given: (steps.append("read"), read(*given))[1])
    with open_checkpoint(output, FRESH, again=False):
        pass

    assert steps == ["lock", "read"]


def test_a_second_process_is_refused_even_with_again(tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    with open_checkpoint(output, FRESH, again=False) as checkpoint:
        checkpoint.save(written=checkpoint.write(b"one\n"), lines=1)
        with pytest.raises(FileError, match="Another process writes"), open_checkpoint(output, FRESH, again=True):
            pass
        checkpoint.save(written=checkpoint.write(b"two\n"), lines=2)

    assert output.read_bytes() == b"one\ntwo\n"


def test_two_runs_do_not_write_one_file(tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    with open_checkpoint(output, FRESH, again=False) as checkpoint:
        assert isinstance(checkpoint, Checkpoint)
        assert "Another process writes" in refused(output)
