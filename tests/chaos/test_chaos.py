"""The short form of `make chaos`: faults from a fixed seed for half a minute."""

from chaos.monkey import plans
from chaos.run import Options, run_chaos

SEED, SECONDS = "7", 30.0


def test_no_job_is_lost_or_doubled_during_many_faults() -> None:
    told: list[str] = []

    result = run_chaos(Options(seed=SEED, seconds=SECONDS), log=told.append)

    findings = result.findings
    assert (findings.lost, findings.doubled, findings.broken) == ([], [], []), told
    assert findings.jobs > 100
    assert len({strike.fault for strike in result.strikes}) > 5


def test_a_seed_repeats_its_strikes() -> None:
    planned = plans(SEED, seconds=600)

    assert planned == plans(SEED, seconds=600)
    assert planned != plans("8", seconds=600)
    assert len({plan.fault for plan in planned}) > 20
