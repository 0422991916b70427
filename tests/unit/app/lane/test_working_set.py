"""The working set: later jobs of a lane see the results of earlier merges."""

import pytest

from app.lane.working_set import WorkingSet
from app.merging.merge import identify_profile, merge_profiles
from app.merging.prioritization import Ambiguous, NoCandidate, Resolved
from app.merging.profile import Profile
from app.profiles.resolution import Inherited, MergedAway, Resolution
from schemas.identifiers import Email, ExternalId, Identifier, Phone, UserAlias
from tests.support.factories import a_profile
from tests.support.generated import AT


def working_set_of(*profiles: Profile) -> WorkingSet:
    return WorkingSet({profile.id: profile for profile in profiles})


def absorb(working_set: WorkingSet, *, survivor: Profile, orphan: Profile) -> None:
    """Merge two profiles of *working_set* in their current state."""
    now_orphan = working_set[orphan.id]
    working_set.apply_merge(
        merged=merge_profiles(survivor=working_set[survivor.id], orphan=now_orphan, at=AT), orphan=now_orphan
    )


def away(orphan: Profile, survivor: Profile) -> MergedAway:
    return MergedAway(
        orphan_id=orphan.id, braze_id=orphan.braze_id, external_id=orphan.external_id, survivor_id=survivor.id
    )


def test_a_working_set_without_merges_changes_no_resolution() -> None:
    ann, bea = a_profile(external_id="ann", email="a@x.org"), a_profile(external_id="bea")
    working_set = working_set_of(ann, bea)
    resolved: list[Resolution] = [
        Resolved(ann.id),
        Ambiguous(),
        NoCandidate(),
        NoCandidate(filtered_out=True),
        away(bea, ann),
    ]

    assert [working_set.reresolve(ExternalId("whoever"), each) for each in resolved] == resolved
    assert (working_set.survivors, working_set.retired) == ([], {})
    assert not working_set.is_stale(Email("a@x.org"))


def test_the_merged_survivor_replaces_its_old_version() -> None:
    ann, bea = a_profile(session_count=1), a_profile(session_count=2)
    working_set = working_set_of(ann, bea)

    absorb(working_set, survivor=bea, orphan=ann)

    assert working_set[bea.id].session_count == 3
    assert working_set.survivors == [working_set[bea.id]]
    assert working_set.retired == {ann.id: bea.id}


def test_all_orphans_of_a_chain_lead_to_the_last_survivor() -> None:
    a, b, c = (a_profile(external_id=name) for name in "abc")
    working_set = working_set_of(a, b, c)

    absorb(working_set, survivor=b, orphan=a)
    absorb(working_set, survivor=c, orphan=b)

    assert working_set.retired == {a.id: c.id, b.id: c.id}
    assert working_set.survivors == [working_set[c.id]]
    assert working_set.reresolve(ExternalId("a"), Resolved(a.id)) == away(a, c)


def test_the_external_id_of_an_orphan_resolves_to_its_merge() -> None:
    ann, bea = a_profile(external_id="ann"), a_profile(external_id="bea")
    working_set = working_set_of(ann, bea)

    absorb(working_set, survivor=bea, orphan=ann)

    assert working_set.reresolve(ExternalId("ann"), Resolved(ann.id)) == away(ann, bea)
    assert working_set.reresolve(ExternalId("bea"), Resolved(bea.id)) == Resolved(bea.id)


def test_an_external_id_that_the_survivor_received_resolves_to_the_survivor() -> None:
    ann, guest = a_profile(external_id="ann"), a_profile()
    working_set = working_set_of(ann, guest)

    absorb(working_set, survivor=guest, orphan=ann)

    assert working_set.reresolve(ExternalId("ann"), Resolved(ann.id)) == Resolved(guest.id)


def test_a_moved_alias_resolves_to_the_survivor_and_names_the_orphan() -> None:
    ann, bea = a_profile(user_aliases={"mail": "a"}), a_profile(user_aliases={"guest": "b"})
    working_set = working_set_of(ann, bea)

    absorb(working_set, survivor=bea, orphan=ann)

    assert working_set.reresolve(UserAlias("mail", "a"), Resolved(ann.id)) == Inherited(bea.id, away(ann, bea))
    assert working_set.reresolve(UserAlias("guest", "b"), Resolved(bea.id)) == Resolved(bea.id)


def test_an_alias_that_moved_twice_names_its_first_profile() -> None:
    gone = a_profile()
    ann, bea = a_profile(user_aliases={"mail": "a"}, alias_origins={"mail": gone.id}), a_profile()
    working_set = working_set_of(ann, bea)

    absorb(working_set, survivor=bea, orphan=ann)
    found = working_set.reresolve(UserAlias("mail", "a"), Inherited(ann.id, away(gone, ann)))

    assert found == Inherited(bea.id, away(gone, bea))
    assert working_set[bea.id].alias_origins == {"mail": gone.id}


def test_a_conflicting_alias_of_the_orphan_resolves_to_no_profile() -> None:
    ann, bea = a_profile(user_aliases={"mail": "a"}), a_profile(user_aliases={"mail": "b"})
    working_set = working_set_of(ann, bea)

    absorb(working_set, survivor=bea, orphan=ann)

    assert working_set.reresolve(UserAlias("mail", "a"), Resolved(ann.id)) == NoCandidate()


def test_an_earlier_orphan_follows_its_survivor_to_the_next_one() -> None:
    gone, b, c = (a_profile(external_id=name) for name in "abc")
    working_set = working_set_of(b, c)

    absorb(working_set, survivor=c, orphan=b)

    assert working_set.reresolve(ExternalId("a"), away(gone, b)) == away(gone, c)


@pytest.mark.parametrize(
    ("identifier", "stale"),
    [
        (Email(" A@X.org"), True),
        (Email("b@x.org"), True),
        (Email("c@x.org"), False),
        (Phone("+1 415 5550123"), True),
        (Phone("+14155550124"), False),
        (ExternalId("a@x.org"), False),
        (UserAlias("email", "a@x.org"), False),
    ],
)
def test_an_address_is_stale_if_a_profile_that_has_or_had_it_changed(
    identifier: Identifier,
    stale: bool,
) -> None:
    ann = a_profile(email="a@x.org", phone="+14155550123")
    bea = a_profile(email="b@x.org")
    cid = a_profile(email="c@x.org", phone="+14155550124")
    working_set = working_set_of(ann, bea, cid)

    absorb(working_set, survivor=bea, orphan=ann)

    assert working_set.is_stale(identifier) is stale


def test_the_new_external_id_resolves_to_the_identified_profile() -> None:
    guest = a_profile(email="a@x.org")
    working_set = working_set_of(guest)

    working_set.apply_identify(identify_profile(guest, external_id="ann", at=AT))

    assert working_set.reresolve(ExternalId("ann"), NoCandidate()) == Resolved(guest.id)
    assert working_set.reresolve(ExternalId("bea"), NoCandidate()) == NoCandidate()
    assert working_set.survivors == [working_set[guest.id]]
    assert working_set.is_stale(Email("a@x.org"))


def test_the_new_external_id_of_a_merged_profile_resolves_to_the_merge() -> None:
    guest, bea = a_profile(), a_profile(external_id="bea")
    working_set = working_set_of(guest, bea)
    working_set.apply_identify(identify_profile(guest, external_id="ann", at=AT))

    absorb(working_set, survivor=bea, orphan=guest)

    assert working_set.reresolve(ExternalId("ann"), NoCandidate()) == away(working_set[guest.id], bea)
