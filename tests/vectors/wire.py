"""Bytes on the wire, assembled by hand from the specification.

Nothing here is shared with the packages under test, and no JOSE, CBOR or
base45 library is used: only P-256 arithmetic comes from ``cryptography``.
"""

import base64
import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Order n of the group P-256 (FIPS 186)."""

BASE45 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
"""Alphabet of RFC 9285."""

ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f"} | {
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
}


def b64u(data: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def unb64u(text: str) -> bytes:
    """Return what ``b64u`` was given."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def base45(data: bytes) -> str:
    """Return RFC 9285 text: three characters for two bytes, two for one."""
    text = ""
    for start in range(0, len(data), 2):
        group = data[start : start + 2]
        number = int.from_bytes(group)
        for _ in range(len(group) + 1):
            number, digit = divmod(number, 45)
            text += BASE45[digit]
    return text


def json_string(text: str) -> str:
    """Return a JSON string escaped as RFC 8785 section 3.2.2.2 says."""
    escaped = (ESCAPES.get(c) or (f"\\u{ord(c):04x}" if c < " " else c) for c in text)
    return f'"{"".join(escaped)}"'


def json_text(value: Any) -> str:
    """Return JSON without white space, members in the order of ``value``."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case str():
            return json_string(value)
        case list() | tuple():
            return f"[{','.join(map(json_text, value))}]"
        case dict():
            members = (f"{json_string(k)}:{json_text(v)}" for k, v in value.items())
            return f"{{{','.join(members)}}}"
        case _:
            raise TypeError(type(value))


def by_name(value: Any) -> Any:
    """Return ``value`` with all members ordered by length of name, then bytes."""
    match value:
        case dict():
            names = sorted(value, key=lambda name: (len(name.encode()), name.encode()))
            return {name: by_name(value[name]) for name in names}
        case list():
            return [by_name(item) for item in value]
        case _:
            return value


class Raw(bytes):
    """CBOR that is already encoded, right or wrong."""


def cbor_head(major: int, number: int) -> bytes:
    """Return the shortest head of a CBOR item."""
    if number < 24:
        return bytes([major << 5 | number])
    width = next(w for w in (1, 2, 4, 8) if number < 1 << 8 * w)
    return bytes([major << 5 | 23 + width.bit_length()]) + number.to_bytes(width)


def cbor(value: Any) -> bytes:
    """Return the deterministic encoding of RFC 8949 section 4.2.1."""
    match value:
        case Raw():
            return bytes(value)
        case None | bool():
            return {False: b"\xf4", True: b"\xf5", None: b"\xf6"}[value]
        case int():
            return cbor_head(0, value) if value >= 0 else cbor_head(1, -1 - value)
        case bytes():
            return cbor_head(2, len(value)) + value
        case str():
            return cbor_head(3, len(value.encode())) + value.encode()
        case list() | tuple():
            return cbor_head(4, len(value)) + b"".join(map(cbor, value))
        case dict():
            return cbor_pairs(sorted((cbor(k), cbor(v)) for k, v in value.items()))
        case _:
            raise TypeError(type(value))


def cbor_pairs(pairs: Sequence[tuple[bytes, bytes]]) -> bytes:
    """Return a map of encoded pairs in the order given."""
    return cbor_head(5, len(pairs)) + b"".join(key + item for key, item in pairs)


def zlib_stored(data: bytes) -> bytes:
    """Return a zlib stream of stored blocks: the same bytes from every library."""
    blocks = [data[i : i + 65535] for i in range(0, len(data), 65535)] or [b""]
    stream = b"\x78\x01"
    for position, block in enumerate(blocks):
        size = len(block).to_bytes(2, "little")
        complement = (len(block) ^ 0xFFFF).to_bytes(2, "little")
        stream += bytes([position == len(blocks) - 1]) + size + complement + block
    return stream + zlib.adler32(data).to_bytes(4)


def low_first(number: int, width: int) -> str:
    """Return ``number`` as bits, the lowest first."""
    return format(number, f"0{width}b")[::-1]


def zlib_zeros(count: int) -> bytes:
    """Return a zlib stream of ``count`` zero bytes, in one dynamic Huffman block.

    RFC 1951 section 3.2.7.  Codes: a copy of 258 bytes is 0, a zero byte 10, the
    end 11, the distance 1 is 0.  Their lengths are told with the codes 0 (many
    times no code), 10 (one bit) and 11 (two bits).
    """
    order = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1)
    lengths = {18: 1, 1: 2, 2: 2}
    bits = "101" + low_first(29, 5) + low_first(0, 5) + low_first(len(order) - 4, 4)
    bits += "".join(low_first(lengths.get(symbol, 0), 3) for symbol in order)
    runs = ["0" + low_first(length - 11, 7) for length in (138, 117, 28)]
    bits += "11" + runs[0] + runs[1] + "11" + runs[2] + "10" + "10"
    copies, rest = divmod(count - 1, 258)
    bits += "10" * (1 + rest) + "00" * copies + "11"
    bits += "0" * (-len(bits) % 8)
    packed = bytes(int(bits[i : i + 8][::-1], 2) for i in range(0, len(bits), 8))
    return b"\x78\x01" + packed + zlib.adler32(bytes(count)).to_bytes(4)


def status_bytes(values: dict[int, int], *, size: int, bits: int = 2) -> bytes:
    """Return the bytes of a list of ``size`` entries, 0 where nothing is said."""
    data = bytearray(-(-size * bits // 8))
    for index, value in values.items():
        data[index * bits // 8] |= value << index * bits % 8
    return bytes(data)


@dataclass(frozen=True)
class Key:
    """A P-256 key pair whose private number anyone can recompute.

    The private number is SHA-256 of ``label``.
    """

    label: str

    @cached_property
    def number(self) -> int:
        return int.from_bytes(hashlib.sha256(self.label.encode()).digest())

    @cached_property
    def private(self) -> ec.EllipticCurvePrivateKey:
        return ec.derive_private_key(self.number, ec.SECP256R1())

    @cached_property
    def point(self) -> tuple[bytes, bytes]:
        """Both coordinates, 32 bytes each."""
        numbers = self.private.public_key().public_numbers()
        return numbers.x.to_bytes(32), numbers.y.to_bytes(32)

    @property
    def jwk(self) -> dict[str, str]:
        x, y = map(b64u, self.point)
        return {"kty": "EC", "crv": "P-256", "x": x, "y": y}

    @property
    def compressed(self) -> bytes:
        x, y = self.point
        return bytes([2 + y[-1] % 2]) + x

    def sign(self, text: str) -> bytes:
        """Return the ES256 signature of RFC 6979, r and s of 32 bytes each."""
        algorithm = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
        r, s = decode_dss_signature(self.private.sign(text.encode(), algorithm))
        return r.to_bytes(32) + s.to_bytes(32)


def twin(signature: bytes) -> bytes:
    """Return the other signature of the same text, (r, n - s)."""
    s = P256_ORDER - int.from_bytes(signature[32:])
    return signature[:32] + s.to_bytes(32)


def signing_input(header: Any, payload: Any) -> str:
    """Return the text that is signed; a ``str`` is taken as JSON text."""
    texts = (v if isinstance(v, str) else json_text(v) for v in (header, payload))
    return ".".join(b64u(text.encode()) for text in texts)


def jws(header: Any, payload: Any, key: Key) -> str:
    """Return a compact JWS."""
    text = signing_input(header, payload)
    return f"{text}.{b64u(key.sign(text))}"
