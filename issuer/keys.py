"""Signing keys: what signs, where a key file lives, and what is published of a key."""

import errno
import os
import re
import stat
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final, Literal, Protocol, Self, cast, get_args, runtime_checkable

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from issuer.dated import require_aware
from issuer.errors import KeyFileError, SigningError
from issuer.jws import (
    SIGNATURE_BYTES,
    PrivateKey,
    PublicKey,
    is_p256,
    is_signed_by,
    new_private_key,
    sign_es256,
)

KeyUse = Literal["card", "status"]
"""What a key signs: cards, or status and overlay lists.  Never both."""

_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_NAME = re.compile(r"(?P<key_id>[A-Za-z0-9._-]{1,64})\.(?P<use>card|status)")
_MAX_FILE: Final = 16 * 1024
"""Bytes; an encrypted P-256 key takes about 320."""
_BATCH: Final = 32
"""Signatures that are asked for at once; enough that the way costs little."""
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class Signer(Protocol):
    """One private key, wherever it is: in a file or inside a hardware module.

    Ask it through `sign_and_check` only: what a module answers may be garbage.
    """

    @property
    def key_id(self) -> str:
        """The ``kid``: 1 to 64 of ``A-Za-z0-9._-``, unique within its economy."""

    @property
    def use(self) -> KeyUse:
        """What this key signs."""

    @property
    def public_key(self) -> PublicKey:
        """The public half, on P-256."""

    def sign(self, data: bytes) -> bytes:
        """Sign with ES256; 64 bytes, r and s.

        Raises:
            SigningError: The key cannot be reached.
        """


@runtime_checkable
class BatchSigner(Signer, Protocol):
    """A signer to which the way is long, so that many signatures share it.

    Ask it through `sign_and_check_all` only.
    """

    def sign_many(self, data: Sequence[bytes]) -> list[bytes]:
        """Sign each of ``data`` as `sign` does; as many signatures, in their order.

        Raises:
            SigningError: The key cannot be reached; no signature is released.
        """


def sign_and_check(signer: Signer, data: bytes) -> bytes:
    """Sign, and return the signature only if it is good.

    Args:
        signer: Any signer.
        data: The bytes to sign.

    Returns:
        64 bytes, r and s, that verify with the signer's public key.

    Raises:
        SigningError: The signer answered something else, or failed.

    Not checked: that the public key is the one published; `issuance.sign` and
    `documents.issuer_document` compare.

    Source: specification, section 2.
    """
    return _checked(signer, data, signer.sign(data))


def sign_and_check_all(signer: Signer, data: Sequence[bytes]) -> list[bytes]:
    """Sign many, and return the signatures only if all are good.

    A hardware module signs the next ones while these are checked.

    Args:
        signer: Any signer; one that signs batches is asked for batches.
        data: What to sign, each by itself.

    Returns:
        64 bytes for each, in their order, as from `sign_and_check`.

    Raises:
        SigningError: One of the answers was something else, or the signer failed.

    Not checked: as for `sign_and_check`.
    """
    if not isinstance(signer, BatchSigner):
        return [sign_and_check(signer, each) for each in data]
    parts = [data[at : at + _BATCH] for at in range(0, len(data), _BATCH)]
    signatures: list[bytes] = []
    ahead = ThreadPoolExecutor(1)
    try:
        coming = ahead.map(signer.sign_many, parts)
        for part, answers in zip(parts, coming, strict=True):
            if len(answers) != len(part):
                raise SigningError(f"key {signer.key_id} left signatures out")
            signatures += map(partial(_checked, signer), part, answers)
    finally:
        ahead.shutdown(cancel_futures=True)
    return signatures


def _checked(signer: Signer, data: bytes, signature: object) -> bytes:
    if not isinstance(signature, bytes) or not is_signed_by(
        signer.public_key, data, signature
    ):
        raise SigningError(f"key {signer.key_id} answered no signature of its own")
    return signature


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSigner:
    """A key that was read from a file; see `FileSigner.load`."""

    key_id: str
    use: KeyUse
    public_key: PublicKey
    _private_key: PrivateKey = field(repr=False)

    @classmethod
    def load(cls, path: Path, *, passphrase: bytes) -> Self:
        """Read an encrypted private key.

        The name of the file says which key it is: ``<key id>.<use>.pem``.

        Args:
            path: PKCS#8 PEM, encrypted, as `generate_key_file` writes it; at most
                16 KiB.  A regular file of this user, no symbolic link, that nobody else
                may read or write.
            passphrase: What it was encrypted with.

        Raises:
            KeyFileError: The file is missing, open to others or another user's, of
                another kind or name, not encrypted, or holds no P-256 key; or the
                passphrase is wrong.
            ValueError: ``passphrase`` is empty or not bytes.

        Not checked: that this key id was published with this key; `issuance.sign`
        compares with the published record.
        """
        key_id, use = parse_key_file_name(path)
        key = read_private_key(path, passphrase=passphrase)
        return cls(
            key_id=key_id, use=use, public_key=key.public_key(), _private_key=key
        )

    def sign(self, data: bytes) -> bytes:
        """Sign with ES256; 64 bytes, r and s.  Call it through `sign_and_check`."""
        return sign_es256(self._private_key, data)


def generate_key_file(
    directory: Path, *, key_id: str, use: KeyUse, passphrase: bytes
) -> Path:
    """Make a new P-256 key and store it encrypted.

    The key id and the use are the file's name, ``<key id>.<use>.pem``: one file holds
    all that there is to know, and nothing beside it can be lost or mixed up.

    Args:
        directory: Where to put it; it must exist.
        key_id: 1 to 64 of ``A-Za-z0-9._-``.
        use: What the key will sign.
        passphrase: At least one byte.

    Returns:
        The new file: mode 0600, on disk when this returns.

    Raises:
        KeyFileError: The file exists already or cannot be written.
        ValueError: The key id, the use or the passphrase is malformed.
    """
    check_key_id(key_id)
    check_use(use)
    path = directory / f"{key_id}.{use}.pem"
    write_private_key(path, new_private_key(), passphrase=passphrase)
    return path


def read_private_key(path: Path, *, passphrase: bytes) -> PrivateKey:
    """Read an encrypted P-256 key, whatever the name of its file.

    Args:
        path: As for `FileSigner.load`, but for the name.
        passphrase: What it was encrypted with.

    Raises:
        KeyFileError: The file is missing, open to others, of another kind, not
            encrypted, or holds no P-256 key; or the passphrase is wrong.
        ValueError: ``passphrase`` is empty.

    Not checked: whose key it is.
    """
    _check_passphrase(passphrase)
    return _parse_key(path, read_owner_only(path), passphrase)


def read_owner_only(path: Path) -> bytes:
    """Read a file that only this user may read.

    Args:
        path: A regular file of this user, no symbolic link, that nobody else may read
            or write.

    Returns:
        Its first 16 KiB, and one byte more if there is more.

    Raises:
        KeyFileError: The file is missing, of another kind, open to others or another
            user's.

    Not checked: the folders that it lies in.
    """
    # Opened first and asked about afterwards, so that nobody can swap the file in
    # between; without blocking, so that a pipe in its place cannot hang the start.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(path, flags), "rb") as file:
            _check_is_private(path, os.fstat(file.fileno()))
            return file.read(_MAX_FILE + 1)
    except (OSError, ValueError) as error:
        raise KeyFileError(file=str(path), reason=_os_reason(error)) from error


def write_private_key(path: Path, key: PrivateKey, *, passphrase: bytes) -> None:
    """Store a key encrypted, in a new file: mode 0600, on disk at return.

    Args:
        path: The new file; its folder must exist.
        key: On P-256.
        passphrase: At least one byte.

    Raises:
        KeyFileError: The file exists already or cannot be written.
        ValueError: ``passphrase`` is empty.
    """
    _check_passphrase(passphrase)
    pem = key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase)
    )
    try:
        _write_private(path, pem)
    except (OSError, ValueError) as error:
        raise KeyFileError(file=str(path), reason=_os_reason(error)) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """What is published of a key, made once and kept for as long as cards live.

    It outlives the private key: a retired key stays in ``issuer.json`` until the last
    card that it signed has ended.

    Raises:
        ValueError: A field is malformed, a moment naive or not a whole second, or the
            period empty.

    Not checked here: the proof; `documents.issuer_document` checks it.

    Source: specification, section 7.2.
    """

    key_id: str
    """1 to 64 of ``A-Za-z0-9._-``."""
    use: KeyUse
    public_key: PublicKey
    """On P-256."""
    signs_from: datetime
    """First moment at which the key signs, included; a whole second."""
    signs_until: datetime | None
    """End of its signing, excluded; None leaves it open."""
    proof: bytes
    """64 bytes by this key over `key_statement`: its economy holds it."""

    def __post_init__(self) -> None:
        check_key_id(self.key_id)
        check_use(self.use)
        if not is_p256(self.public_key):
            raise ValueError("the public key is not on P-256")
        for moment in (self.signs_from, self.signs_until):
            if moment and require_aware(moment).microsecond:
                raise ValueError("the period is not in whole seconds")
        if not self._is_before_end(self.signs_from):
            raise ValueError("signs_until is not after signs_from")
        if len(self.proof) != SIGNATURE_BYTES:
            raise ValueError("the proof is not 64 bytes")

    @classmethod
    def of(
        cls,
        signer: Signer,
        *,
        issuer_url: str,
        signs_from: datetime,
        signs_until: datetime | None = None,
    ) -> Self:
        """Describe a key and let it prove that its economy holds it.

        Args:
            signer: The key; it signs once, now.
            issuer_url: The ``iss`` of its economy, as in the scheme.
            signs_from: First moment at which it signs; timezone-aware, whole second.
            signs_until: End of its signing, excluded; None leaves it open.

        Raises:
            SigningError: The signer answered something else than its signature.
            ValueError: As for the class.
        """
        statement = key_statement(issuer_url, signer.use, signer.key_id)
        return cls(
            key_id=signer.key_id,
            use=signer.use,
            public_key=signer.public_key,
            signs_from=signs_from,
            signs_until=signs_until,
            proof=sign_and_check(signer, statement),
        )

    def is_proven_for(self, issuer_url: str) -> bool:
        """Tell whether the proof is this key's, for the economy of that URL."""
        statement = key_statement(issuer_url, self.use, self.key_id)
        return is_signed_by(self.public_key, statement, self.proof)

    def signs_at(self, moment: datetime) -> bool:
        """Tell whether the key signs at ``moment`` (timezone-aware)."""
        is_begun = require_aware(self.signs_from) <= require_aware(moment)
        return is_begun and self._is_before_end(moment)

    def is_of(self, signer: Signer) -> bool:
        """Tell whether ``signer`` says to be this key; its signatures must show it."""
        theirs = (signer.key_id, signer.use, signer.public_key)
        return theirs == (self.key_id, self.use, self.public_key)

    def _is_before_end(self, moment: datetime) -> bool:
        end = self.signs_until
        return end is None or require_aware(moment) < require_aware(end)


def key_statement(issuer_url: str, use: KeyUse, key_id: str) -> bytes:
    """Build what a key signs to show that its economy holds it.

    Source: specification, section 7.2.
    """
    return f"ABTC1 key\n{issuer_url}\n{use}\n{key_id}".encode()


def check_key_id(key_id: str) -> None:
    """Raise ``ValueError`` unless ``key_id`` is 1 to 64 of ``A-Za-z0-9._-``."""
    if not _KEY_ID.fullmatch(key_id):
        raise ValueError("a key id is 1 to 64 of A-Z, a-z, 0-9, '.', '_' and '-'")


def check_use(use: str) -> None:
    """Raise ``ValueError`` unless ``use`` is ``card`` or ``status``."""
    if use not in get_args(KeyUse):
        raise ValueError("a key's use is card or status")


def parse_key_name(name: str) -> tuple[str, KeyUse]:
    """Read key id and use from ``<key id>.<use>``.

    Raises:
        ValueError: It is another name.
    """
    parts = _NAME.fullmatch(name)
    if not parts:
        raise ValueError("a key is named <key id>.<card or status>")
    return parts["key_id"], cast("KeyUse", parts["use"])


def parse_key_file_name(path: Path) -> tuple[str, KeyUse]:
    """Read key id and use from the name of a key file, ``<key id>.<use>.pem``.

    Raises:
        KeyFileError: It has another name.
    """
    try:
        if path.suffix == ".pem":
            return parse_key_name(path.stem)
    except ValueError:
        pass
    raise KeyFileError(
        file=str(path), reason="its name is not <key id>.<card or status>.pem"
    )


def _check_passphrase(passphrase: object) -> None:
    if not isinstance(passphrase, bytes):
        raise ValueError("the passphrase is not bytes")
    if not passphrase:
        raise ValueError("the passphrase is empty")


def _check_is_private(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise KeyFileError(file=str(path), reason="it is not a regular file")
    if status.st_uid != os.geteuid():
        raise KeyFileError(file=str(path), reason="it belongs to another user")
    if status.st_mode & _OTHERS:
        mode = stat.S_IMODE(status.st_mode)
        raise KeyFileError(
            file=str(path), reason=f"mode {mode:04o} lets others at it; use 0600"
        )


def _parse_key(path: Path, pem: bytes, passphrase: bytes) -> PrivateKey:
    if len(pem) > _MAX_FILE:
        raise KeyFileError(file=str(path), reason="it is larger than 16 KiB")
    try:
        key = load_pem_private_key(pem, passphrase)
    except TypeError as error:
        raise KeyFileError(file=str(path), reason="it is not encrypted") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyFileError(
            file=str(path), reason="the passphrase is wrong, or it holds no private key"
        ) from error
    if not isinstance(key, PrivateKey) or not is_p256(key):
        raise KeyFileError(file=str(path), reason="it holds no P-256 key")
    return key


def _write_private(path: Path, data: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            path.unlink()  # half a key is none, and would be in the way
            raise
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _os_reason(error: OSError | ValueError) -> str:
    if isinstance(error, ValueError):  # a NUL, say
        return "it cannot be a path"
    if error.errno == errno.ELOOP:
        return "it is a symbolic link"
    return (error.strerror or "it cannot be used").lower()
