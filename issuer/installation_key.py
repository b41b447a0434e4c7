"""The installation's own key: what it seals secrets with, and marks what is its own.

One file of 256 random bits, made at the first start, readable by its owner only.  Each
use takes a key of its own from it, so that no two uses can be played against each
other.
"""

import hmac
import os
import secrets
import stat
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from issuer.errors import KeyFileError
from issuer.publish.files import read_file, sync_folder

_SIZE: Final = 32
_NONCE: Final = 12


@dataclass(frozen=True, slots=True)
class InstallationKey:
    """The key, in memory."""

    secret: bytes = field(repr=False)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the key; at the first start, make it.

        Raises:
            KeyFileError: Others than its owner can read the file, or it is no key.
        """
        try:
            if not path.exists():
                _make(path)
            check_owner_only(path)
            data = read_file(path, 2 * _SIZE)
        except OSError as error:
            reason = error.strerror or "cannot be read"
            raise KeyFileError(file=str(path), reason=reason) from error
        if len(data) != _SIZE:
            raise KeyFileError(file=str(path), reason=f"must have {_SIZE} bytes")
        return cls(data)

    def derived(self, use: str) -> bytes:
        """Return the 32 bytes that belong to one use."""
        info = f"abtc {use}".encode()
        kdf = HKDF(algorithm=hashes.SHA256(), length=_SIZE, salt=None, info=info)
        return kdf.derive(self.secret)

    def mark(self, use: str, text: str) -> str:
        """Return what only this installation can say of a text; 43 characters."""
        digest = hmac.new(self.derived(use), text.encode(), sha256).digest()
        return urlsafe_b64encode(digest).decode().rstrip("=")

    def seal(self, use: str, owner: str, text: str) -> str:
        """Encrypt a text for the owner it belongs to (AES-256-GCM)."""
        nonce = secrets.token_bytes(_NONCE)
        cipher = AESGCM(self.derived(use))
        sealed = cipher.encrypt(nonce, text.encode(), owner.encode())
        return urlsafe_b64encode(nonce + sealed).decode()

    def unseal(self, use: str, owner: str, sealed: str) -> str:
        """Decrypt what was sealed for this owner.

        Raises:
            ValueError: It was sealed by another key, for another owner, or changed.
        """
        data = urlsafe_b64decode(sealed.encode())
        cipher = AESGCM(self.derived(use))
        try:
            clear = cipher.decrypt(data[:_NONCE], data[_NONCE:], owner.encode())
        except InvalidTag as error:
            raise ValueError("it was not sealed here for this owner") from error
        return clear.decode()


def check_owner_only(path: Path) -> None:
    """Refuse a secret that others than its owner can read or write.

    Raises:
        KeyFileError: The file's mode gives a right to its group or to all.
        OSError: There is no such file.
    """
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        reason = f"others can reach it (mode {mode:04o}); it must be its owner's only"
        raise KeyFileError(file=str(path), reason=reason)


def _make(path: Path) -> None:
    # Two first starts at once: the second finds the first one's file.
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(temporary, flags, 0o600), "wb") as file:
        file.write(secrets.token_bytes(_SIZE))
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()
    sync_folder(path.parent)
