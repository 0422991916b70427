"""A command that reads a file of any bytes ends with a message. Nothing listens at the URL of its server."""

from pathlib import Path
from tempfile import TemporaryDirectory

from click.testing import CliRunner
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cli.main import main
from tests.support.any_bytes import BYTES, HEADERS


@given(HEADERS, BYTES, st.sampled_from(["csv", "jsonl"]), st.booleans())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@example(header=b"external_id,first_name\n", content=b"a,Ann\n", form="csv", merges=False)
def test_a_command_ends_with_a_message_for_any_bytes(header: bytes, content: bytes, form: str, merges: bool) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"file.{form}"
        path.write_bytes(header + content)
        command = ["merge", str(path)] if merges else ["profiles", "import", str(path)]
        environ = {"MERGELANE_API_KEY": "a-key", "MERGELANE_URL": "http://127.0.0.1:1"}
        result = CliRunner(env=environ).invoke(main, [*command, "--patience", "0"])

    assert isinstance(result.exception, SystemExit | None), result.exception
    assert result.exit_code in {0, 1, 4}
    assert result.exit_code != 1 or result.stderr.startswith("Error: ")
