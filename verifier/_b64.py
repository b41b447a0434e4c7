"""Canonical base64url without padding (specification, section 2)."""

from base64 import urlsafe_b64decode
from binascii import b2a_base64

_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def encode(data: bytes) -> str:
    """Return ``data`` as base64url without padding."""
    # As base64.urlsafe_b64encode does it, without its two extra copies.
    return b2a_base64(data, newline=False).rstrip(b"=\n").translate(_URL_SAFE).decode()


def decode(text: str) -> bytes:
    """Return the bytes whose only spelling is ``text``.

    Raises:
        ValueError: ``text`` is not canonical base64url without padding.
    """
    data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    # The library skips foreign characters and ignores unused bits and extra padding;
    # one comparison refuses all three.
    if encode(data) != text:
        raise ValueError("not canonical base64url")
    return data
