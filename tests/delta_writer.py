"""Deltas of lists as the specification has them (section 7.4), by its words alone."""

import base64
import hashlib
import json
import zlib
from typing import Any

OPEN, CLOSE = b'"lst":"', b'"'


def delta_of(new: bytes, old: bytes, *, level: int = 9, **changes: Any) -> bytes:
    """What makes ``new`` of ``old``; a member that is changed to None is left out."""
    header, frame, entries, signature = _parts(new)
    old_header, old_frame, old_entries, _ = _parts(old)
    first = _shared(frame, old_frame)
    last = _shared(frame[first:][::-1], old_frame[first:][::-1])
    both = bytes(a ^ b for a, b in zip(entries, old_entries, strict=False))
    members = {
        "header": None if header == old_header else header,
        "payload": [first, frame[first : len(frame) - last].decode(), last],
        "level": level,
        "changes": b64u(zlib.compress(both)),
        "signature": signature,
        **changes,
    }
    kept = {name: value for name, value in members.items() if value is not None}
    return json.dumps(kept).encode()


def delta_path(name: str, new: bytes, old: bytes) -> str:
    """Where it lies, below the folder that a mirror serves."""
    folder, _, base = name.rpartition("/")
    made, of = (hashlib.sha256(each).hexdigest() for each in (new, old))
    number = base.removesuffix(".jwt")
    return f"targets/{folder}/{made}.{number}.from-{of[:16]}.json"


def list_path(name: str, data: bytes) -> str:
    """Where a list lies, below the folder that a mirror serves."""
    folder, _, base = name.rpartition("/")
    return f"targets/{folder}/{hashlib.sha256(data).hexdigest()}.{base}"


def b64u(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _parts(token: bytes) -> tuple[str, bytes, bytes, str]:
    header, payload, signature = token.decode().split(".")
    head, _, rest = _bytes(payload).partition(OPEN)
    packed, _, tail = rest.partition(CLOSE)
    frame = head + OPEN + CLOSE + tail
    return header, frame, zlib.decompress(_bytes(packed.decode())), signature


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _shared(some: bytes, other: bytes) -> int:
    pairs = enumerate(zip(some, other, strict=False))
    least = min(len(some), len(other))
    return next((at for at, (a, b) in pairs if a != b), least)
