"""The file of a tester's wallet: its keys, its tokens and its card, all encrypted.

This is a tool for testers.  A key in a file can be copied; a holder's phone keeps its
key where nothing can take it out.
"""

import base64
import json
import os
import secrets
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from issuer.errors import KeyFileError
from issuer.installation_key import check_owner_only
from issuer.publish.files import read_file, sync_folder

MAX_FILE: Final = 256 * 1024
_FORMAT: Final = "abtc-wallet-1"
_COST: Final = 2**15
"""32 MiB and some tens of milliseconds for each try."""


def write_wallet(path: Path, content: dict[str, Any], *, passphrase: bytes) -> None:
    """Write a wallet file, readable by its owner only; the one before is replaced.

    Raises:
        OSError: It cannot be written; the one before stays.
    """
    salt, nonce = secrets.token_bytes(16), secrets.token_bytes(12)
    clear = json.dumps(content).encode()
    sealed = AESGCM(_key(passphrase, salt)).encrypt(nonce, clear, _FORMAT.encode())
    outside = {
        "format": _FORMAT,
        "salt": _text(salt),
        "nonce": _text(nonce),
        "sealed": _text(sealed),
    }
    # Not by another module's way: whoever looks at the wrong moment must not read it.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(temporary, flags, 0o600), "wb") as file:
            file.write(json.dumps(outside).encode())
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def read_wallet(path: Path, *, passphrase: bytes) -> dict[str, Any]:
    """Read a wallet file.

    Raises:
        KeyFileError: Others than its owner can read it, it is none, or the passphrase
            is not its.
    """
    try:
        check_owner_only(path)
        outside = json.loads(read_file(path, MAX_FILE))
        parts = [
            base64.b64decode(outside[each]) for each in ("salt", "nonce", "sealed")
        ]
        salt, nonce, sealed = parts
        known = outside["format"] == _FORMAT
    except OSError as error:
        reason = error.strerror or "cannot be read"
        raise KeyFileError(file=str(path), reason=reason) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise KeyFileError(file=str(path), reason="is no wallet") from error
    if not known:
        raise KeyFileError(file=str(path), reason="is a wallet of another version")
    try:
        clear = AESGCM(_key(passphrase, salt)).decrypt(nonce, sealed, _FORMAT.encode())
    except InvalidTag as error:
        reason = "the passphrase is another, or the file was changed"
        raise KeyFileError(file=str(path), reason=reason) from error
    content: dict[str, Any] = json.loads(clear)
    return content


def _key(passphrase: bytes, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=32, n=_COST, r=8, p=1).derive(passphrase)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
