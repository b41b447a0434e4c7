"""Reckoning the entries of a list of reported passports, each of them once.

An entry is a slow hash, so what was reckoned is kept in a file of this installation,
under marks that mean nothing elsewhere.
"""

import json
import os
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from issuer.errors import Conflict
from issuer.installation_key import InstallationKey
from issuer.jws import b64u, canonical
from issuer.passport_list import PassportList, Reported, entry_of
from issuer.publish.files import read_file, replace_file

MAX_ENTRIES: Final = 2**18
"""Passports on one list; a device takes no more."""
_USE: Final = "reported passport"
_MAX_KEPT: Final = 64 * 2**20
"""Bytes of the file of entries that were reckoned before."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Entries that were reckoned before, so that only new passports cost time.

    The file holds no passport: what finds an entry again is a mark that only this
    installation's key can make.  Without the file everything is reckoned anew.
    """

    path: Path
    key: InstallationKey

    def entries_of(self, texts: Collection[str], salt: bytes) -> list[bytes]:
        """Return the entry of each passport, and keep them and no others.

        Raises:
            OSError: The file cannot be written.
        """
        known = self._load(salt)
        marks = {text: self.key.mark(_USE, text) for text in texts}
        new = [text for text, mark in marks.items() if mark not in known]
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as threads:
            made = threads.map(lambda text: entry_of(text, salt), new)
            fresh = {marks[text]: entry for text, entry in zip(new, made, strict=True)}
        found = {mark: fresh.get(mark) or known[mark] for mark in marks.values()}
        if fresh or len(found) != len(known):
            self._save(found, salt)
        return list(found.values())

    def _load(self, salt: bytes) -> dict[str, bytes]:
        with suppress(OSError, ValueError, LookupError, TypeError):
            data = json.loads(read_file(self.path, _MAX_KEPT))
            if data["salt"] == b64u(salt):
                return {mark: bytes.fromhex(x) for mark, x in data["entries"].items()}
        return {}

    def _save(self, entries: Mapping[str, bytes], salt: bytes) -> None:
        packed = {mark: entry.hex() for mark, entry in entries.items()}
        replace_file(self.path, canonical({"salt": b64u(salt), "entries": packed}))


def list_of(
    passports: Collection[Reported], *, economy: str, salt: bytes, kept: Kept
) -> PassportList:
    """Reckon the list of an economy's reported passports, on all cores.

    Some 8 ms for each that is not kept: 100,000 take a quarter of an hour on one core.

    Raises:
        Conflict: ``passports.too_many``: a device does not take so many.
        OSError: What was reckoned cannot be kept.
    """
    if len(passports) > MAX_ENTRIES:
        detail = f"{len(passports):,}, and a device takes {MAX_ENTRIES:,}"
        raise Conflict("passports.too_many", detail)
    texts = [
        f"{economy}|{each.number}|{each.birthdate.isoformat()}" for each in passports
    ]
    found = set(kept.entries_of(texts, salt))
    return PassportList(salt=salt, entries=b"".join(sorted(found)))
