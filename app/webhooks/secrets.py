"""Secrets of webhooks: made of a random salt and the installation's pepper, and what they sign.

A secret is needed in clear for every signature, so that a hash of it would not do. It is not stored either: the table
has the salt, the environment has the pepper, and whoever reads one of the two cannot sign. Without a pepper the salt
alone makes the secret.
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
MADE_FOR = b"mergelane webhook secret"
FORGOTTEN = (
    "The secret was made with a pepper that MERGELANE_WEBHOOK_PEPPER does not list any more; list it, or rotate the"
    " secret."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretSeed:
    """What a secret is made of: a salt, and the fingerprint of the pepper."""

    salt: bytes = field(repr=False)
    pepper: str


def new_secret_seed(peppers: Sequence[str]) -> SecretSeed:
    """Return the seed of a new secret, to be made with the newest of *peppers*."""
    return SecretSeed(salt=secrets.token_bytes(SALT_BYTES), pepper=pepper_fingerprint(newest_pepper(peppers)))


def derive_secret(webhook_id: UUID, seed: SecretSeed, peppers: Sequence[str]) -> str:
    """Return the secret of a webhook, `whsec_` and 32 bytes in base64.

    Raises SetupError when its pepper is none of *peppers*.
    """
    known = {pepper_fingerprint(pepper): pepper for pepper in (*peppers, NO_PEPPER)}
    if seed.pepper not in known:
        raise SetupError(FORGOTTEN)
    key = hmac.digest(known[seed.pepper].encode(), MADE_FOR + webhook_id.bytes + seed.salt, "sha256")
    return PREFIX + base64.b64encode(key).decode()


def signature_headers(*, notice_id: UUID, at: datetime, body: bytes, secrets: Iterable[str]) -> dict[str, str]:
    """Return the three headers of the Standard Webhooks specification, with a signature by each of *secrets*."""
    timestamp = str(int(at.timestamp()))
    signed = b".".join((str(notice_id).encode(), timestamp.encode(), body))
    return {
        "webhook-id": str(notice_id),
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(_signature(secret, signed) for secret in secrets),
    }


def _signature(secret: str, signed: bytes) -> str:
    """Return the signature of *signed* by *secret*."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return f"v1,{base64.b64encode(hmac.digest(key, signed, 'sha256')).decode()}"
