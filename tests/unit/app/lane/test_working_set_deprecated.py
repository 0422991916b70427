"""Deprecated external_ids within a lane: they resolve like the primary external_id of the profile."""

from dataclasses import replace

from app.lane.working_set import WorkingSet
from app.merging.prioritization import Resolved
from app.profiles.resolution import MergedAway
from schemas.identifiers import ExternalId
from tests.support.factories import a_profile

ANN, BEA, GUEST = a_profile(external_id="ann"), a_profile(external_id="bea"), a_profile()
OLD = ExternalId("ann-before")


def test_they_move_to_a_survivor_that_receives_the_primary_one() -> None:
    working_set = WorkingSet({ANN.id: ANN, GUEST.id: GUEST})
    working_set.apply_merge(merged=replace(GUEST, external_id="ann"), orphan=ANN)

    assert working_set.reresolve(OLD, Resolved(ANN.id)) == Resolved(GUEST.id)
    assert working_set.reresolve(ExternalId("ann"), Resolved(ANN.id)) == Resolved(GUEST.id)


def test_they_stay_with_an_orphan_whose_survivor_has_its_own_external_id() -> None:
    working_set = WorkingSet({ANN.id: ANN, BEA.id: BEA})
    working_set.apply_merge(merged=BEA, orphan=ANN)

    gone = MergedAway(orphan_id=ANN.id, braze_id=ANN.braze_id, external_id="ann", survivor_id=BEA.id)
    assert working_set.reresolve(OLD, Resolved(ANN.id)) == gone
    assert working_set.reresolve(ExternalId("ann"), Resolved(ANN.id)) == gone


def test_they_stay_with_the_last_profile_that_received_the_primary_one() -> None:
    working_set = WorkingSet({ANN.id: ANN, BEA.id: BEA, GUEST.id: GUEST})
    taken = replace(GUEST, external_id="ann")
    working_set.apply_merge(merged=taken, orphan=ANN)
    working_set.apply_merge(merged=BEA, orphan=taken)

    gone = MergedAway(orphan_id=GUEST.id, braze_id=GUEST.braze_id, external_id="ann", survivor_id=BEA.id)
    assert working_set.reresolve(OLD, Resolved(ANN.id)) == gone
