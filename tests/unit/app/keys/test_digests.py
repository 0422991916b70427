"""Digests of secrets: fast, keyed, and compared without telling how far they agree."""

import hmac
from hashlib import sha256

import pytest

from app.keys.digests import digest, digests, fingerprint, newest, same

PEPPER = "a-pepper-of-some-length"


def test_without_a_pepper_it_is_a_plain_hash() -> None:
    assert digest("secret") == digest("secret", "") == sha256(b"secret").digest()


def test_with_a_pepper_it_is_keyed() -> None:
    assert digest("secret", PEPPER) == hmac.digest(PEPPER.encode(), b"secret", "sha256")
    assert len({digest("secret"), digest("secret", PEPPER), digest("secret", PEPPER + "x")}) == 3


def test_the_newest_pepper_comes_first() -> None:
    assert digests("secret", (PEPPER, "")) == [digest("secret", PEPPER), digest("secret")]
    assert newest((PEPPER, "")) == PEPPER


def test_no_pepper_is_as_good_as_an_empty_one() -> None:
    assert digests("secret", ()) == digests("secret", ("",)) == [digest("secret")]
    assert newest(()) == ""


def test_a_fingerprint_tells_peppers_apart_and_nothing_more() -> None:
    assert fingerprint("") == ""
    assert fingerprint(PEPPER) == fingerprint(PEPPER) != fingerprint(PEPPER + "x")
    assert len(fingerprint(PEPPER)) == 8
    assert fingerprint(PEPPER) not in digest("mergelane pepper", PEPPER[1:]).hex()


def test_digests_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []
    monkeypatch.setattr(hmac, "compare_digest", lambda one, other: compared.append((one, other)) or one == other)

    assert same(b"a", b"a")
    assert not same(b"a", b"b")
    assert compared == [(b"a", b"a"), (b"a", b"b")]
