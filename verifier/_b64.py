"""Canonical base64url without padding (specification, section 2)."""

from base64 import urlsafe_b64decode, urlsafe_b64encode


def encode(data: bytes) -> str:
    """Return ``data`` as base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


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
