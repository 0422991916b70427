"""Deprecated external_ids within a lane: they go where the profile's primary one goes."""

from dataclasses import replace

from app.lane.working_set import Hand
from app.merging.prioritization import Denoted
from app.profiles.resolution import MergedAway
from schemas.identifiers import ExternalId
from tests.support.factories import a_profile

ANN, BEA, GUEST = a_profile(external_id="ann"), a_profile(external_id="bea"), a_profile()
OLD = ExternalId("ann-before")


def test_they_go_to_a_survivor_that_takes_over_the_primary_one() -> None:
    hand = Hand({ANN.id: ANN, GUEST.id: GUEST})
    hand.absorb(merged=replace(GUEST, external_id="ann"), orphan=ANN)

    assert hand.follow(OLD, Denoted(ANN.id)) == Denoted(GUEST.id)
    assert hand.follow(ExternalId("ann"), Denoted(ANN.id)) == Denoted(GUEST.id)


def test_they_stay_with_an_orphan_whose_survivor_keeps_its_own() -> None:
    hand = Hand({ANN.id: ANN, BEA.id: BEA})
    hand.absorb(merged=BEA, orphan=ANN)

    gone = MergedAway(orphan_id=ANN.id, braze_id=ANN.braze_id, external_id="ann", survivor_id=BEA.id)
    assert hand.follow(OLD, Denoted(ANN.id)) == gone
    assert hand.follow(ExternalId("ann"), Denoted(ANN.id)) == gone


def test_they_stay_with_the_last_profile_that_took_over_the_primary_one() -> None:
    hand = Hand({ANN.id: ANN, BEA.id: BEA, GUEST.id: GUEST})
    taken = replace(GUEST, external_id="ann")
    hand.absorb(merged=taken, orphan=ANN)
    hand.absorb(merged=BEA, orphan=taken)

    gone = MergedAway(orphan_id=GUEST.id, braze_id=GUEST.braze_id, external_id="ann", survivor_id=BEA.id)
    assert hand.follow(OLD, Denoted(ANN.id)) == gone
