"""What a wallet encrypts for a desk, opened by another library; and what it refuses."""

import json
from typing import Any

import pytest
from jwcrypto.jwe import JWE
from jwcrypto.jwk import JWK

from issuer.jws import b64u, public_jwk
from tests.simulator import fixed_key, jwk
from wallet_api.sealed import SealingError, recipient_in, seal

KEY = {**jwk(fixed_key("desk")), "alg": "ECDH-ES", "use": "enc", "kid": "k1"}
ENC = "encrypted_response_enc_values_supported"


def metadata(*keys: Any, **more: Any) -> dict[str, Any]:
    return {"jwks": {"keys": list(keys or (KEY,))}, **more}


def secret() -> JWK:
    number = fixed_key("desk").private_numbers().private_value
    public = public_jwk(fixed_key("desk").public_key())
    return JWK(**public, d=b64u(number.to_bytes(32, "big")))


@pytest.mark.parametrize(
    ("offered", "used"),
    [
        ({}, "A128GCM"),
        ({ENC: ["A128GCM"]}, "A128GCM"),
        ({ENC: ["A128CBC-HS256", "A128GCM", "A256GCM"]}, "A256GCM"),
    ],
)
def test_another_library_opens_it(offered: dict[str, Any], used: str) -> None:
    members = {"state": "s", "vp_token": {"abtc": ["a~b"]}}
    text = seal(members, recipient_in(metadata(**offered)))
    found = JWE(algs=["ECDH-ES", "A128GCM", "A256GCM"])
    found.deserialize(text, key=secret())
    assert json.loads(found.payload) == members
    header = found.jose_header
    assert (header["alg"], header["enc"], header["kid"]) == ("ECDH-ES", used, "k1")


def test_the_first_key_that_fits_counts() -> None:
    """Others are for other wallets, or for something else."""
    keys = [
        {**KEY, "use": "sig", "kid": "a"},
        {**KEY, "crv": "P-384", "kid": "b"},
        {"kty": "OKP", "crv": "X25519", "alg": "ECDH-ES", "kid": "c", "x": "AA"},
        "rubbish",
        {name: each for name, each in KEY.items() if name != "use"},
    ]
    assert recipient_in(metadata(*keys)).key_id == "k1"


@pytest.mark.parametrize(
    "given",
    [
        None, {}, {"jwks": None}, {"jwks": {"keys": []}}, {"jwks": {"keys": {}}},
        metadata({**KEY, "alg": "ECDH-ES+A128KW"}), metadata({**KEY, "kid": None}),
        metadata({**KEY, "kid": ""}), metadata({**KEY, "use": "sig"}),
        metadata({**KEY, "d": "AA"}), metadata({**KEY, "y": KEY["x"]}),
        metadata({**KEY, "x": "AA"}), metadata(**{ENC: ["A128CBC-HS256"]}),
        metadata(**{ENC: []}), metadata(**{ENC: None}), metadata(**{ENC: "A128GCM"}),
    ],
)  # fmt: skip
def test_what_cannot_be_encrypted_as_asked_is_not_answered(given: Any) -> None:
    """Never in clear instead, nor for a key that is none."""
    with pytest.raises(SealingError):
        recipient_in(given)
