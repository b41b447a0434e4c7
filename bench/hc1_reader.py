"""Time an HC1 reader; runs in an environment of its own, which has ``cwt``.

Reads one JSON object from standard input: ``rounds``, the issuer's ``key`` (PEM), its
``key_id``, and ``items``, each with the ``card`` and ``proof`` codes (an EU DCC style
certificate, and the same inside a message that the phone signed) and with what the
floor verifies.  Writes microseconds by contender.
"""

import base64
import json
import sys
import time
import zlib
from collections.abc import Callable
from typing import Any

import base45
import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from cwt import COSE, CWT, COSEKey

_ES256 = ec.ECDSA(hashes.SHA256())
_CARD, _CNF = -65_537, 8


class Reader:
    """Reads codes of one issuer."""

    def __init__(self, pem: bytes, key_id: bytes) -> None:
        self._key = COSEKey.from_pem(pem, alg="ES256", kid=key_id)
        self._claims = CWT.new()
        self._messages = COSE.new()

    def read_card(self, text: str) -> dict[int, Any]:
        """Return the claims of a certificate whose signature and dates are good."""
        claims: dict[int, Any] = self._claims.decode(_message(text), [self._key])
        return claims

    def read_proof(self, text: str) -> dict[int, Any]:
        """Return the same, when the phone named in it has signed what was shown."""
        message = _message(text)
        # The key stands in the payload, which is needed before it is verified.
        shown = cbor2.loads(cbor2.loads(message).value[2])
        claims: dict[int, Any] = self._claims.decode(shown[_CARD], [self._key])
        holder = COSEKey.new({**claims[_CNF][1], 3: -7})
        self._messages.decode(message, holder)
        return claims


def measure(job: dict[str, Any]) -> dict[str, list[float]]:
    """Time all contenders on each item in turn."""
    pem = job["key"].encode()
    reader, issuer_key = Reader(pem, job["key_id"].encode()), load_pem_public_key(pem)
    assert isinstance(issuer_key, ec.EllipticCurvePublicKey)
    items = [_Item(item, reader, issuer_key) for item in job["items"]]
    times: dict[str, list[float]] = {name: [] for name in items[0].contenders}
    for turn in range(job["rounds"]):
        for item in items:
            for name in _turned(list(times), turn):
                times[name].append(_microseconds(item.contenders[name]))
    return times


class _Item:
    """One card and the ways of reading it."""

    def __init__(
        self, item: dict[str, Any], reader: Reader, key: ec.EllipticCurvePublicKey
    ) -> None:
        holder = load_pem_public_key(item["holder"].encode())
        assert isinstance(holder, ec.EllipticCurvePublicKey)
        signed = [
            (base64.b64decode(signature), base64.b64decode(data))
            for signature, data in item["signed"]
        ]
        self.contenders: dict[str, Callable[[], object]] = {
            "one verify": lambda: key.verify(*signed[0], _ES256),
            "two verifies": lambda: (
                key.verify(*signed[0], _ES256),
                holder.verify(*signed[1], _ES256),
            ),
            "HC1": lambda: reader.read_card(item["card"]),
            "HC1 + phone's COSE": lambda: reader.read_proof(item["proof"]),
        }


def _message(text: str) -> bytes:
    return zlib.decompress(base45.b45decode(text.removeprefix("HC1:")))


def _turned(names: list[str], turn: int) -> list[str]:
    first = turn % len(names)
    return names[first:] + names[:first]


def _microseconds(run: Callable[[], object]) -> float:
    started = time.perf_counter_ns()
    run()
    return (time.perf_counter_ns() - started) / 1000


if __name__ == "__main__":
    json.dump(measure(json.load(sys.stdin)), sys.stdout)
