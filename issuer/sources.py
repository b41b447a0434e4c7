"""Where each economy's signing keys are: as configured, and nowhere else."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Literal, Self, cast

from issuer.errors import KeyFileError, SigningError
from issuer.hsm import HsmKeys, HsmSettings
from issuer.issuance import sign_many
from issuer.keys import FileSigner, KeyUse, Signer, parse_key_file_name, sign_and_check
from issuer.signing_pool import BatchSigner, SigningPool

_KINDS: Final = ("file", "pkcs11")
_PROCESSES: Final = 4
"""At most, for a batch: what the database takes and records is no faster."""
_PROBE: Final = b"ABTC1 probe\n"
"""What a key signs to show that it can; no token begins so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySource:
    """One place with keys."""

    kind: Literal["file", "pkcs11"]
    path: Path
    """The folder with key files, or the file with `HsmSettings`."""

    @classmethod
    def parse(cls, text: str, *, folder: Path) -> Self:
        """Read ``file:<folder>`` or ``pkcs11:<settings file>``.

        Args:
            text: As configured.
            folder: What a relative path is relative to.

        Raises:
            ValueError: It is neither.
        """
        kind, _, path = text.partition(":")
        if kind not in _KINDS or not path:
            raise ValueError(
                "a key source is file:<folder> or pkcs11:<file with settings>"
            )
        return cls(kind=cast("Literal['file', 'pkcs11']", kind), path=folder / path)

    def __str__(self) -> str:
        return f"{self.kind}:{self.path}"

    def names(self) -> tuple[tuple[str, KeyUse], ...]:
        """List key id and use of all keys there, sorted; a file is not opened.

        Raises:
            KeyFileError: The folder cannot be read, a ``.pem`` in it has another name
                than a key, or a file of an HSM's settings cannot be used.
            SettingsError: The settings of an HSM say something that they may not.
            SignerUnavailable: The module does not answer.
        """
        if self.kind == "file":
            return tuple(map(parse_key_file_name, self.key_files()))
        with HsmKeys.open(HsmSettings.load(self.path)) as keys:
            return keys.names()

    def key_files(self) -> list[Path]:
        """List the ``.pem`` files of the folder, sorted.

        Raises:
            KeyFileError: The folder cannot be read.
        """
        try:
            return sorted(each for each in self.path.iterdir() if each.suffix == ".pem")
        except (OSError, ValueError) as error:
            reason = (getattr(error, "strerror", None) or str(error)).lower()
            raise KeyFileError(file=str(self.path), reason=reason) from error


class KeySources:
    """The signers of the economies hosted here.

    An economy has exactly one source for as long as this lives.  If that does not
    answer, nothing signs for it: nobody looks elsewhere.
    """

    def __init__(
        self,
        configured: Mapping[str, KeySource],
        *,
        passphrase: Callable[[str], bytes],
    ) -> None:
        """Keep what is configured; nothing is opened yet.

        Args:
            configured: The source of each economy, by alpha-3 code.
            passphrase: Returns the passphrase of an economy's key files.
        """
        self._configured = dict(configured)
        self._passphrase = passphrase
        self._modules: dict[Path, HsmKeys] = {}
        self._signers: dict[str, tuple[Signer, ...]] = {}
        self._opened: dict[str, bytes] = {}

    def signers(self, economy: str) -> tuple[Signer, ...]:
        """Return the keys of an economy.

        They are those whose key id begins with its code, such as ``AUS-``.  Each has
        signed a probe when this is called first.  Where that failed, the next
        call tries again, at the same source.

        Raises:
            KeyFileError: A key file or an HSM's file of settings or PIN cannot be used.
            SettingsError: The settings of an HSM say something that they may not.
            SignerUnavailable: The module does not answer.
            SigningError: No source is configured, there is no key of the economy, or
                one of them cannot be used.

        Not checked: that they are the keys that were published, and that they sign at
        this moment; `issuance.sign` compares with the records.
        """
        known = self._signers.get(economy)
        if known is None:
            known = self._load(economy)
            self._signers[economy] = known
        return known

    @contextmanager
    def batch(self, economy: str, signer: Signer) -> Iterator[BatchSigner]:
        """Sign many cards with one of an economy's card keys.

        A key file is read by a process for each core, up to four; they begin here and
        end when this is left.  A key in a hardware module signs in this process, as it
        does where there is one core.

        Args:
            economy: Whose key it is.
            signer: One of `signers`.

        Raises:
            KeyFileError: The file is not as it was when it was opened.
        """
        cores = min(os.cpu_count() or 1, _PROCESSES)
        if not isinstance(signer, FileSigner) or cores == 1:
            yield partial(sign_many, signer=signer)
            return
        path = self._configured[economy].path / f"{signer.key_id}.{signer.use}.pem"
        with SigningPool(
            path, passphrase=self._opened[economy], processes=cores
        ) as pool:
            yield pool.sign_many

    def close(self) -> None:
        """End all sessions with hardware modules."""
        for keys in self._modules.values():
            keys.close()

    def _load(self, economy: str) -> tuple[Signer, ...]:
        source = self._configured.get(economy)
        if source is None:
            raise SigningError(f"no key source is configured for {economy}")
        found = (
            self._read_files(economy, source)
            if source.kind == "file"
            else self._ask_module(economy, source)
        )
        if not found:
            raise SigningError(f"{source}: it has no key of {economy}")
        for signer in found:
            sign_and_check(signer, _PROBE + signer.key_id.encode())
        return found

    def _read_files(self, economy: str, source: KeySource) -> tuple[Signer, ...]:
        paths = [path for path in source.key_files() if is_key_of(economy, path.name)]
        passphrase = self._passphrase(economy) if paths else b""
        self._opened[economy] = passphrase  # nobody is asked in the middle of a batch
        return tuple(FileSigner.load(path, passphrase=passphrase) for path in paths)

    def _ask_module(self, economy: str, source: KeySource) -> tuple[Signer, ...]:
        keys = self._modules.get(source.path)
        if keys is None:
            new = HsmKeys(HsmSettings.load(source.path))
            keys = self._modules.setdefault(source.path, new)
        keys.settings.read_pin()  # names the file, where that is what is wrong
        names = [name for name in keys.names() if is_key_of(economy, name[0])]
        return tuple(keys.signer(key_id, use) for key_id, use in names)


def is_key_of(economy: str, key_id: str) -> bool:
    """Tell whether a key id, or a name that begins with it, is of an economy."""
    return key_id.startswith(f"{economy}-")
