"""Where each economy's signing keys are: as configured, and nowhere else."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, Self, cast

from issuer.errors import KeyFileError, SigningError
from issuer.hsm import HsmKeys, HsmSettings
from issuer.keys import FileSigner, KeyUse, Signer, parse_key_file_name, sign_and_check

_KINDS: Final = ("file", "pkcs11")
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


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFile:
    """A key that is in a file."""

    path: Path
    passphrase: bytes = field(repr=False)


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

    def key_file(self, economy: str, key_id: str, use: KeyUse) -> KeyFile | None:
        """Return the file of a key and how to open it; None if it is in none.

        Raises:
            KeyFileError: The folder cannot be read.
            SigningError: There is no passphrase.
        """
        source = self._configured.get(economy)
        if source is None or source.kind != "file" or not is_key_of(economy, key_id):
            return None
        for path in source.key_files():
            if parse_key_file_name(path) == (key_id, use):
                return KeyFile(path=path, passphrase=self._passphrase(economy))
        return None

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
