"""The form in which the secrets of keys are stored: a fast hash, keyed with a secret of the installation, the pepper.

A fast one is enough, since secrets are long and random: there is nothing to guess them from. The pepper sees to it that
whoever reads the table alone cannot even try.
"""

import hmac
from collections.abc import Sequence
from hashlib import sha256

NO_PEPPER = ""
FINGERPRINTED = b"mergelane pepper"
FINGERPRINT_CHARACTERS = 8


def newest_pepper(peppers: Sequence[str]) -> str:
    """Return the pepper that new digests are keyed with."""
    return peppers[0] if peppers else NO_PEPPER


def digest_secret(secret: str, pepper: str = NO_PEPPER) -> bytes:
    """Return the form in which *secret* is stored: HMAC-SHA-256 keyed with *pepper*, or SHA-256 where there is none."""
    if not pepper:
        return sha256(secret.encode()).digest()
    return hmac.digest(pepper.encode(), secret.encode(), "sha256")


def candidate_digests(secret: str, peppers: Sequence[str]) -> list[bytes]:
    """Return the digests of *secret* under each of *peppers*, in their order; under none when there are none."""
    return [digest_secret(secret, pepper) for pepper in peppers or (NO_PEPPER,)]


def pepper_fingerprint(pepper: str) -> str:
    """Return a few characters by which *pepper* is recognised and from which it cannot be told; "" for none."""
    return hmac.new(pepper.encode(), FINGERPRINTED, "sha256").hexdigest()[:FINGERPRINT_CHARACTERS] if pepper else ""


def digests_equal(one: bytes, other: bytes) -> bool:
    """Return whether two digests are the same, in a time that does not tell how much of them is."""
    return hmac.compare_digest(one, other)
