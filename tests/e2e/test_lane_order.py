"""Updates of one batch that share an identifier take effect in the order in which the client listed them."""

from tests.support.client import Client
from tests.support.pairs import Json

EMAIL = "ada@example.com"


def alias(name: str, label: str = "visitor") -> Json:
    """Return an identifier by alias."""
    return {"user_alias": {"alias_label": label, "alias_name": name}}


def email(*prioritization: str, address: str = EMAIL) -> Json:
    """Return an identifier by email."""
    return {"email": address, "prioritization": list(prioritization)}


def phone(*prioritization: str) -> Json:
    """Return an identifier by phone."""
    return {"phone": "+442079460958", "prioritization": list(prioritization)}


def visitor(client: Client, name: str, **attributes: str) -> None:
    """Write a profile that has an alias and no external_id."""
    client.track(attributes=[{**alias(name), "_update_existing_only": False, **attributes}])


def identified(client: Client, external_id: str, **attributes: str) -> None:
    """Write a profile that has an external_id."""
    client.track(attributes=[{"external_id": external_id, **attributes}])


def test_an_alias_that_an_earlier_update_merged_names_its_survivor_but_no_orphan(client: Client) -> None:
    visitor(client, "v", first_name="Ada")
    identified(client, "a", last_name="Lovelace")
    identified(client, "b", home_city="London")
    found = client.merged([(alias("v"), "a"), (alias("v"), "b"), ("b", alias("v"))])
    survivor = client.profile("a")

    assert found == ["merged", "already_merged", "merged"]
    assert (survivor["first_name"], survivor["last_name"]) == ("Ada", "Lovelace")
    assert survivor["home_city"] == "London"
    assert survivor["user_aliases"] == [alias("v")["user_alias"]]
    assert client.export(external_ids=["b"]) == []


def test_an_alias_that_the_previous_update_dropped_names_no_profile(client: Client) -> None:
    visitor(client, "v")
    visitor(client, "w")

    assert client.merged([(alias("v"), alias("w")), (alias("v"), alias("w"))]) == ["merged", "orphan_not_found"]


def test_an_external_id_names_the_profile_that_got_it_from_the_previous_update(client: Client) -> None:
    identified(client, "a", first_name="Ada")
    identified(client, "b", last_name="Byron")
    visitor(client, "v")
    found = client.merged([("a", alias("v")), ("b", "a")])

    assert found == ["merged", "merged"]
    assert client.profile("a")["user_aliases"] == [alias("v")["user_alias"]]
    assert client.profile("a")["last_name"] == "Byron"


def test_a_profile_that_the_previous_update_merged_away_is_no_candidate_by_email(client: Client) -> None:
    visitor(client, "v", email=EMAIL)
    visitor(client, "w", email=EMAIL)
    identified(client, "a")
    found = client.merged([(email("unidentified"), "a"), (alias("v"), "a"), (email("unidentified"), "a")])

    assert found == ["orphan_ambiguous", "merged", "merged"]
    assert len(client.export(email_address=EMAIL)) == 1


def test_an_email_that_an_earlier_update_filled_in_names_no_orphan(client: Client) -> None:
    visitor(client, "v", email=EMAIL, first_name="Ada")
    identified(client, "a")
    identified(client, "z")
    found = client.merged([(alias("v"), "a"), (email("identified"), "z"), ("a", "z")])

    assert found == ["merged", "already_merged", "merged"]
    assert client.profile("z")["first_name"] == "Ada"


def test_a_merge_makes_its_survivor_the_most_recently_updated_of_its_address(client: Client) -> None:
    identified(client, "a", phone="+442079460958")
    identified(client, "b", phone="+442079460958")
    identified(client, "o1", first_name="Ada")
    identified(client, "o2", last_name="Lovelace")
    found = client.merged([("o1", "a"), ("o2", phone("identified", "most_recently_updated")), ("o1", "a"), ("o2", "a")])

    assert found == ["merged", "merged", "already_merged", "already_merged"]
    assert client.profile("a")["last_name"] == "Lovelace"
    assert "last_name" not in client.profile("b")


def test_the_newest_profile_of_an_address_merges_into_the_oldest_until_one_is_left(client: Client) -> None:
    for name in "abcd":
        visitor(client, name, email=EMAIL, **{f"seen_{name}": name})
    newest, oldest = email("most_recently_updated"), email("least_recently_updated")
    found = client.merged([(newest, oldest)] * 4)
    (survivor,) = client.export(email_address=EMAIL)

    assert found == ["merged", "merged", "merged", "same_profile"]
    assert survivor["custom_attributes"] == {f"seen_{name}": name for name in "abcd"}


def test_updates_that_fail_do_not_affect_other_updates(client: Client) -> None:
    for name in "ab":
        identified(client, name)
    found = client.merged([("x", "b"), ("a", "y"), ("a", "b"), ("b", "null"), ("a", "b")])

    assert found == ["orphan_not_found", "survivor_not_found", "merged", "refused_identifier", "already_merged"]


def test_fifty_updates_of_one_lane_run_in_order(client: Client) -> None:
    client.track(attributes=[{"external_id": f"p{number}", f"seen_{number}": True} for number in range(51)])
    found = client.merged([(f"p{number}", f"p{number + 1}") for number in range(50)])

    assert found == ["merged"] * 50
    assert len(client.profile("p50")["custom_attributes"]) == 51
