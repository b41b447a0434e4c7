"""Deltas beside the lists: a device makes the new list of the one that it has.

They are derived from what is published, and nothing depends on them: a device uses what
comes of one only if it is what was signed.  So they need no key, and a mirror can make
them as well as the publisher.  This is the writer's own reading of the specification,
section 7.4; the reader is `verifier.TrustStore.sync`.
"""

import base64
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import takewhile
from pathlib import Path
from typing import Final

from issuer.economy import MAX_LIST_CAPACITY
from issuer.jws import b64u, canonical
from issuer.publish.files import locked, replace_file
from issuer.publish.names import delta_file, is_list
from issuer.publish.repository import Repository

OLDER: Final = 8
"""From so many older versions of a list at most, the newest."""
_MAX_DELTA: Final = 16 * 1024
"""Bytes; a device reads no more."""
_MAX_TOKEN: Final = 4 * 2**20
_MAX_ENTRIES: Final = MAX_LIST_CAPACITY // 4
"""Bytes, at two bits an entry."""
_LEVELS: Final = (9, 6, *(level for level in range(10) if level not in {9, 6}))
"""Of zlib, the likely ones first."""
_OPEN, _CLOSE = b'"lst":"', b'"'
"""What stands around the entries in a payload."""
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_UNREADABLE: Final = (ValueError, LookupError, TypeError, RecursionError, zlib.error)
"""What reading a list raises that is none; it may be anybody's on a mirror."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deltas:
    """What deltas there are after the call, or would be."""

    written: tuple[str, ...] = ()
    """Files, below the repository."""
    size: int = 0
    """Bytes in them."""
    kept: int = 0
    """How many were there already."""
    failed: str = ""
    """Why some may be missing, in one line; empty if none is."""
    is_dry_run: bool = False


def write_deltas(public: Path, *, older: int = OLDER, dry_run: bool = False) -> Deltas:
    """Write deltas to the lists in force, where they save at least half.

    Those that are there stay, and damaged ones are replaced, so this can be done again
    at any time.  Needs no key.

    Args:
        public: The public folder of a repository, or a whole copy of it.
        older: From so many older versions of each list, of those that still lie there.
        dry_run: Write nothing.

    Raises:
        PublishRefused: ``repository.damaged``; ``repository.busy`` while another
            process publishes.
        OSError: A file cannot be read or written; those before it are whole.
    """
    with locked(public):
        repository = Repository.load(public)
        files = _missing(public, repository, repository.economies, older)
        return _write(public, files, dry_run=dry_run)


def follow_publication(public: Path, repository: Repository, role: str) -> Deltas:
    """Write deltas to the lists of a role that has just been published.

    The caller holds the lock.  What is published stays so if this fails: it is told
    in ``failed``, and the next publication tries again.
    """
    try:
        files = _missing(public, repository, (role,), OLDER)
        return _write(public, files, dry_run=False)
    except OSError as error:
        return Deltas(failed=" ".join(str(error).split()))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Token:
    """A list, taken apart so that `join` gives the same bytes."""

    header: str
    head: bytes
    """The payload as far as the value of ``lst``."""
    packed: str
    tail: bytes
    """And from there on."""
    signature: str
    entries: bytes
    iat: int

    @classmethod
    def parse(cls, data: bytes) -> "_Token":
        header, payload, signature = data.decode("ascii").split(".")
        text = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
        iat = json.loads(text)["iat"]
        if type(iat) is not int:
            raise TypeError("iat is no number")
        head, _, rest = text.partition(_OPEN)
        packed, _, tail = rest.partition(_CLOSE)
        token = cls(
            header=header,
            head=head + _OPEN,
            packed=packed.decode(),
            tail=_CLOSE + tail,
            signature=signature,
            entries=_inflate(packed.decode()),
            iat=iat,
        )
        if token.join() != data or not text.isascii():
            raise ValueError("it cannot be put together again")
        return token

    @property
    def frame(self) -> bytes:
        """The payload without the value of ``lst``."""
        return self.head + self.tail

    def join(self) -> bytes:
        payload = b64u(self.head + self.packed.encode() + self.tail)
        return f"{self.header}.{payload}.{self.signature}".encode()

    def level(self) -> int:
        """Return with which level our zlib writes these entries in this way."""
        for level in _LEVELS:
            if b64u(zlib.compress(self.entries, level)) == self.packed:
                return level
        raise ValueError("zlib writes it otherwise here")


def _build(new: _Token, level: int, old: _Token, *, at_most: int) -> bytes | None:
    """Return the delta; None if it cannot be, or is larger than that or the format."""
    if len(new.entries) != len(old.entries):
        return None
    both = int.from_bytes(new.entries) ^ int.from_bytes(old.entries)
    first = _shared(old.frame, new.frame)
    last = _shared(old.frame[first:][::-1], new.frame[first:][::-1])
    text = new.frame[first : len(new.frame) - last].decode()
    delta = canonical(
        {
            **({} if new.header == old.header else {"header": new.header}),
            "payload": [first, text, last],
            "level": level,
            "changes": b64u(zlib.compress(both.to_bytes(len(new.entries)), 9)),
            "signature": new.signature,
        }
    )
    return delta if len(delta) <= min(at_most, _MAX_DELTA) else None


def _shared(some: bytes, other: bytes) -> int:
    """Return how many bytes two begin with that are the same."""
    pairs = zip(some, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _inflate(packed: str) -> bytes:
    data = base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4))
    stream = zlib.decompressobj()
    entries = stream.decompress(data, _MAX_ENTRIES)
    if not stream.eof or stream.unused_data:
        raise ValueError("no zlib stream, or too long")
    return entries


def _missing(
    public: Path, repository: Repository, roles: tuple[str, ...], older: int
) -> Iterator[tuple[str, bytes]]:
    """Give every delta that is to lie there: its file, and what is to be in it."""
    for role in roles:
        for name, file in sorted(repository.targets[role].signed.targets.items()):
            digest = file.hashes.get("sha256", "")
            if is_list(name) and _DIGEST.fullmatch(digest):
                yield from _deltas_to(public, name, digest, older)


def _deltas_to(
    public: Path, name: str, digest: str, older: int
) -> Iterator[tuple[str, bytes]]:
    versions = _versions(public, name)
    new = versions.pop(digest, None)
    if new is None:
        return
    length = len(new.join())
    try:
        level = new.level()
    except ValueError:
        return
    past = {each: old for each, old in versions.items() if old.iat < new.iat}
    newest = sorted(past, key=lambda each: (past[each].iat, each), reverse=True)
    for each in newest[:older]:
        delta = _build(new, level, past[each], at_most=length // 2)
        if delta:
            yield delta_file(name, digest, each), delta


def _versions(public: Path, name: str) -> dict[str, _Token]:
    """Read every version of a list that still lies there, by digest."""
    folder, _, base = name.rpartition("/")
    found = {}
    for path in (public / "targets" / folder).glob(f"*.{base}"):
        digest = path.name.removesuffix(f".{base}")
        if _DIGEST.fullmatch(digest) and path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                data = file.read(_MAX_TOKEN)
            if sha256(data).hexdigest() != digest:
                continue  # a copy can be damaged
            try:
                found[digest] = _Token.parse(data)
            except _UNREADABLE:
                continue
    return found


def _write(
    public: Path, files: Iterator[tuple[str, bytes]], *, dry_run: bool
) -> Deltas:
    written, size, kept = [], 0, 0
    for name, data in files:
        path = public / name
        if path.is_file() and path.read_bytes() == data:
            kept += 1
            continue
        if not dry_run:
            replace_file(path, data)
        written.append(name)
        size += len(data)
    return Deltas(written=tuple(written), size=size, kept=kept, is_dry_run=dry_run)
