"""Responses to requests with an Idempotency-Key, stored in the transaction of their effects.

A response may name people, and an erasure could not find them in it. So it is encrypted with a key that derives from
the client's key, its request and the installation's pepper. The database has none of them: only the same request can
read it.
"""

import base64
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Concatenate, ParamSpec, TypeVar

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.db.transaction import Transaction
from app.errors import KeyReused
from app.keys.digests import NO_PEPPER, newest_pepper
from app.ledger.idempotency import IdempotencyKey, find_first_use, store_use

P = ParamSpec("P")
R = TypeVar("R")

PURPOSE = b"mergelane stored response"
NONCE_BYTES = 12
UNREADABLE = (
    "The response to the first request with this Idempotency-Key can no longer be read, since the peppers of the"
    " installation changed; read what it changed, and use a new key for a new request."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredResponse:
    """A response as it was sent."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Replayed(Exception):
    """An earlier request had the effect: the transaction ends without one. *response* is the earlier one."""

    def __init__(self, response: StoredResponse) -> None:
        super().__init__("An earlier request had this effect.")
        self.response = response


class OnceByKey:
    """Makes a use case have its effect once for each key; implements `app.db.transaction.Wrapper`.

    *respond* turns the result of the use case into its response, each time that the transaction is repeated. The
    response is an error only if the use case had no effect, unless *errors_count*.
    """

    def __init__(
        self,
        given: IdempotencyKey,
        *,
        path: str,
        peppers: Sequence[str],
        respond: Callable[..., StoredResponse],
        errors_count: bool = False,
    ) -> None:
        self._given = given
        self._errors_count = errors_count
        self._path = path
        self._peppers = peppers
        self._respond = respond

    def __call__(
        self, use_case: Callable[Concatenate[Transaction, P], R], /
    ) -> Callable[Concatenate[Transaction, P], R]:
        """Return *use_case* that stores its response, or raises Replayed. An error stores nothing."""

        def run(tx: Transaction, /, *args: P.args, **kwargs: P.kwargs) -> R:
            first = find_first_use(tx, self._given, path=self._path)
            if first is not None:
                raise Replayed(self._decrypt(first["response"]))
            result = use_case(tx, *args, **kwargs)
            response = self._respond(result)
            if self._errors_count or response.status < 400:  # noqa: PLR2004  an error does not use the key up
                store_use(tx, self._given, path=self._path, response=self._encrypt(response))
            return result

        return run

    def _encrypt(self, response: StoredResponse) -> bytes:
        content = {
            "status": response.status,
            "headers": dict(response.headers),
            "body": base64.b64encode(response.body).decode(),
        }
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher(newest_pepper(self._peppers)).encrypt(nonce, orjson.dumps(content), None)

    def _decrypt(self, stored: bytes) -> StoredResponse:
        for pepper in (*self._peppers, NO_PEPPER):
            try:
                content = orjson.loads(self._cipher(pepper).decrypt(stored[:NONCE_BYTES], stored[NONCE_BYTES:], None))
            except InvalidTag:
                continue
            body = base64.b64decode(content["body"])
            return StoredResponse(status=content["status"], headers=content["headers"], body=body)
        raise KeyReused(UNREADABLE)

    def _cipher(self, pepper: str) -> AESGCM:
        """Return the cipher of this request under *pepper*."""
        material = b"\0".join((self._given.key.encode(), self._path.encode(), self._given.body))
        return AESGCM(HKDF(algorithm=SHA256(), length=32, salt=pepper.encode(), info=PURPOSE).derive(material))
