"""A consent state from `/users/track` is also set for the other profiles with the address, and is in the audit."""

import json
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from app.db.connections import Pool
from app.db.transaction import Transaction
from app.profiles.sharing import MAX_SHARERS
from tests.support.flask_caller import Caller
from tests.support.profiles import NOON, Json, export, merge, the_profile, track

BOTH = "both@example.com"


def audit(caller: Caller, **query: Any) -> list[Json]:
    """Return the entries of consent in the audit, with changes, newest first."""
    entries: list[Json] = caller.get("/audit", action="consent", include="images", **query).json["entries"]
    return entries


def subscription(caller: Caller, external_id: str) -> str:
    state: str = the_profile(caller, external_id)["email_subscribe"]
    return state


def groups(caller: Caller, external_id: str) -> dict[str, str]:
    listed = the_profile(caller, external_id).get("subscription_groups") or []
    return {each["subscription_group_id"]: each["subscription_state"] for each in listed}


def group(name: str, state: str) -> Json:
    return {"subscription_groups": [{"subscription_group_id": name, "subscription_state": state}]}


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """A function that returns the statements of transactions since its last call."""
    sent: list[str] = []
    execute = Transaction.execute

    def recorded(self: Transaction, query: Any, *args: Any, **kwargs: Any) -> psycopg.Cursor[Any]:
        sent.append(str(query))
        return execute(self, query, *args, **kwargs)

    def taken() -> list[str]:
        found = list(sent)
        sent.clear()
        return found

    monkeypatch.setattr(Transaction, "execute", recorded)
    return taken


def test_no_state_is_copied_by_a_placeholder(caller: Caller) -> None:
    track(caller, attributes=[{"external_id": each, "email": "null@null.com"} for each in ("u1", "u2")])
    track(caller, attributes=[{"external_id": "u1", "email_subscribe": "unsubscribed"}])
    track(caller, attributes=[{"external_id": "u2", "email_subscribe": "opted_in"}])

    assert [subscription(caller, each) for each in ("u1", "u2")] == ["unsubscribed", "opted_in"]
    assert audit(caller) == []


def test_an_unsubscription_reaches_the_other_profile_with_the_address(caller: Caller) -> None:
    track(caller, attributes=[{"external_id": each, "email": BOTH} for each in ("u1", "u2")])
    track(caller, attributes=[{"external_id": "u2", "email_subscribe": "opted_in"}])
    before = the_profile(caller, "u1")
    track(caller, attributes=[{"external_id": "u2", "email_subscribe": "unsubscribed"}])
    one, two = the_profile(caller, "u1"), the_profile(caller, "u2")

    assert before["email_subscribe"] == "opted_in"
    assert one["email_subscribe"] == two["email_subscribe"] == "unsubscribed"
    assert one["email_unsubscribed_at"] == two["email_unsubscribed_at"]
    assert one["updated_at"] == before["updated_at"] < two["updated_at"]


def test_the_opt_out_remains_after_a_merge(caller: Caller, pool: Pool) -> None:
    track(
        caller,
        attributes=[{"external_id": each, "email": BOTH, "email_subscribe": "opted_in"} for each in ("u1", "u2")],
    )
    track(caller, attributes=[{"external_id": "u1", "email_subscribe": "unsubscribed"}])
    merge(caller, pool, orphan="u1", survivor="u2")

    assert subscription(caller, "u2") == "unsubscribed"


def test_a_state_set_by_the_address_reaches_all_that_have_it(caller: Caller) -> None:
    track(caller, attributes=[{"external_id": each, "email": BOTH} for each in ("u1", "u2", "u3")])
    track(caller, attributes=[{"email": " Both@Example.com", "email_subscribe": "unsubscribed"}])

    assert [subscription(caller, each) for each in ("u1", "u2", "u3")] == ["unsubscribed"] * 3


def test_spam_marks_and_tracking_flags_are_copied_too(caller: Caller) -> None:
    states = {
        "email_open_tracking_disabled": True,
        "email_click_tracking_disabled": True,
        "marked_email_as_spam_at": NOON,
    }
    track(caller, attributes=[{"external_id": each, "email": BOTH} for each in ("u1", "u2")])
    track(caller, attributes=[{"external_id": "u1", **states, "push_subscribe": "unsubscribed"}])
    one, two = the_profile(caller, "u1"), the_profile(caller, "u2")

    assert {name: one[name] for name in states} == {name: two[name] for name in states}
    assert (one["push_subscribe"], two["push_subscribe"]) == ("unsubscribed", "subscribed")


def test_a_declared_group_follows_the_phone_number(configured_caller: Callable[..., Caller]) -> None:
    caller = configured_caller(sms_groups=frozenset({"sms"}), email_groups=frozenset({"mail"}))
    track(
        caller,
        attributes=[
            {"external_id": "u1", "phone": "+1 415 555 0100", "email": BOTH},
            {"external_id": "u2", "phone": "+14155550100", "email": "other@example.com"},
            {"external_id": "u3", "phone": "+14155550101", "email": BOTH},
        ],
    )
    track(caller, attributes=[{"external_id": "u1", **group("sms", "subscribed")}])
    track(caller, attributes=[{"phone": "+1 (415) 555-0100", **group("mail", "unsubscribed")}])

    assert [groups(caller, each) for each in ("u2", "u3")] in (
        [{"sms": "subscribed", "mail": "unsubscribed"}, {}],
        [{"sms": "subscribed"}, {"mail": "unsubscribed"}],
    )
    assert groups(caller, "u1")["sms"] == "subscribed"


def test_at_most_a_hundred_others_get_the_state_the_most_recently_updated(
    caller: Caller,
) -> None:
    others = [f"u{number}" for number in range(MAX_SHARERS + 1)]
    for batch in (others[:1], others[1:51], others[51:]):
        track(caller, attributes=[{"external_id": each, "email": BOTH} for each in batch])
    track(caller, attributes=[{"external_id": "me", "email": BOTH, "email_subscribe": "unsubscribed"}])
    users = [user for at in range(0, len(others), 50) for user in export(caller, external_ids=others[at : at + 50])]

    assert [user["external_id"] for user in users if user["email_subscribe"] != "unsubscribed"] == ["u0"]
    assert len(audit(caller, limit=100)) == MAX_SHARERS


def test_the_most_recently_updated_are_chosen_among_identified_and_unidentified(caller: Caller) -> None:
    aliases = [{"alias_label": "shop", "alias_name": f"n{number}"} for number in range(60)]
    track(caller, attributes=[{"external_id": f"old{number}", "email": BOTH} for number in range(60)])
    track(caller, attributes=[{"user_alias": each, "email": BOTH, "_update_existing_only": False} for each in aliases])
    track(caller, attributes=[{"external_id": "me", "email": BOTH, "email_subscribe": "unsubscribed"}])
    newer = [user for at in (0, 30) for user in export(caller, user_aliases=aliases[at : at + 30])]
    older = [user for at in (0, 30) for user in export(caller, external_ids=[f"old{n}" for n in range(at, at + 30)])]

    assert [user["email_subscribe"] for user in newer] == ["unsubscribed"] * 60
    assert [user["email_subscribe"] for user in older].count("unsubscribed") == 40


def test_the_audit_has_the_profile_the_source_and_the_changes(caller: Caller) -> None:
    track(caller, attributes=[{"external_id": each, "email": BOTH} for each in ("u1", "u2")])
    body = {"attributes": [{"external_id": "u1", "email_subscribe": "unsubscribed"}]}
    caller.post("/users/track", body, headers={"X-Request-Id": "mine"})
    one, two = the_profile(caller, "u1"), the_profile(caller, "u2")

    (entry,) = audit(caller)

    assert (entry["action"], entry["path"], entry["request_id"]) == ("consent", "/users/track", "mine")
    assert entry["key"] == {"id": str(caller.key_id), "label": "test"}
    assert entry["profile"] == {"braze_id": two["braze_id"], "external_id": "u2"}
    assert entry["source"] == {"braze_id": one["braze_id"], "external_id": None}
    assert (entry["job_id"], entry["erased"]) == (None, False)
    assert entry["changes"] == [
        {"field": "email_subscribe", "before": None, "after": "unsubscribed", "rule": None},
        {"field": "email_unsubscribed_at", "before": None, "after": two["email_unsubscribed_at"], "rule": None},
    ]
    assert entry["before"] == {"profile": {"email_subscribe": None, "email_unsubscribed_at": None}}
    assert entry["after"]["profile"]["email_subscribe"] == "unsubscribed"
    assert [each["id"] for each in audit(caller, identifier="u2")] == [entry["id"]]
    assert [each["id"] for each in audit(caller, key=str(caller.key_id))] == [entry["id"]]
    assert json.loads(caller.get("/audit/export", action="consent").text) == entry


def test_a_state_that_the_others_already_have_writes_no_entry(caller: Caller) -> None:
    track(caller, attributes=[{"external_id": each, "email": BOTH} for each in ("u1", "u2")])
    for _ in range(2):
        track(caller, attributes=[{"external_id": "u1", "email_subscribe": "unsubscribed"}])

    assert len(audit(caller)) == 1


def test_a_deletion_erases_the_states_in_the_audit(caller: Caller) -> None:
    track(caller, attributes=[{"external_id": each, "email": BOTH} for each in ("u1", "u2")])
    track(caller, attributes=[{"external_id": "u1", **group("news", "unsubscribed")}])
    braze_id = the_profile(caller, "u2")["braze_id"]
    caller.post("/users/delete", {"external_ids": ["u2"]})

    (entry,) = audit(caller)

    assert entry["erased"] is True
    assert entry["profile"] == {"braze_id": braze_id, "external_id": None}
    assert (entry["changes"], entry["before"], entry["after"]) == ([], {}, {})
    assert "news" not in caller.get("/audit", include="images").text


def test_a_profile_of_another_workspace_gets_no_state(make_caller: Callable[..., Caller]) -> None:
    one, other = make_caller(), make_caller()
    for caller in (one, other):
        track(caller, attributes=[{"external_id": "u1", "email": BOTH}])
    track(one, attributes=[{"external_id": "u1", "email_subscribe": "unsubscribed"}])

    assert subscription(other, "u1") == "subscribed"
    assert audit(other) == []


def test_a_profile_that_takes_over_an_address_takes_its_state(caller: Caller) -> None:
    track(caller, attributes=[{"external_id": "u1", "email": BOTH, "email_subscribe": "unsubscribed"}])
    track(caller, attributes=[{"external_id": "u2", "email": "mine@example.com", "email_subscribe": "opted_in"}])
    track(caller, attributes=[{"external_id": "u2", "email": BOTH}, {"external_id": "new", "email": BOTH}])
    entries = audit(caller)

    assert [subscription(caller, each) for each in ("u2", "new")] == ["unsubscribed"] * 2
    assert {entry["profile"]["external_id"] for entry in entries} == {"u2", "new"}
    assert {entry["source"] for entry in entries} == {None}


def test_a_state_sent_with_the_address_reaches_the_others(caller: Caller) -> None:
    track(caller, attributes=[{"external_id": "u1", "email": BOTH, "email_subscribe": "unsubscribed"}])
    track(caller, attributes=[{"external_id": "u2", "email": BOTH, "email_subscribe": "opted_in"}])

    assert [subscription(caller, each) for each in ("u1", "u2")] == ["opted_in"] * 2


def test_profiles_that_one_request_creates_share_their_states(caller: Caller) -> None:
    track(
        caller,
        attributes=[
            {"email": BOTH, "email_subscribe": "unsubscribed"},
            {"external_id": "u1", "email": BOTH},
            {"external_id": "u2", "email": BOTH, "email_subscribe": "opted_in"},
        ],
    )

    assert [subscription(caller, each) for each in ("u1", "u2")] == ["opted_in"] * 2
    assert {user["email_subscribe"] for user in export(caller, email_address=BOTH)} == {"opted_in"}


@pytest.mark.parametrize(
    ("rule", "opt_in", "opt_out"),
    [
        ("keep", "opted_in", "unsubscribed"),
        ("keep_opt_outs", "subscribed", "unsubscribed"),
        ("reset", "subscribed", "subscribed"),
    ],
)
def test_a_setting_decides_about_the_states_of_a_former_address(
    configured_caller: Callable[..., Caller], rule: str, opt_in: str, opt_out: str
) -> None:
    caller = configured_caller(address_change=rule)
    for state in ("opted_in", "unsubscribed"):
        track(caller, attributes=[{"external_id": state, "email": f"{state}@example.com", "email_subscribe": state}])
        track(caller, attributes=[{"external_id": state, "email": f"{state}-new@example.com"}])

    assert [subscription(caller, each) for each in ("opted_in", "unsubscribed")] == [opt_in, opt_out]


def test_a_request_without_states_and_new_addresses_costs_no_further_statement(
    caller: Caller, statements: Callable[[], list[str]]
) -> None:
    track(caller, attributes=[{"external_id": "u1", "email": BOTH, "phone": "+14155550100"}])
    statements()
    track(caller, attributes=[{"external_id": "u1", "first_name": "A"}])
    plain = statements()
    track(caller, attributes=[{"external_id": "u1", "email": BOTH, "phone": "+1 415 555 0100", "first_name": "B"}])
    same_addresses = statements()

    assert plain == same_addresses
    assert not any("audit_entry" in each or "given.kind" in each for each in plain)
