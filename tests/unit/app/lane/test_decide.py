"""The decision about one job: every outcome, and their order of precedence."""

from dataclasses import replace
from typing import Any

import pytest

from app.config import Settings
from app.lane.decide import Decision, decide
from app.lane.working_set import WorkingSet
from app.merging.prioritization import Ambiguous, NoCandidate, Resolved
from app.merging.profile import Profile
from app.profiles.resolution import Inherited, MergedAway, Resolution
from schemas.outcomes import JobKind, Outcome
from tests.support.factories import Wire, a_profile, alias, an_email, by_email, by_phone, ext
from tests.support.generated import AT
from tests.unit.app.lane.jobs import a_job

LIMIT = 3
ANN, BEA, GUEST = a_profile(external_id="ann"), a_profile(external_id="bea"), a_profile(user_aliases={"l": "g"})
BAD_PHONES = [a_profile(phone="0123", external_id="ann"), a_profile(phone="0124", external_id="bea")]
FULL = replace(BAD_PHONES[1], absorbed_on=AT.date(), absorbed_count=LIMIT)
KEPT = replace(BAD_PHONES[0], control_group=True)
GONE = MergedAway(orphan_id=99, braze_id="f" * 24, external_id="ann", survivor_id=BEA.id)
GONE_TOO = MergedAway(orphan_id=98, braze_id="e" * 24, external_id="cid", survivor_id=BEA.id)


def decided(
    orphan: Resolution | Profile,
    survivor: Resolution | Profile,
    *,
    names: tuple[Wire, Wire] = (ext("ann"), ext("bea")),
    kind: JobKind = JobKind.MERGE,
    others: tuple[Profile, ...] = (ANN, BEA),
    **settings: Any,
) -> Decision:
    """Return the decision about a job with these resolutions; a profile means that its identifier resolves to it."""
    profiles = {each.id: each for each in (*others, orphan, survivor) if isinstance(each, Profile)}
    resolved = [Resolved(each.id) if isinstance(each, Profile) else each for each in (orphan, survivor)]
    return decide(
        a_job(*names, kind=kind),
        orphan=resolved[0],
        survivor=resolved[1],
        working_set=WorkingSet(profiles),
        at=AT,
        settings=Settings(survivor_limit=LIMIT, **settings),
    )


@pytest.mark.parametrize(
    ("orphan", "survivor", "outcome"),
    [
        (Ambiguous(), Ambiguous(), Outcome.ORPHAN_AMBIGUOUS),
        (Ambiguous(), NoCandidate(), Outcome.ORPHAN_AMBIGUOUS),
        (Ambiguous(), BEA, Outcome.ORPHAN_AMBIGUOUS),
        (NoCandidate(), Ambiguous(), Outcome.SURVIVOR_AMBIGUOUS),
        (GONE, Ambiguous(), Outcome.SURVIVOR_AMBIGUOUS),
        (ANN, Ambiguous(), Outcome.SURVIVOR_AMBIGUOUS),
        (NoCandidate(), NoCandidate(), Outcome.ORPHAN_NOT_FOUND),
        (NoCandidate(), BEA, Outcome.ORPHAN_NOT_FOUND),
        (GONE, NoCandidate(), Outcome.SURVIVOR_NOT_FOUND),
        (KEPT, NoCandidate(), Outcome.SURVIVOR_NOT_FOUND),
        (GONE, BEA, Outcome.ALREADY_MERGED),
        (GONE, ANN, Outcome.ALREADY_MERGED),
        (GONE, GONE_TOO, Outcome.ALREADY_MERGED),
        (Inherited(BEA.id, GONE), ANN, Outcome.ALREADY_MERGED),
        (Inherited(BEA.id, GONE), BEA, Outcome.ALREADY_MERGED),
        (Inherited(BEA.id, GONE), NoCandidate(), Outcome.SURVIVOR_NOT_FOUND),
        (ANN, Inherited(BEA.id, GONE), Outcome.MERGED),
        (KEPT, KEPT, Outcome.SAME_PROFILE),
        (BEA, GONE_TOO, Outcome.SAME_PROFILE),
        (KEPT, FULL, Outcome.PROTECTED),
        (BAD_PHONES[0], FULL, Outcome.INVALID_PHONES),
        (ANN, FULL, Outcome.SURVIVOR_LIMIT),
        (ANN, BEA, Outcome.MERGED),
        (ANN, GONE_TOO, Outcome.MERGED),
    ],
)
def test_the_first_outcome_that_applies_wins(
    orphan: Resolution | Profile, survivor: Resolution | Profile, outcome: Outcome
) -> None:
    decision = decided(orphan, survivor)

    assert decision.outcome == outcome
    assert (decision.merged is not None) is (outcome is Outcome.MERGED)
    assert decision.reason.endswith(".")


@pytest.mark.parametrize("placeholder", ["", " ", "null", " NULL ", "Undefined", "[object Object]", "0", "n/a"])
def test_a_placeholder_is_refused_before_anything_else(placeholder: str) -> None:
    as_orphan = decided(Ambiguous(), NoCandidate(), names=(by_email(placeholder, "identified"), ext("bea")))
    as_survivor = decided(ANN, BEA, names=(ext("ann"), alias("anything", placeholder)))

    assert [as_orphan.outcome, as_survivor.outcome] == [Outcome.REFUSED_IDENTIFIER] * 2
    assert as_orphan.reason.startswith("identifier_to_merge is ")
    assert as_survivor.reason.startswith("identifier_to_keep is ")


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        (by_email("<ann@x.org>", "identified"), "has a part before the @ that is not valid"),
        (by_email("ann@x.org\u200b;", "identified"), "has the invisible character U+200B inside"),
        (by_email("ann@x.org;", "identified"), "has a domain that is not valid"),
        (by_email("ann", "identified"), "has no @"),
        (by_phone("+1 650 253 0000 ext. 1", "identified"), "has letters or an extension"),
        (by_phone("+15551234", "identified"), "can only be dialled locally"),
        (by_phone("4.47912E+11", "identified"), "was turned into a power of ten by a spreadsheet, which loses digits"),
        (
            {"braze_id": "f" * 24, "email": "mailto:ann@x.org", "identified": True},
            "has a part before the @ that is not valid",
        ),
    ],
)
def test_an_invalid_address_is_refused_whatever_matches_it(name: Wire, fault: str) -> None:
    as_orphan = [decided(found, BEA, names=(name, ext("bea"))) for found in (NoCandidate(), Ambiguous(), ANN, GONE)]
    as_survivor = decided(ANN, NoCandidate(), names=(ext("ann"), name))

    assert {each.outcome for each in (*as_orphan, as_survivor)} == {Outcome.REFUSED_IDENTIFIER}
    assert all(each.reason.startswith(f"The address in identifier_to_merge {fault}, so it ") for each in as_orphan)
    assert as_survivor.reason.startswith(f"The address in identifier_to_keep {fault}, so it ")


def test_an_encrypted_address_needs_no_valid_form_if_a_profile_has_it() -> None:
    hidden = a_profile(email=an_email("c2VjcmV0", encrypted=True), external_id="ann")
    name = by_email("c2VjcmV0", "identified")

    assert decided(hidden, BEA, names=(name, ext("bea"))).outcome == Outcome.MERGED
    assert decided(NoCandidate(), BEA, names=(name, ext("bea"))).outcome == Outcome.REFUSED_IDENTIFIER


def test_a_setting_defines_the_placeholders() -> None:
    names = (ext("TEST "), ext("null"))

    assert decided(ANN, BEA, names=names, refused_identifiers=frozenset()).outcome == Outcome.MERGED
    assert decided(ANN, BEA, names=names, refused_identifiers=frozenset({"test"})).outcome == Outcome.REFUSED_IDENTIFIER


def test_a_merge_decision_has_both_old_profiles_and_the_merged_survivor() -> None:
    decision = decided(ANN, BEA)

    assert (decision.orphan, decision.survivor) == (ANN, BEA)
    assert decision.merged is not None
    assert (decision.merged.id, decision.merged.updated_at) == (BEA.id, AT)


def test_a_survivor_that_was_merged_away_is_replaced_by_its_own_survivor() -> None:
    decision = decided(ANN, GONE_TOO)

    assert decision.survivor == BEA
    assert decision.merged is not None
    assert decision.merged.id == BEA.id


def test_the_reason_of_a_merged_away_orphan_names_its_survivor() -> None:
    decision = decided(GONE, ANN)

    assert BEA.braze_id in decision.reason
    assert (decision.orphan, decision.merged_away, decision.survivor) == (None, GONE, ANN)


def test_the_decision_has_the_found_profile_if_the_other_one_is_missing() -> None:
    assert decided(ANN, NoCandidate()).orphan == ANN
    assert decided(NoCandidate(), BEA).survivor == BEA
    assert decided(Ambiguous(), GONE_TOO).survivor == BEA


@pytest.mark.parametrize(
    ("found", "name", "sentence"),
    [
        (NoCandidate(), ext("ann"), "No profile has the external_id in identifier_to_merge."),
        (
            NoCandidate(),
            alias("l", "n"),
            "No profile has the alias in identifier_to_merge, whose letters must match exactly.",
        ),
        (NoCandidate(), by_email("a@x.org", "identified"), "No profile has the email address in identifier_to_merge."),
        (
            NoCandidate(filtered_out=True),
            by_email("a@x.org", "identified", "identified"),
            "Profiles match identifier_to_merge, but the prioritization [identified, identified] leaves none of them.",
        ),
        (
            Ambiguous(),
            by_email("a@x.org", "identified"),
            (
                "More than one profile matches identifier_to_merge after the prioritization [identified] (a tie of"
                " update times counts as more than one); add a step that leaves one."
            ),
        ),
    ],
)
def test_the_reason_says_why_no_profile_or_several_match(found: Resolution, name: Wire, sentence: str) -> None:
    assert decided(found, BEA, names=(name, ext("bea"))).reason == sentence


def test_reasons_contain_no_identifiers_of_people() -> None:
    reasons = [decided(ANN, BEA).reason, decided(KEPT, BEA).reason, decided(GONE, ANN).reason, decided(ANN, ANN).reason]

    assert not any(word in reason for reason in reasons for word in ("ann", "bea"))


IDENTIFY = [
    (GUEST, NoCandidate(), Outcome.IDENTIFIED),
    (NoCandidate(), NoCandidate(), Outcome.ORPHAN_NOT_FOUND),
    (ANN, NoCandidate(), Outcome.ORPHAN_IDENTIFIED),
    (ANN, BEA, Outcome.ORPHAN_IDENTIFIED),
    (ANN, ANN, Outcome.SAME_PROFILE),
    (KEPT, BEA, Outcome.ORPHAN_IDENTIFIED),
    (GUEST, replace(BEA, user_aliases={"l": "b"}, control_group=True), Outcome.ALIAS_CONFLICT),
    (replace(GUEST, control_group=True), NoCandidate(), Outcome.PROTECTED),
    (GUEST, replace(BEA, control_group=True), Outcome.PROTECTED),
    (replace(GUEST, phone=FULL.phone), FULL, Outcome.INVALID_PHONES),
    (GUEST, FULL, Outcome.SURVIVOR_LIMIT),
    (GUEST, BEA, Outcome.MERGED),
    (GUEST, GONE_TOO, Outcome.MERGED),
    (Inherited(BEA.id, GONE), ANN, Outcome.ORPHAN_IDENTIFIED),
    (Inherited(BEA.id, GONE), BEA, Outcome.SAME_PROFILE),
]


@pytest.mark.parametrize(("orphan", "survivor", "outcome"), IDENTIFY)
def test_identify_has_outcomes_of_its_own(
    orphan: Resolution | Profile, survivor: Resolution | Profile, outcome: Outcome
) -> None:
    decision = decided(orphan, survivor, kind=JobKind.IDENTIFY)

    assert decision.outcome == outcome


def test_identify_changes_only_the_external_id_and_the_update_time() -> None:
    decision = decided(GUEST, NoCandidate(), kind=JobKind.IDENTIFY)

    assert decision.identified == replace(GUEST, external_id="bea", updated_at=AT)
    assert decision.merged is None
