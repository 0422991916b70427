"""An example for every merge rule, in the order of Braze's lists of merged fields."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from app.merging.merge import merge_profiles
from app.merging.rules import FILL, MERGE_RULES
from tests.support.factories import a_phone, a_profile, an_email
from tests.support.generated import AT

MONDAY = datetime(2026, 2, 2, 9, tzinfo=UTC)
TUESDAY = datetime(2026, 2, 3, 9, tzinfo=UTC)
MON, TUE, WED = "2026-02-02T09:00:00.000Z", "2026-02-03T09:00:00.000Z", "2026-02-04T09:00:00.000Z"
HOME, WORK = {"longitude": 9.9, "latitude": 48.4}, {"longitude": 11.6, "latitude": 48.1}
ON, OFF = {"state": "opted_in", "opted_in_at": MON}, {"state": "unsubscribed", "unsubscribed_at": TUE}
IN, OUT = "subscribed", "unsubscribed"
PHONE, TABLET = {"device_id": "d1", "model": "phone"}, {"device_id": "d2", "model": "tablet"}
PUSH, PUSH_TOO = {"app": "ABC", "token": "t1"}, {"app": "ABC", "token": "t2"}

# field, value of the survivor, value of the orphan, value after the merge
EXAMPLES: list[tuple[str, Any, Any, Any]] = [
    ("external_id", "current-user1", "old-user1", "current-user1"),
    ("external_id", None, "old-user1", "old-user1"),
    # "if both have an alias with the same label, only the target's alias is kept"
    ("user_aliases", {"email": "a"}, {"email": "b", "guest": "c"}, {"email": "a", "guest": "c"}),
    # "Prénom · Nom · Genre · Date de naissance · Fuseau horaire · Ville d'origine · Pays · Langue"
    ("first_name", None, "Ann", "Ann"),
    ("first_name", "", "Ann", ""),
    ("last_name", "Lee", "Leigh", "Lee"),
    ("gender", None, "F", "F"),
    ("dob", None, date(1980, 12, 21), date(1980, 12, 21)),
    ("time_zone", None, "Europe/Berlin", "Europe/Berlin"),
    ("home_city", "Ulm", "Bonn", "Ulm"),
    ("country", None, "DE", "DE"),
    ("language", None, "de", "de"),
    # "les adresses e-mail (sauf si elles sont cryptées)"
    ("email", None, an_email("a@x.org"), an_email("a@x.org")),
    ("email", an_email("b@x.org"), an_email("a@x.org"), an_email("b@x.org")),
    ("email", None, an_email("0x8f3a", encrypted=True), None),
    # "Numéro de téléphone"
    ("phone", None, a_phone("+14155550123"), a_phone("+14155550123")),
    ("phone", a_phone("0123"), a_phone("+14155550123"), a_phone("0123")),
    # "Informations sur l'appareil", and the push tokens that belong to devices
    ("devices", {"d1": PHONE}, {"d2": TABLET}, {"d1": PHONE, "d2": TABLET}),
    ("devices", {"d1": PHONE}, {"d1": TABLET}, {"d1": PHONE}),
    ("push_tokens", {"ABC:t1": PUSH}, {"ABC:t1": PUSH, "ABC:t2": PUSH_TOO}, {"ABC:t1": PUSH, "ABC:t2": PUSH_TOO}),
    # "Décompte des sessions (la somme) · première session (la première) · dernière session (la dernière)"
    ("session_count", 2, 3, 5),
    ("first_session_at", TUESDAY, MONDAY, MONDAY),
    ("first_session_at", None, MONDAY, MONDAY),
    ("last_session_at", TUESDAY, MONDAY, TUESDAY),
    # "conserve les attributs personnalisés existants … et inclut [ceux] qui n'existaient pas"
    (
        "custom_attributes",
        {"plan": "gold", "news": False, "tags": []},
        {"plan": "free", "news": True, "tags": ["a"], "car": {"doors": 3}},
        {"plan": "gold", "news": False, "tags": [], "car": {"doors": 3}},
    ),
    # "Nombre d'événements (la somme) · première fois (la première) · dernière date (la plus tardive)"
    (
        "custom_events",
        {"login": {"count": 2, "first": TUE, "last": TUE}},
        {"login": {"count": 1, "first": MON, "last": MON}, "buy": {"count": 4, "first": MON, "last": WED}},
        {"login": {"count": 3, "first": MON, "last": TUE}, "buy": {"count": 4, "first": MON, "last": WED}},
    ),
    (
        "purchases",
        {"hat": {"count": 2, "first": MON, "last": TUE}},
        {"hat": {"count": 5, "first": TUE, "last": WED}},
        {"hat": {"count": 7, "first": MON, "last": WED}},
    ),
    # "Total des achats … en centimes (la somme) · Nombre total d'achats (la somme) · premier · dernier achat"
    ("revenue_cents", 1999, 1, 2000),
    ("purchase_count", 2, 3, 5),
    ("first_purchase_at", MONDAY, TUESDAY, MONDAY),
    ("last_purchase_at", None, TUESDAY, TUESDAY),
    # "Résumés des applications", and session data, of one side or of both
    (
        "apps",
        {},
        {"ABCApp": {"sessions": 3, "first_used": MON, "last_used": TUE}},
        {"ABCApp": {"sessions": 3, "first_used": MON, "last_used": TUE}},
    ),
    (
        "apps",
        {"ABCApp": {"sessions": 1, "first_used": TUE, "last_used": TUE, "version": "2"}},
        {"ABCApp": {"sessions": 3, "first_used": MON, "last_used": MON, "version": "1", "platform": "iOS"}},
        {"ABCApp": {"sessions": 4, "first_used": MON, "last_used": TUE, "version": "2", "platform": "iOS"}},
    ),
    # "Last_X_at champs (… si les champs du profil orphelin sont plus récents)"
    (
        "last_interactions",
        {"last_opened_at": TUE, "last_clicked_at": MON},
        {"last_opened_at": MON, "last_clicked_at": TUE, "last_received_at": WED},
        {"last_opened_at": TUE, "last_clicked_at": TUE, "last_received_at": WED},
    ),
    # "Données d'interaction de la campagne (… les champs de date les plus récents)"
    (
        "campaigns_received",
        {"c": {"name": "Hi", "last_received": MON, "engaged": {"opened_email": True}, "converted": False}},
        {"c": {"name": "Ho", "last_received": TUE, "engaged": {"clicked_email": True}, "converted": True}},
        {
            "c": {
                "name": "Hi",
                "last_received": TUE,
                "engaged": {"opened_email": True, "clicked_email": True},
                "converted": True,
            }
        },
    ),
    # "Résumés du flux de travail (… les champs de date les plus récents)"
    (
        "canvases_received",
        {"v": {"last_entered": TUE, "last_exited": MON, "steps_received": {"s": {"last_received": MON}}}},
        {
            "v": {
                "last_entered": MON,
                "last_exited": TUE,
                "last_received_message": WED,
                "steps_received": {"s": {"last_received": TUE}, "t": {"last_received": WED}},
            }
        },
        {
            "v": {
                "last_entered": TUE,
                "last_exited": TUE,
                "last_received_message": WED,
                "steps_received": {"s": {"last_received": TUE}, "t": {"last_received": WED}},
            }
        },
    ),
    # Braze's lists do not say this: of two states for one address, or for none, the opt-out wins.
    ("email_subscription", None, OFF, OFF),
    ("email_subscription", ON, OFF, OFF),
    ("email_subscription", OFF, ON, OFF),
    ("subscription_groups", {"g": IN}, {"g": OUT, "h": OUT}, {"g": OUT, "h": OUT}),
    ("email_open_tracking_disabled", False, True, True),
    ("email_click_tracking_disabled", None, True, True),
    ("marked_email_as_spam_at", None, MONDAY, MONDAY),
    # A default never replaces an explicit value.
    ("push_subscription", None, ON, ON),
    ("push_subscription", OFF, ON, OFF),
    ("test_user", False, True, True),
    ("facebook", {"id": 1}, {"id": 2, "likes": []}, {"id": 1}),
    ("twitter", None, {"id": 2}, {"id": 2}),
    ("current_location", HOME, WORK, HOME),
    ("current_location", None, WORK, WORK),
]


def test_every_rule_except_the_default_has_an_example() -> None:
    special = {field for field, rule in MERGE_RULES.items() if rule != FILL}

    assert {field for field, *_ in EXAMPLES} >= special
    assert {field for field, *_ in EXAMPLES} <= MERGE_RULES.keys()


@pytest.mark.parametrize(("field", "ours", "theirs", "result"), EXAMPLES)
def test_a_field_merges_as_the_lists_say(field: str, ours: Any, theirs: Any, result: Any) -> None:
    survivor = a_profile(**{field: ours})
    orphan = a_profile(**{field: theirs})

    merged = merge_profiles(survivor=survivor, orphan=orphan, at=AT)

    assert getattr(merged, field) == result


def test_the_survivor_keeps_its_identity_fields() -> None:
    survivor = a_profile(random_bucket=7, created_at=TUESDAY)

    merged = merge_profiles(survivor=survivor, orphan=a_profile(random_bucket=8, created_at=MONDAY), at=AT)

    assert (merged.id, merged.braze_id, merged.random_bucket) == (survivor.id, survivor.braze_id, 7)
    assert merged.created_at == TUESDAY
