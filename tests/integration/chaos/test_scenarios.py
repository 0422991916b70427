"""The scenarios of the chaos suite: their programs, and the examples of the documents that they run."""

import pytest
from click.testing import CliRunner

from chaos.__main__ import main
from chaos.errors import ChaosError
from chaos.scenarios import catalogue, scenario
from chaos.scenarios.examples import example
from chaos.scenarios.scenario import MissingProgram, find_program


def test_a_program_that_is_missing_is_named_with_its_package() -> None:
    with pytest.raises(MissingProgram, match=r"no-such-program is not installed.*apt-get install .* a-package"):
        find_program("no-such-program", "a-package")


@pytest.mark.parametrize(("environ", "status"), [({}, 0), ({"CI": "true"}, 1)])
def test_a_scenario_without_its_program_is_skipped_and_fails_in_ci(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], status: int
) -> None:
    def require() -> None:
        find_program("no-such-program", "a-package")

    lacking = scenario.Scenario(name="lacking", prose="", require=require)
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr("chaos.__main__.SCENARIOS", {"lacking": lacking})
    result = CliRunner().invoke(main, ["--scenario", "all"], env=environ)

    assert result.exit_code == status
    assert "Skipped lacking: no-such-program is not installed." in result.stderr


def test_an_unknown_scenario_is_refused_with_the_known_ones() -> None:
    result = CliRunner().invoke(main, ["--scenario", "standby,moon"])

    assert result.exit_code == 2
    assert "Unknown scenario: moon. Known scenarios: standby, " in result.stderr


def test_each_scenario_has_faults_and_a_name_of_its_own() -> None:
    assert all(each.faults or each.run is not None for each in catalogue.SCENARIOS.values())
    assert {name: each.name for name, each in catalogue.SCENARIOS.items()} == {
        name: name for name in catalogue.SCENARIOS
    }


@pytest.mark.parametrize("language", ["text", "ini"])
def test_an_example_that_lacks_what_a_scenario_replaces_is_an_error(language: str) -> None:
    with pytest.raises(ChaosError, match="lacks 'no such line'"):
        example(language, {"no such line": ""})
