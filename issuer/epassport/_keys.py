"""Public keys of certificates, and the signatures that they check."""

from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from issuer.epassport._asn1 import Algorithm, Curve, KeyInfo
from issuer.epassport.results import ChipRefusal, Stop

LEAST_RSA: Final = 2048
"""Bits; a passport of ten years ago has no less."""
_MOST_RSA: Final = 8192
_HASHES: Final[dict[str, hashes.HashAlgorithm]] = {
    "sha224": hashes.SHA224(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
_CURVES: Final[dict[str, ec.EllipticCurve]] = {
    "1.3.132.0.33": ec.SECP224R1(),
    "1.2.840.10045.3.1.7": ec.SECP256R1(),
    "1.3.132.0.34": ec.SECP384R1(),
    "1.3.132.0.35": ec.SECP521R1(),
    "1.3.36.3.3.2.8.1.1.7": ec.BrainpoolP256R1(),
    "1.3.36.3.3.2.8.1.1.11": ec.BrainpoolP384R1(),
    "1.3.36.3.3.2.8.1.1.13": ec.BrainpoolP512R1(),
}
"""By object identifier."""
FIELDS: Final[dict[str, tuple[int, int, int, int]]] = {
    "1.3.132.0.33": (
        0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF000000000000000000000001,
        0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFE,
        0xB4050A850C04B3ABF54132565044B0B7D7BFD8BA270B39432355FFB4,
        0xFFFFFFFFFFFFFFFFFFFFFFFFFFFF16A2E0B8F03E13DD29455C5C2A3D,
    ),
    "1.2.840.10045.3.1.7": (
        0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF,
        0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFC,
        0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
        0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    ),
    "1.3.132.0.34": (
        int(
            "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe"
            "ffffffff0000000000000000ffffffff",
            16,
        ),
        int(
            "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe"
            "ffffffff0000000000000000fffffffc",
            16,
        ),
        int(
            "b3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875a"
            "c656398d8a2ed19d2a85c8edd3ec2aef",
            16,
        ),
        int(
            "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf"
            "581a0db248b0a77aecec196accc52973",
            16,
        ),
    ),
    "1.3.132.0.35": (
        int(
            "1fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
            "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
            "fff",
            16,
        ),
        int(
            "1fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
            "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
            "ffc",
            16,
        ),
        int(
            "51953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109"
            "e156193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f"
            "00",
            16,
        ),
        int(
            "1fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
            "ffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386"
            "409",
            16,
        ),
    ),
    "1.3.36.3.3.2.8.1.1.7": (
        0xA9FB57DBA1EEA9BC3E660A909D838D726E3BF623D52620282013481D1F6E5377,
        0x7D5A0975FC2C3057EEF67530417AFFE7FB8055C126DC5C6CE94A4B44F330B5D9,
        0x26DC5C6CE94A4B44F330B5D9BBD77CBF958416295CF7E1CE6BCCDC18FF8C07B6,
        0xA9FB57DBA1EEA9BC3E660A909D838D718C397AA3B561A6F7901E0E82974856A7,
    ),
    "1.3.36.3.3.2.8.1.1.11": (
        int(
            "8cb91e82a3386d280f5d6f7e50e641df152f7109ed5456b412b1da197fb71123"
            "acd3a729901d1a71874700133107ec53",
            16,
        ),
        int(
            "7bc382c63d8c150c3c72080ace05afa0c2bea28e4fb22787139165efba91f90f"
            "8aa5814a503ad4eb04a8c7dd22ce2826",
            16,
        ),
        int(
            "4a8c7dd22ce28268b39b55416f0447c2fb77de107dcd2a62e880ea53eeb62d57"
            "cb4390295dbc9943ab78696fa504c11",
            16,
        ),
        int(
            "8cb91e82a3386d280f5d6f7e50e641df152f7109ed5456b31f166e6cac0425a7"
            "cf3ab6af6b7fc3103b883202e9046565",
            16,
        ),
    ),
    "1.3.36.3.3.2.8.1.1.13": (
        int(
            "aadd9db8dbe9c48b3fd4e6ae33c9fc07cb308db3b3c9d20ed6639cca70330871"
            "7d4d9b009bc66842aecda12ae6a380e62881ff2f2d82c68528aa6056583a48f3",
            16,
        ),
        int(
            "7830a3318b603b89e2327145ac234cc594cbdd8d3df91610a83441caea9863bc"
            "2ded5d5aa8253aa10a2ef1c98b9ac8b57f1117a72bf2c7b9e7c1ac4d77fc94ca",
            16,
        ),
        int(
            "3df91610a83441caea9863bc2ded5d5aa8253aa10a2ef1c98b9ac8b57f1117a7"
            "2bf2c7b9e7c1ac4d77fc94cadc083e67984050b75ebae5dd2809bd638016f723",
            16,
        ),
        int(
            "aadd9db8dbe9c48b3fd4e6ae33c9fc07cb308db3b3c9d20ed6639cca70330870"
            "553e5c414ca92619418661197fac10471db1d381085ddaddb58796829ca90069",
            16,
        ),
    ),
}
"""Field, coefficients a and b, and order of each curve, for those that write it out.

SEC 2, and RFC 5639.
"""


def hash_of(name: str) -> hashes.HashAlgorithm:
    """Return a hash that is strong enough.

    Raises:
        Stop: ``chip.algorithm``.
    """
    if name not in _HASHES:
        raise Stop(ChipRefusal.ALGORITHM, f"hash {name}")
    return _HASHES[name]


def digest(name: str, data: bytes) -> bytes:
    """Return the digest of data.

    Raises:
        Stop: ``chip.algorithm``.
    """
    running = hashes.Hash(hash_of(name))
    running.update(data)
    return running.finalize()


def is_signed(
    key: KeyInfo, algorithm: Algorithm, digest_name: str, data: bytes, signature: bytes
) -> bool:
    """Tell whether a key has signed data.

    Args:
        key: As a certificate has it.
        algorithm: As the signature says.
        digest_name: The hash, where the signature does not say it.
        data: What was signed.
        signature: Of RSA, or of ECDSA in DER.

    Raises:
        Stop: ``chip.algorithm``: key, curve, hash or way of signing is too weak, or not
            known here.
    """
    hash_ = hash_of(algorithm.hash_name or digest_name)
    try:
        match key.kind, algorithm.family:
            case "rsa", "rsa":
                _rsa(key).verify(signature, data, padding.PKCS1v15(), hash_)
            case "rsa", "pss":
                mask = padding.MGF1(hash_of(algorithm.mask_hash or ""))
                scheme = padding.PSS(mgf=mask, salt_length=algorithm.salt_length)
                _rsa(key).verify(signature, data, scheme, hash_)
            case "ec", "ecdsa":
                _point(key).verify(signature, data, ec.ECDSA(hash_))
            case _:
                raise Stop(ChipRefusal.ALGORITHM, f"{algorithm.family} by {key.kind}")
    except InvalidSignature:
        return False
    # Numbers of a salt or an exponent that no machine word holds.
    except (ValueError, OverflowError, UnsupportedAlgorithm) as error:
        raise Stop(ChipRefusal.ALGORITHM, type(error).__name__) from error
    return True


def _rsa(key: KeyInfo) -> rsa.RSAPublicKey:
    if not LEAST_RSA <= key.modulus.bit_length() <= _MOST_RSA:
        raise Stop(ChipRefusal.ALGORITHM, f"RSA of {key.modulus.bit_length()} bits")
    return rsa.RSAPublicNumbers(key.exponent, key.modulus).public_key()


def _point(key: KeyInfo) -> ec.EllipticCurvePublicKey:
    identifier = key.curve if isinstance(key.curve, str) else _known(key.curve)
    if identifier not in _CURVES:
        raise Stop(ChipRefusal.ALGORITHM, "another curve")
    curve = _CURVES[identifier]
    return ec.EllipticCurvePublicKey.from_encoded_point(curve, key.point)


def _known(curve: Curve) -> str:
    """Find which curve is written out, base point included.

    Whoever may choose the base point can sign with a key of their own for any public
    key, so that all of it has to be that of a known curve.
    """
    numbers = curve.p, curve.a % curve.p if curve.p else 0, curve.b, curve.order
    for identifier, fields in FIELDS.items():
        if fields == numbers and curve.base in _bases(_CURVES[identifier]):
            return identifier
    return ""


def _bases(curve: ec.EllipticCurve) -> tuple[bytes, bytes]:
    """Return the base point in both spellings."""
    numbers = ec.derive_private_key(1, curve).public_key().public_numbers()
    size = (curve.key_size + 7) // 8
    x, y = numbers.x.to_bytes(size), numbers.y.to_bytes(size)
    return b"\x04" + x + y, bytes([2 + numbers.y % 2]) + x
