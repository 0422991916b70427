"""The working_set: what later jobs of a lane see of the merges before them."""

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
    """Merge two profiles of *working_set*, as they stand now."""
    now_orphan = working_set[orphan.id]
    working_set.apply_merge(
        merged=merge_profiles(survivor=working_set[survivor.id], orphan=now_orphan, at=AT), orphan=now_orphan
    )


def away(orphan: Profile, survivor: Profile) -> MergedAway:
    return MergedAway(
        orphan_id=orphan.id, braze_id=orphan.braze_id, external_id=orphan.external_id, survivor_id=survivor.id
    )


def test_an_untouched_hand_changes_nothing() -> None:
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


def test_the_merged_survivor_is_seen_in_place_of_what_it_was() -> None:
    ann, bea = a_profile(session_count=1), a_profile(session_count=2)
    working_set = working_set_of(ann, bea)

    absorb(working_set, survivor=bea, orphan=ann)

    assert working_set[bea.id].session_count == 3
    assert working_set.survivors == [working_set[bea.id]]
    assert working_set.retired == {ann.id: bea.id}


def test_everyone_on_a_chain_goes_to_its_end() -> None:
    a, b, c = (a_profile(external_id=name) for name in "abc")
    working_set = working_set_of(a, b, c)

    absorb(working_set, survivor=b, orphan=a)
    absorb(working_set, survivor=c, orphan=b)

    assert working_set.retired == {a.id: c.id, b.id: c.id}
    assert working_set.survivors == [working_set[c.id]]
    assert working_set.reresolve(ExternalId("a"), Resolved(a.id)) == away(a, c)


def test_the_external_id_of_an_orphan_leads_to_where_it_went() -> None:
    ann, bea = a_profile(external_id="ann"), a_profile(external_id="bea")
    working_set = working_set_of(ann, bea)

    absorb(working_set, survivor=bea, orphan=ann)

    assert working_set.reresolve(ExternalId("ann"), Resolved(ann.id)) == away(ann, bea)
    assert working_set.reresolve(ExternalId("bea"), Resolved(bea.id)) == Resolved(bea.id)


def test_an_external_id_that_the_survivor_took_over_denotes_the_survivor() -> None:
    ann, guest = a_profile(external_id="ann"), a_profile()
    working_set = working_set_of(ann, guest)

    absorb(working_set, survivor=guest, orphan=ann)

    assert working_set.reresolve(ExternalId("ann"), Resolved(ann.id)) == Resolved(guest.id)


def test_an_alias_that_moved_denotes_the_survivor_and_names_its_orphan() -> None:
    ann, bea = a_profile(user_aliases={"mail": "a"}), a_profile(user_aliases={"guest": "b"})
    working_set = working_set_of(ann, bea)

    absorb(working_set, survivor=bea, orphan=ann)

    assert working_set.reresolve(UserAlias("mail", "a"), Resolved(ann.id)) == Inherited(bea.id, away(ann, bea))
    assert working_set.reresolve(UserAlias("guest", "b"), Resolved(bea.id)) == Resolved(bea.id)


def test_an_alias_that_moved_on_names_the_first_that_had_it() -> None:
    gone = a_profile()
    ann, bea = a_profile(user_aliases={"mail": "a"}, alias_origins={"mail": gone.id}), a_profile()
    working_set = working_set_of(ann, bea)

    absorb(working_set, survivor=bea, orphan=ann)
    found = working_set.reresolve(UserAlias("mail", "a"), Inherited(ann.id, away(gone, ann)))

    assert found == Inherited(bea.id, away(gone, bea))
    assert working_set[bea.id].alias_origins == {"mail": gone.id}


def test_an_alias_that_clashed_denotes_nobody() -> None:
    ann, bea = a_profile(user_aliases={"mail": "a"}), a_profile(user_aliases={"mail": "b"})
    working_set = working_set_of(ann, bea)

    absorb(working_set, survivor=bea, orphan=ann)

    assert working_set.reresolve(UserAlias("mail", "a"), Resolved(ann.id)) == NoCandidate()


def test_what_was_merged_away_before_follows_its_survivor_on() -> None:
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
def test_an_address_is_stale_when_a_profile_that_had_or_has_it_changed(
    identifier: Identifier,
    stale: bool,
) -> None:
    ann = a_profile(email="a@x.org", phone="+14155550123")
    bea = a_profile(email="b@x.org")
    cid = a_profile(email="c@x.org", phone="+14155550124")
    working_set = working_set_of(ann, bea, cid)

    absorb(working_set, survivor=bea, orphan=ann)

    assert working_set.is_stale(identifier) is stale


def test_an_identified_profile_answers_to_its_new_external_id() -> None:
    guest = a_profile(email="a@x.org")
    working_set = working_set_of(guest)

    working_set.apply_identify(identify_profile(guest, external_id="ann", at=AT))

    assert working_set.reresolve(ExternalId("ann"), NoCandidate()) == Resolved(guest.id)
    assert working_set.reresolve(ExternalId("bea"), NoCandidate()) == NoCandidate()
    assert working_set.survivors == [working_set[guest.id]]
    assert working_set.is_stale(Email("a@x.org"))


def test_an_identified_profile_that_was_merged_on_leads_to_where_it_went() -> None:
    guest, bea = a_profile(), a_profile(external_id="bea")
    working_set = working_set_of(guest, bea)
    working_set.apply_identify(identify_profile(guest, external_id="ann", at=AT))

    absorb(working_set, survivor=bea, orphan=guest)

    assert working_set.reresolve(ExternalId("ann"), NoCandidate()) == away(working_set[guest.id], bea)
