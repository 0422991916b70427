"""`mergelane doctor --data` on a real database: stored identifiers that requests refuse, and changed comparisons."""

import pytest
from click.testing import CliRunner

from app.config import Settings
from app.merging.profile import EmailAddress, Profile
from cli.doctor.data import run_data_checks
from cli.doctor.findings import Finding, Level
from cli.main import main
from tests.support.factories import Factory, an_email
from tests.support.postgres import make_database_url

database_url = make_database_url(scope="module")


@pytest.fixture
def settings(database_url: str) -> Settings:
    return Settings(database_url=database_url)


def findings_of(factory: Factory, settings: Settings) -> list[Finding]:
    """Return the findings about the factory's workspace."""
    (row,) = factory.rows("SELECT name FROM workspace WHERE workspace_id = %s")
    return [finding for finding in run_data_checks(settings) if finding.check == f"data of {row['name']}"]


def written(factory: Factory) -> dict[str, Profile]:
    """Write one profile for each kind of refused value, and return them by the words of their finding."""
    return {
        "external_ids with a control or format character": factory.profile("zw1\u200b"),
        "aliases with a control or format character": factory.profile(user_aliases={"shop": "a\u202eb"}),
        "external_ids that are placeholders": factory.profile("#N/A"),
        "aliases that are placeholders": factory.profile(user_aliases={"site": "{{id}}"}),
        "email addresses that are placeholders": factory.profile(email="null@null.com"),
        "email addresses that are not valid": factory.profile(email="<ann@example.com>"),
        "phone numbers that a spreadsheet turned into a power of ten": factory.profile(phone="4.47912E+11"),
        "phone numbers without E.164 form": factory.profile(phone="07912 345678"),
    }


def test_each_kind_of_refused_value_is_counted_with_an_example(factory: Factory, settings: Settings) -> None:
    expected = {f"1 {words}, such as of {profile.braze_id}." for words, profile in written(factory).items()}

    found = findings_of(factory, settings)

    assert {finding.sentence for finding in found} == expected
    assert {finding.level for finding in found} == {Level.NOTICE}
    assert all(finding.remedy for finding in found)


def test_ordinary_and_encrypted_values_are_fine(factory: Factory, settings: Settings) -> None:
    factory.profile("ann", email="ann@example.com", phone="+14155550123", user_aliases={"shop": "7"})
    factory.profile("ben", email=an_email("c1ph3r", encrypted=True))

    (finding,) = findings_of(factory, settings)

    assert finding.level == Level.FINE


def test_a_recomputation_is_reported_with_its_groups(factory: Factory, settings: Settings) -> None:
    factory.rows("INSERT INTO key_recomputation (workspace_id) VALUES (%s) RETURNING 1")
    pair = [factory.profile(email=EmailAddress(address=each, key=each)) for each in ("weiß@x.org", "weiss@x.org")]
    factory.rows(
        "INSERT INTO key_change (workspace_id, profile_id, kind, former_key, current_key)"
        " VALUES (%s, %s, 'email', 'weiss@x.org', 'weiß@x.org') RETURNING 1",
        pair[0].id,
    )

    sentences = [finding.sentence for finding in findings_of(factory, settings)]

    assert "still being recomputed" in sentences[0]
    assert sentences[1].startswith("1 groups of profiles shared an address under the former rules and no longer do")
    assert all(profile.braze_id in sentences[1] for profile in pair)


def test_the_command_prints_the_findings(factory: Factory, database_url: str) -> None:
    profile = factory.profile("null")

    result = CliRunner().invoke(main, ["doctor", "--data"], env={"DATABASE_URL": database_url})

    assert result.exit_code == 0, result.output
    assert f"1 external_ids that are placeholders, such as of {profile.braze_id}." in result.output
