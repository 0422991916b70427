"""The short form of `make chaos SCENARIO=standby`. `.ci/run` runs a short form of all scenarios."""

from chaos.run import Options
from chaos.scenarios.catalogue import SCENARIOS
from chaos.scenarios.scenario import run_scenario


def test_no_job_is_lost_or_doubled_while_standbys_are_promoted() -> None:
    scenario, lines = SCENARIOS["standby"], list[str]()

    result = run_scenario(scenario, Options(seed="5", seconds=0.0, gap_s=0.1), log=lines.append)

    findings = result.findings
    assert (findings.lost, findings.doubled, findings.broken) == ([], [], []), lines
    assert [strike.fault for strike in result.strikes] == [fault.name for fault in scenario.faults]
    assert findings.merged > 50
    assert result.starts == {"web": 1, "relay": 1, "worker1": 1, "worker2": 1}
