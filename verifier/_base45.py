"""Base45 (RFC 9285), strict: every byte string has exactly one spelling."""

_ALPHABET = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_DIGIT = bytes(max(0, _ALPHABET.find(bytes([code]))) for code in range(256))


def encode(data: bytes) -> str:
    """Return ``data`` in base45."""
    digits = bytearray()
    for start in range(0, len(data) - 1, 2):
        rest, low = divmod(data[start] << 8 | data[start + 1], 45)
        high, middle = divmod(rest, 45)
        digits += bytes((_ALPHABET[low], _ALPHABET[middle], _ALPHABET[high]))
    if len(data) % 2:
        high, low = divmod(data[-1], 45)
        digits += bytes((_ALPHABET[low], _ALPHABET[high]))
    return digits.decode("ascii")


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
