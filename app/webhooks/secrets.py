"""Secrets of webhooks, derived from a random salt and the installation's pepper, and the signatures that they make.

Every signature needs the secret in clear text, so a stored hash would not work, and the secret itself is not stored:
the table has the salt and the environment has the pepper. A leak of one of them does not allow signing. Without a
pepper, the secret is derived from the salt alone.
"""

import base64
import hmac
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from app.errors import SetupError
from app.keys.digests import NO_PEPPER, newest_pepper, pepper_fingerprint

PREFIX = "whsec_"
SALT_BYTES = 32
PURPOSE = b"mergelane webhook secret"
PEPPER_MISSING = (
    "The secret was derived from a pepper that MERGELANE_WEBHOOK_PEPPER no longer lists; list it again, or rotate the"
    " secret."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretSeed:
    """The stored part of a secret: a salt, and the fingerprint of the pepper."""

    salt: bytes = field(repr=False)
    pepper: str


def new_secret_seed(peppers: Sequence[str]) -> SecretSeed:
    """Return the seed of a new secret, to be derived with the first of *peppers*, the newest."""
    return SecretSeed(salt=secrets.token_bytes(SALT_BYTES), pepper=pepper_fingerprint(newest_pepper(peppers)))


def derive_secret(webhook_id: UUID, seed: SecretSeed, peppers: Sequence[str]) -> str:
    """Return the secret of a webhook: `whsec_` and 32 bytes in base64.

    Raises SetupError when *peppers* lacks its pepper.
    """
    known = {pepper_fingerprint(pepper): pepper for pepper in (*peppers, NO_PEPPER)}
    if seed.pepper not in known:
        raise SetupError(PEPPER_MISSING)
    key = hmac.digest(known[seed.pepper].encode(), PURPOSE + webhook_id.bytes + seed.salt, "sha256")
    return PREFIX + base64.b64encode(key).decode()


def signature_headers(*, notice_id: UUID, at: datetime, body: bytes, secrets: Iterable[str]) -> dict[str, str]:
    """Return the headers of the Standard Webhooks specification, with one signature for each of *secrets*."""
    timestamp = str(int(at.timestamp()))
    signed = b".".join((str(notice_id).encode(), timestamp.encode(), body))
    return {
        "webhook-id": str(notice_id),
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(_signature(secret, signed) for secret in secrets),
    }


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return f"v1,{base64.b64encode(hmac.digest(key, signed, 'sha256')).decode()}"
