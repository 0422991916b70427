"""Digests of secrets: fast, keyed, and compared in constant time."""

import hmac
from hashlib import sha256

import pytest

from app.keys.digests import candidate_digests, digest_secret, digests_equal, newest_pepper, pepper_fingerprint

PEPPER = "a-pepper-of-some-length"


def test_a_digest_without_a_pepper_is_a_plain_hash() -> None:
    assert digest_secret("secret") == digest_secret("secret", "") == sha256(b"secret").digest()


def test_a_digest_with_a_pepper_is_keyed() -> None:
    assert digest_secret("secret", PEPPER) == hmac.digest(PEPPER.encode(), b"secret", "sha256")
    assert len({digest_secret("secret"), digest_secret("secret", PEPPER), digest_secret("secret", PEPPER + "x")}) == 3


def test_the_newest_pepper_comes_first() -> None:
    assert candidate_digests("secret", (PEPPER, "")) == [digest_secret("secret", PEPPER), digest_secret("secret")]
    assert newest_pepper((PEPPER, "")) == PEPPER


def test_no_pepper_equals_an_empty_pepper() -> None:
    assert candidate_digests("secret", ()) == candidate_digests("secret", ("",)) == [digest_secret("secret")]
    assert newest_pepper(()) == ""


def test_a_fingerprint_distinguishes_peppers_without_revealing_them() -> None:
    assert pepper_fingerprint("") == ""
    assert pepper_fingerprint(PEPPER) == pepper_fingerprint(PEPPER) != pepper_fingerprint(PEPPER + "x")
    assert len(pepper_fingerprint(PEPPER)) == 8
    assert pepper_fingerprint(PEPPER) not in digest_secret("mergelane pepper", PEPPER[1:]).hex()


def test_digests_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []
    monkeypatch.setattr(hmac, "compare_digest", lambda one, other: compared.append((one, other)) or one == other)

    assert digests_equal(b"a", b"a")
    assert not digests_equal(b"a", b"b")
    assert compared == [(b"a", b"a"), (b"a", b"b")]
