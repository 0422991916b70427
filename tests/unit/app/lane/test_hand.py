"""The hand: what later jobs of a lane see of the merges before them."""

import pytest

from app.lane.working_set import Hand
from app.merging.merge import identify, merge
from app.merging.prioritization import Ambiguous, Denoted, NotFound
from app.merging.profile import Profile
from app.profiles.resolution import MergedAway, Resolution
from schemas.identifiers import Email, ExternalId, Identifier, Phone, UserAlias
from tests.support.factories import a_profile
from tests.support.generated import AT


def hand_of(*profiles: Profile) -> Hand:
    return Hand({profile.id: profile for profile in profiles})


def absorb(hand: Hand, *, survivor: Profile, orphan: Profile) -> None:
    """Merge two profiles of *hand*, as they stand now."""
    now_orphan = hand[orphan.id]
    hand.absorb(merged=merge(survivor=hand[survivor.id], orphan=now_orphan, at=AT), orphan=now_orphan)


def away(orphan: Profile, survivor: Profile) -> MergedAway:
    return MergedAway(
        orphan_id=orphan.id, braze_id=orphan.braze_id, external_id=orphan.external_id, survivor_id=survivor.id
    )


def test_an_untouched_hand_changes_nothing() -> None:
    ann, bea = a_profile(external_id="ann", email="a@x.org"), a_profile(external_id="bea")
    hand = hand_of(ann, bea)
    resolved: list[Resolution] = [Denoted(ann.id), Ambiguous(), NotFound(), NotFound(filtered_out=True), away(bea, ann)]

    assert [hand.follow(ExternalId("whoever"), each) for each in resolved] == resolved
    assert (hand.survivors, hand.retired) == ([], {})
    assert not hand.is_stale(Email("a@x.org"))


def test_the_merged_survivor_is_seen_in_place_of_what_it_was() -> None:
    ann, bea = a_profile(session_count=1), a_profile(session_count=2)
    hand = hand_of(ann, bea)

    absorb(hand, survivor=bea, orphan=ann)

    assert hand[bea.id].session_count == 3
    assert hand.survivors == [hand[bea.id]]
    assert hand.retired == {ann.id: bea.id}


def test_everyone_on_a_chain_goes_to_its_end() -> None:
    a, b, c = (a_profile(external_id=name) for name in "abc")
    hand = hand_of(a, b, c)

    absorb(hand, survivor=b, orphan=a)
    absorb(hand, survivor=c, orphan=b)

    assert hand.retired == {a.id: c.id, b.id: c.id}
    assert hand.survivors == [hand[c.id]]
    assert hand.follow(ExternalId("a"), Denoted(a.id)) == away(a, c)


def test_the_external_id_of_an_orphan_leads_to_where_it_went() -> None:
    ann, bea = a_profile(external_id="ann"), a_profile(external_id="bea")
    hand = hand_of(ann, bea)

    absorb(hand, survivor=bea, orphan=ann)

    assert hand.follow(ExternalId("ann"), Denoted(ann.id)) == away(ann, bea)
    assert hand.follow(ExternalId("bea"), Denoted(bea.id)) == Denoted(bea.id)


def test_an_external_id_that_the_survivor_took_over_denotes_the_survivor() -> None:
    ann, guest = a_profile(external_id="ann"), a_profile()
    hand = hand_of(ann, guest)

    absorb(hand, survivor=guest, orphan=ann)

    assert hand.follow(ExternalId("ann"), Denoted(ann.id)) == Denoted(guest.id)


def test_an_alias_that_moved_denotes_the_survivor() -> None:
    ann, bea = a_profile(user_aliases={"mail": "a"}), a_profile(user_aliases={"guest": "b"})
    hand = hand_of(ann, bea)

    absorb(hand, survivor=bea, orphan=ann)

    assert hand.follow(UserAlias("mail", "a"), Denoted(ann.id)) == Denoted(bea.id)


def test_an_alias_that_clashed_denotes_nobody() -> None:
    ann, bea = a_profile(user_aliases={"mail": "a"}), a_profile(user_aliases={"mail": "b"})
    hand = hand_of(ann, bea)

    absorb(hand, survivor=bea, orphan=ann)

    assert hand.follow(UserAlias("mail", "a"), Denoted(ann.id)) == NotFound()


def test_what_was_merged_away_before_follows_its_survivor_on() -> None:
    gone, b, c = (a_profile(external_id=name) for name in "abc")
    hand = hand_of(b, c)

    absorb(hand, survivor=c, orphan=b)

    assert hand.follow(ExternalId("a"), away(gone, b)) == away(gone, c)


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
    hand = hand_of(ann, bea, cid)

    absorb(hand, survivor=bea, orphan=ann)

    assert hand.is_stale(identifier) is stale


def test_an_identified_profile_answers_to_its_new_external_id() -> None:
    guest = a_profile(email="a@x.org")
    hand = hand_of(guest)

    hand.identify(identify(guest, external_id="ann", at=AT))

    assert hand.follow(ExternalId("ann"), NotFound()) == Denoted(guest.id)
    assert hand.follow(ExternalId("bea"), NotFound()) == NotFound()
    assert hand.survivors == [hand[guest.id]]
    assert hand.is_stale(Email("a@x.org"))


def test_an_identified_profile_that_was_merged_on_leads_to_where_it_went() -> None:
    guest, bea = a_profile(), a_profile(external_id="bea")
    hand = hand_of(guest, bea)
    hand.identify(identify(guest, external_id="ann", at=AT))

    absorb(hand, survivor=bea, orphan=guest)

    assert hand.follow(ExternalId("ann"), NotFound()) == away(hand[guest.id], bea)
