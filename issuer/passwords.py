"""Passwords and one-time codes: the only module that touches Argon2."""

import secrets
import unicodedata
from base64 import b32encode, b64encode
from hashlib import sha256
from hmac import compare_digest
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

MIN_LENGTH: Final = 12
MAX_LENGTH: Final = 200
"""Characters; a longer text would only cost time."""
_FEW: Final = 5
_CODE_BYTES: Final = 15
_GROUP: Final = 6
_HASHER: Final = PasswordHasher()
"""Argon2id as RFC 9106 recommends it where memory is short: 64 MiB, 3 passes."""


def _drawn(count: int) -> str:
    return b64encode(secrets.token_bytes(count)).rstrip(b"=").decode()


_NOBODY: Final = (
    f"$argon2id$v=19$m={_HASHER.memory_cost},t={_HASHER.time_cost}"
    f",p={_HASHER.parallelism}${_drawn(_HASHER.salt_len)}${_drawn(_HASHER.hash_len)}"
)
"""What the password of an unknown login is compared with, to take the same time.  It is
drawn, not computed: every command would wait for that."""


def password_problem(password: str, *, login: str) -> str | None:
    """Say in a sentence why a password is too easy; None if it will do.

    There are no rules about kinds of characters: length is what counts.
    """
    text = _normal(password)
    if len(text) < MIN_LENGTH:
        return f"Use at least {MIN_LENGTH} characters; several words are easiest."
    if len(text) > MAX_LENGTH:
        return f"Use at most {MAX_LENGTH} characters."
    if login in text.casefold():
        return "Leave your login out of the password."
    if len(set(text)) < _FEW:
        return f"Use at least {_FEW} different characters."
    return None


def hash_password(password: str) -> str:
    """Return the Argon2id text that is kept of a password."""
    return _HASHER.hash(_normal(password)[: MAX_LENGTH + 1])


def verify_password(kept: str | None, password: str) -> bool:
    """Compare a password with what is kept; with nothing kept, in the same time."""
    text = _normal(password)[: MAX_LENGTH + 1]
    try:
        _HASHER.verify(kept or _NOBODY, text)
    except (VerificationError, InvalidHashError):
        return False
    return kept is not None


def is_outdated(kept: str) -> bool:
    """Tell whether a text was made with weaker parameters than today's."""
    return _HASHER.check_needs_rehash(kept)


def new_code() -> str:
    """Return a one-time code of 120 random bits: ``ABCDEF-GHIJKL-MNOPQR-STUVWX``."""
    text = b32encode(secrets.token_bytes(_CODE_BYTES)).decode()
    return "-".join(text[at : at + _GROUP] for at in range(0, len(text), _GROUP))


def hash_code(code: str) -> bytes:
    """Return what is kept of a one-time code; case, spaces and dashes are no matter."""
    return sha256("".join(code.upper().split()).replace("-", "").encode()).digest()


def is_code(kept: bytes | None, code: str) -> bool:
    """Compare a one-time code with what is kept."""
    return kept is not None and compare_digest(kept, hash_code(code))


def _normal(password: str) -> str:
    # The same keys give the same password on every keyboard and system.
    return unicodedata.normalize("NFKC", password)
