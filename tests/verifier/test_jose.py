"""Signatures and keys: the classes of attack that the Wycheproof project collects.

Its own files are not part of any package that we can depend on, so the classes are
built here from a fixed key.
"""

import hashlib

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from verifier import _b64, _jose

ANY = r"."
P = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
KEY = ec.derive_private_key(0xABC, ec.SECP256R1())
PUBLIC = KEY.public_key()
MESSAGE = b"eyJhbGciOiJFUzI1NiJ9.e30"
DER = KEY.sign(MESSAGE, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
R, S = decode_dss_signature(DER)


def raw(r: int, s: int) -> bytes:
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


GOOD = raw(R, S)


def is_good(signature: bytes, message: bytes = MESSAGE) -> bool:
    return _jose.is_signed_by(PUBLIC, message, signature)


def test_good_signature() -> None:
    """The signature that the key made verifies."""
    assert is_good(GOOD)


def test_j13_second_spelling() -> None:
    """(r, n-s) is the other signature of the same text, and verifies too."""
    assert is_good(raw(R, N - S))


EXTREMES = [0, 1, 2, N - 1, N, N + 1, P - 1, P, P + 1, 2**256 - 1]


@pytest.mark.parametrize("s", EXTREMES)
@pytest.mark.parametrize("r", EXTREMES)
def test_j12_extreme_numbers(r: int, s: int) -> None:
    """No pair of numbers at the edges of the field or the order is a signature."""
    assert not is_good(raw(r, s))


@pytest.mark.parametrize("number", EXTREMES)
def test_j12_one_extreme_number(number: int) -> None:
    """Nor is a good half beside a number at the edges."""
    assert not is_good(raw(number, S))
    assert not is_good(raw(R, number))


def test_j12_numbers_beyond_the_order() -> None:
    """r + n and s + n, where they fit, are not second spellings."""
    for r, s in ((R + N, S), (R, S + N)):
        if max(r, s) < 2**256:
            assert not is_good(raw(r, s))


@pytest.mark.parametrize(
    "signature",
    [b"", GOOD[:-1], GOOD + b"\0", b"\0" + GOOD, GOOD * 2, DER, bytes(64), GOOD[:32]],
    ids=["empty", "63", "65", "65 in front", "128", "DER", "zeros", "half"],
)
def test_j12_wrong_shapes(signature: bytes) -> None:
    """Only 64 bytes are a signature."""
    assert not is_good(signature)


def test_j12_every_bit_flip() -> None:
    """Each of the 512 bits counts."""
    number = int.from_bytes(GOOD, "big")
    for bit in range(512):
        assert not is_good((number ^ 1 << bit).to_bytes(64, "big")), bit


def test_j12_swapped_halves_and_other_texts() -> None:
    """s first, or another text, does not verify."""
    assert not is_good(raw(S, R))
    assert not is_good(GOOD, MESSAGE + b" ")
    assert not is_good(GOOD, hashlib.sha256(MESSAGE).digest())


def test_extreme_digests_verify() -> None:
    """A signature whose digest has leading zeros is no exception."""
    for number in range(400):
        text = b"text %d" % number
        r, s = decode_dss_signature(KEY.sign(text, ec.ECDSA(hashes.SHA256())))
        assert is_good(raw(r, s), text)


def jwk(**changes: object) -> dict[str, object]:
    x, y = _jose.coordinates(PUBLIC)
    return {"kty": "EC", "crv": "P-256", "x": x, "y": y} | changes


def without(name: str) -> dict[str, object]:
    return {key: value for key, value in jwk().items() if key != name}


def number_text(value: int, length: int = 32) -> str:
    return _b64.encode(value.to_bytes(length, "big"))


NUMBERS = PUBLIC.public_numbers()
NO_ROOT = 1
"""No point of the curve has this x."""
BAD_KEYS = {
    "off the curve": jwk(y=number_text(NUMBERS.y ^ 1)),
    "zero": jwk(x=number_text(0), y=number_text(0)),
    "x beyond the field": jwk(x=number_text((NUMBERS.x + P) % 2**256)),
    "31 bytes": jwk(x=number_text(1, 31)),
    "33 bytes": jwk(x=number_text(NUMBERS.x, 33)),
    "y begins in x": jwk(
        x=_b64.encode(NUMBERS.x.to_bytes(32, "big")[:31]),
        y=_b64.encode(
            NUMBERS.x.to_bytes(32, "big")[31:] + NUMBERS.y.to_bytes(32, "big")
        ),
    ),
    "padded": jwk(x=f"{jwk()['x']}="),
    "private": jwk(d=number_text(7)),
    "extra member": jwk(use="sig"),
    "kid": jwk(kid="k"),
    "oct": {"kty": "oct", "k": "AAAA"},
    "P-384": jwk(crv="P-384"),
    "secp256k1": jwk(crv="secp256k1"),
    "RSA": {"kty": "RSA", "n": "AQ", "e": "AQAB"},
    "number": jwk(x=7),
    "null": jwk(x=None),
    "no y": without("y"),
    "a list": [],
    "text": "P-256",
    "nothing": None,
}


@pytest.mark.parametrize("key", BAD_KEYS.values(), ids=BAD_KEYS.keys())
def test_j14_bad_public_keys(key: object) -> None:
    """Only exactly a P-256 public key on its curve is a key."""
    with pytest.raises(ValueError, match=ANY):
        _jose.load_jwk(key)


@pytest.mark.parametrize(
    "point",
    [
        b"",
        b"\0",
        b"\2" + NO_ROOT.to_bytes(32, "big"),
        b"\2" + P.to_bytes(32, "big"),
        b"\4" + bytes(64),
        b"\5" + NUMBERS.x.to_bytes(32, "big"),
        b"\2" + NUMBERS.x.to_bytes(32, "big") + b"\0",
    ],
    ids=["empty", "infinity", "no root", "x = p", "uncompressed", "tag 5", "34 bytes"],
)
def test_j14_bad_points(point: bytes) -> None:
    """Only a compressed point on the curve is a point."""
    with pytest.raises(ValueError, match=ANY):
        _jose.load_point(point)


def test_key_round_trip() -> None:
    """A key keeps its numbers through every form."""
    key = _jose.load_point(_jose.compressed_point(_jose.load_jwk(jwk())))
    assert key.public_numbers() == NUMBERS
