"""The secrets of webhooks and their signatures, compared with the library of the specification."""

import base64
from datetime import UTC, datetime

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError
from uuid_utils.compat import uuid7

from app.errors import SetupError
from app.webhooks.secrets import derive_secret, new_secret_seed, signature_headers

PEPPERS = ("a-newer-pepper-of-16", "an-older-pepper-of-16")
BODY = '{"type":"webhook.test","data":{"name":"Zoë"}}'.encode()


def test_a_secret_has_the_form_of_the_specification() -> None:
    secret = derive_secret(uuid7(), new_secret_seed(PEPPERS), PEPPERS)

    assert secret.startswith("whsec_")
    assert len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) == 32


def test_a_secret_is_derived_from_the_webhook_and_the_seed() -> None:
    webhook_id, seed = uuid7(), new_secret_seed(PEPPERS)

    assert derive_secret(webhook_id, seed, PEPPERS) == derive_secret(webhook_id, seed, PEPPERS[:1])
    assert derive_secret(webhook_id, seed, PEPPERS) != derive_secret(uuid7(), seed, PEPPERS)
    assert derive_secret(webhook_id, seed, PEPPERS) != derive_secret(webhook_id, new_secret_seed(PEPPERS), PEPPERS)


def test_a_secret_survives_a_newer_pepper_but_not_the_loss_of_its_own() -> None:
    webhook_id, seed = uuid7(), new_secret_seed(PEPPERS[1:])

    assert derive_secret(webhook_id, seed, PEPPERS) == derive_secret(webhook_id, seed, PEPPERS[1:])
    with pytest.raises(SetupError, match="MERGELANE_WEBHOOK_PEPPER"):
        derive_secret(webhook_id, seed, PEPPERS[:1])


def test_a_secret_without_a_pepper_survives_the_first_pepper() -> None:
    webhook_id, seed = uuid7(), new_secret_seed(())

    assert seed.pepper == ""
    assert derive_secret(webhook_id, seed, ()) == derive_secret(webhook_id, seed, PEPPERS)


def test_a_seed_is_printed_without_its_salt() -> None:
    assert "salt" not in repr(new_secret_seed(PEPPERS))


def test_the_library_of_the_specification_verifies_a_signature_with_each_secret() -> None:
    secrets = [derive_secret(uuid7(), new_secret_seed(PEPPERS), PEPPERS) for _ in range(2)]
    notice_id, now = uuid7(), datetime.now(UTC)
    headers = signature_headers(notice_id=notice_id, at=now, body=BODY, secrets=secrets)

    assert headers.keys() == {"webhook-id", "webhook-timestamp", "webhook-signature"}
    assert headers["webhook-id"] == str(notice_id)
    assert headers["webhook-timestamp"] == str(int(now.timestamp()))
    assert headers["webhook-signature"].split(" ") == [
        Webhook(secret).sign(str(notice_id), now, BODY.decode()) for secret in secrets
    ]
    assert [Webhook(secret).verify(BODY, headers)["type"] for secret in secrets] == ["webhook.test"] * 2


def test_a_changed_body_is_not_verified() -> None:
    secret = derive_secret(uuid7(), new_secret_seed(()), ())
    headers = signature_headers(notice_id=uuid7(), at=datetime.now(UTC), body=BODY, secrets=[secret])

    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(BODY + b" ", headers)
