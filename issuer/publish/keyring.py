"""The keys that sign a repository: encrypted files, one for each key.

A file is named ``<role>.<first 16 digits of the key id>.pem``.  They never lie in the
folder that is published, and need not all lie in one: each officer brings a folder.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from securesystemslib.signer import CryptoSigner, Key, SSlibKey

from issuer.errors import KeyFileError
from issuer.jws import PrivateKey, new_private_key
from issuer.keys import read_private_key, write_private_key
from issuer.publish.moments import moment_text
from issuer.publish.names import SINCE

Passphrase = Callable[[str], bytes]
"""Returns the passphrase of a key, asked with the name of its file less ``.pem``."""


class Keyring:
    """Finds keys, and makes new ones.

    Args:
        folders: Where key files lie, at least one; new ones go into the first.
        passphrase: How to open them.
        new_passphrase: How to close new ones; None asks ``passphrase``.

    Raises:
        ValueError: There is no folder.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        passphrase: Passphrase,
        new_passphrase: Passphrase | None = None,
    ) -> None:
        if not folders:
            raise ValueError("no folder for keys")
        self._folders = tuple(folders)
        self._passphrase = passphrase
        self._new_passphrase = new_passphrase or passphrase
        self._open: dict[str, CryptoSigner] = {}
        self._new: dict[str, tuple[str, PrivateKey]] = {}

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where key files lie."""
        return self._folders

    def make(self, role: str, *, since: datetime) -> Key:
        """Make a key, in memory; `save_new` stores it, and `forget_new` drops it.

        Args:
            role: What it will sign.
            since: This moment; published with the key, for its age to be seen.
        """
        private_key = new_private_key()
        key = SSlibKey.from_crypto(private_key.public_key())
        key.unrecognized_fields[SINCE] = moment_text(since)
        self._new[key.keyid] = _stem(role, key), private_key
        self._open[key.keyid] = CryptoSigner(private_key, key)
        return key

    def save_new(self) -> None:
        """Store the keys that were made since the last time.

        Raises:
            KeyFileError: A file cannot be written.
        """
        while self._new:
            key_id, (stem, private_key) = next(iter(self._new.items()))
            path = self._folders[0] / f"{stem}.pem"
            write_private_key(path, private_key, passphrase=self._new_passphrase(stem))
            del self._new[key_id]

    def forget_new(self) -> None:
        """Drop the keys that were made and not stored: nothing came of them."""
        for key_id in self._new:
            del self._open[key_id]
        self._new.clear()

    def signer(self, role: str, key: Key) -> CryptoSigner | None:
        """Return what signs with a public key, or None if its file is not here.

        Raises:
            KeyFileError: The file cannot be used, or holds another key.
        """
        if key.keyid not in self._open:
            stem = _stem(role, key)
            paths = [folder / f"{stem}.pem" for folder in self._folders]
            path = next((path for path in paths if path.exists()), None)
            if path is None:
                return None
            self._open[key.keyid] = self._read(path, stem, key)
        return self._open[key.keyid]

    def _read(self, path: Path, stem: str, key: Key) -> CryptoSigner:
        private_key = read_private_key(path, passphrase=self._passphrase(stem))
        if SSlibKey.from_crypto(private_key.public_key()).keyid != key.keyid:
            raise KeyFileError(file=str(path), reason="it holds another key")
        return CryptoSigner(private_key)


def _stem(role: str, key: Key) -> str:
    return f"{role}.{key.keyid[:16]}"
