"""Deltas of lists: a new list out of an old one (specification, section 7.4).

Nothing here is signed or trusted. What comes out counts only if its length and digest
are those that TUF has signed, so a delta can save bytes and can do nothing else.
"""

import hashlib
import zlib
from dataclasses import dataclass

from . import _b64, _json
from ._signed_list import MAX_TOKEN
from ._status import inflate

MAX_DELTA = 16 * 1024
"""Bytes."""
_MAX_ENTRIES = 2**18
"""Bytes of inflated entries: 2**20 entries of two bits."""
_LEVELS = range(10)
"""Of zlib."""
_OPEN, _CLOSE = b'"lst":"', b'"'
"""What stands around the entries in a payload."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Delta:
    header: str | None
    """None for that of the old list."""
    first: int
    """How many bytes of the old frame the new one begins with."""
    text: str
    """What follows on them."""
    last: int
    """And how many bytes of the old frame it ends with."""
    level: int
    changes: bytes
    """zlib stream of old entries XOR new entries."""
    signature: str


def delta_name(name: str, new: str, old: bytes) -> str:
    """Return where a delta lies, below ``targets``.

    Args:
        name: Name of the list, which ends in ``.jwt``.
        new: SHA-256 of the list that it makes, hexadecimal.
        old: The list that it makes it of.
    """
    folder, _, base = name.rpartition("/")
    number = base.removesuffix(".jwt")
    digest = hashlib.sha256(old).hexdigest()
    return f"{folder}/{new}.{number}.from-{digest[:16]}.json"


def apply_delta(delta: bytes, old: bytes) -> bytes | None:
    """Make a new list of an old one, or nothing of a delta that does not fit.

    Args:
        delta: Whatever a source has sent; at most 16 KiB.
        old: A list that the device has; at most 4 MiB.

    Returns:
        Some bytes, of which nothing is known until they have been compared with what
        is signed; None if these two make nothing.
    """
    if len(delta) > MAX_DELTA or len(old) > MAX_TOKEN:
        return None
    try:
        return _apply(_parse(delta), old)
    except ValueError:
        return None


def _apply(delta: _Delta, old: bytes) -> bytes:
    header, payload, _ = old.decode("ascii").split(".")
    head, _, rest = _b64.decode(payload).partition(_OPEN)
    packed, _, tail = rest.partition(_CLOSE)
    frame = head + _OPEN + _CLOSE + tail
    if delta.first > len(frame) or delta.last > len(frame):
        raise ValueError("the old list is shorter")
    kept = frame[: delta.first], frame[len(frame) - delta.last :]
    head, _, tail = delta.text.encode().join(kept).partition(_OPEN)
    entries = inflate(_b64.decode(packed.decode()), _MAX_ENTRIES)
    changes = inflate(delta.changes, len(entries))
    if len(changes) != len(entries):
        raise ValueError("the lists are not equally long")
    packed = _b64.encode(zlib.compress(_xor(entries, changes), delta.level)).encode()
    payload = _b64.encode(head + _OPEN + packed + tail)
    first = header if delta.header is None else delta.header
    return f"{first}.{payload}.{delta.signature}".encode()


def _parse(data: bytes) -> _Delta:
    value = _json.parse_object(data)
    match value.get("payload"):
        case [int(first), str(text), int(last)] if first >= 0 and last >= 0:
            pass
        case _:
            raise ValueError("payload is not two numbers around a text")
    level = value.get("level")
    if type(level) is not int or level not in _LEVELS:
        raise ValueError("level is not from 0 to 9")
    return _Delta(
        header=_text(value, "header") if "header" in value else None,
        first=first,
        text=text,
        last=last,
        level=level,
        changes=_b64.decode(_text(value, "changes")),
        signature=_text(value, "signature"),
    )


def _text(value: dict[str, object], name: str) -> str:
    found = value.get(name)
    if not isinstance(found, str):
        raise ValueError(f"{name} is not text")
    return found


def _xor(some: bytes, other: bytes) -> bytes:
    """Combine two of equal length, as whole numbers: it takes microseconds."""
    number = int.from_bytes(some) ^ int.from_bytes(other)
    return number.to_bytes(len(some))
