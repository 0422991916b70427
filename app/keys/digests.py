"""Digests of secrets: a fast hash, keyed with a secret of the installation, the pepper.

A fast hash is enough, since secrets are long and random. With a pepper, the table alone does not even allow guesses.
"""

import hmac
from collections.abc import Sequence
from hashlib import sha256

NO_PEPPER = ""
FINGERPRINTED = b"mergelane pepper"
FINGERPRINT_CHARACTERS = 8


def newest_pepper(peppers: Sequence[str]) -> str:
    """Return the pepper of new digests."""
    return peppers[0] if peppers else NO_PEPPER


def digest_secret(secret: str, pepper: str = NO_PEPPER) -> bytes:
    """Return the stored digest of *secret*: HMAC-SHA-256 keyed with *pepper*, or SHA-256 without a pepper."""
    if not pepper:
        return sha256(secret.encode()).digest()
    return hmac.digest(pepper.encode(), secret.encode(), "sha256")


def candidate_digests(secret: str, peppers: Sequence[str]) -> list[bytes]:
    """Return the digest of *secret* with each of *peppers*, in their order; without a pepper when there are none."""
    return [digest_secret(secret, pepper) for pepper in peppers or (NO_PEPPER,)]


def pepper_fingerprint(pepper: str) -> str:
    """Return a few characters that identify *pepper* without revealing it; "" for no pepper."""
    return hmac.new(pepper.encode(), FINGERPRINTED, "sha256").hexdigest()[:FINGERPRINT_CHARACTERS] if pepper else ""


def digests_equal(one: bytes, other: bytes) -> bool:
    """Return whether two digests are equal, in constant time."""
    return hmac.compare_digest(one, other)
