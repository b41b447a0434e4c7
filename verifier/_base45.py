"""Base45 (RFC 9285), strict: every byte string has exactly one spelling."""

import struct

_ALPHABET = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_DIGIT = bytes(max(0, _ALPHABET.find(bytes([code]))) for code in range(256))


_DIGITS = _ALPHABET.decode()
_PAIRS = tuple(_DIGITS[value % 45] + _DIGITS[value // 45] for value in range(45 * 45))
"""The two digits of each number below 2025, the low one first."""


def encode(data: bytes) -> str:
    """Return ``data`` in base45."""
    even = len(data) & ~1
    numbers = struct.unpack(f">{even // 2}H", data[:even])
    digits = [_PAIRS[n % 2025] + _DIGITS[n // 2025] for n in numbers]
    if len(data) > even:
        digits.append(_PAIRS[data[-1]])
    return "".join(digits)


def decode(text: str) -> bytes:
    """Return the bytes whose only spelling is ``text``.

    Raises:
        ValueError: A foreign character, a length of 3n+1, or a group out of range.
    """
    raw = text.encode("ascii", "replace")  # to a question mark, which is foreign
    if raw.translate(None, _ALPHABET):
        raise ValueError("character outside the base45 alphabet")
    digits = raw.translate(_DIGIT)
    groups, tail = divmod(len(digits), 3)
    data = _decode_groups(digits[: 3 * groups], groups)
    if tail:
        data += _decode_tail(digits[3 * groups :])
    return data


def _decode_groups(digits: bytes, groups: int) -> bytes:
    # All groups at once, each in a lane of three bytes of one big integer. A lane holds
    # at most 44 * (1 + 45 + 2025) < 2**24, so lanes never carry into each other. That
    # is twice as fast as the quickest loop, and it is on the path of every scan.
    low, middle, high = (bytearray(3 * groups) for _ in range(3))
    low[2::3], middle[2::3], high[2::3] = digits[0::3], digits[1::3], digits[2::3]
    total = (
        int.from_bytes(low, "big")
        + int.from_bytes(middle, "big") * 45
        + int.from_bytes(high, "big") * 2025
    )
    lanes = total.to_bytes(3 * groups, "big")
    if any(lanes[0::3]):
        raise ValueError("base45 group above 65535")
    data = bytearray(2 * groups)
    data[0::2], data[1::2] = lanes[1::3], lanes[2::3]
    return bytes(data)


def _decode_tail(digits: bytes) -> bytes:
    if len(digits) != 2:
        raise ValueError("base45 length is 3n+1")
    value = digits[0] + 45 * digits[1]
    if value > 255:
        raise ValueError("base45 tail above 255")
    return bytes((value,))
