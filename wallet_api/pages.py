"""The web wallet's files, as a server hands them out.

Every file but the page itself and its service worker has a digest of all files in its
address: it may be kept for ever, and files of two versions never meet on one page.
"""

import gzip
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Final

POLICY: Final = (
    "default-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; object-src 'none'"
)
"""What the pages may load and do (``Content-Security-Policy``); see `policy_with`."""
DEVICES: Final = "camera=(self), microphone=(), geolocation=()"
"""What of the phone they may ask for (``Permissions-Policy``): an officer's code."""
PLACE: Final = '"@/'
"""Before which files stand in the page, until it is known which version they are."""

_PAGE = "index.html"
_WORKER = "sw.js"
_TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "png": "image/png",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
    "webmanifest": "application/manifest+json",
}
_FOR_TOOLS = "package.json"
_ON_DEMAND = ("words/", "icons/icon-", "desk/")
"""What a phone fetches when it needs it: its own language, the pictures of an icon, and
what answers desks, which ask over the network only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebFile:
    """One answer: ``zipped`` is ``body`` for whoever accepts gzip.

    ``is_immutable``: the address names the content, so that it can be kept for a year.
    Anything else is to be asked for again each time (``no-cache``).
    """

    body: bytes
    zipped: bytes
    content_type: str
    is_immutable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WebWallet:
    """All files by what stands after ``/wallet/`` in their address; the page is ``""``.

    ``version`` is a digest of them all, 16 hexadecimal digits.
    """

    version: str
    files: Mapping[str, WebFile]


def policy_with(origins: Sequence[str]) -> str:
    """Return what the pages may load and do where they may also answer desks.

    Args:
        origins: Of the desks; decision 0034 says why they are named.
    """
    if not origins:
        return POLICY
    return f"{POLICY}; connect-src 'self' {' '.join(origins)}"


def load() -> WebWallet:
    """Read the files that came with this package."""
    sources = dict(_walk(files("wallet_api") / "web", ""))
    version = _digest(sources)
    page = sources.pop(_PAGE).replace(PLACE.encode(), f'"{version}/'.encode())
    kept = sorted(path for path in sources if _is_kept(path))
    worker = _first_line(version, kept) + sources.pop(_WORKER)
    found = {
        f"{version}/{path}": _web_file(path, body) for path, body in sources.items()
    }
    found[""] = _web_file(_PAGE, page, is_immutable=False)
    found[_WORKER] = _web_file(_WORKER, worker, is_immutable=False)
    return WebWallet(version=version, files=MappingProxyType(found))


def _walk(folder: Traversable, before: str) -> list[tuple[str, bytes]]:
    found = []
    for each in folder.iterdir():
        path = before + each.name
        if each.is_dir():
            found += _walk(each, f"{path}/")
        elif path != _FOR_TOOLS:
            found.append((path, each.read_bytes()))
    return sorted(found)


def _digest(sources: Mapping[str, bytes]) -> str:
    whole = hashlib.sha256()
    for path, body in sources.items():
        whole.update(hashlib.sha256(path.encode()).digest())
        whole.update(hashlib.sha256(body).digest())
    return whole.hexdigest()[:16]


def _is_kept(path: str) -> bool:
    return path != _WORKER and not path.startswith(_ON_DEMAND) and path[-4:] != ".txt"


def _first_line(version: str, kept: list[str]) -> bytes:
    told = json.dumps({"version": version, "files": kept})
    return f"const WALLET = {told};\n".encode()


def _web_file(path: str, body: bytes, *, is_immutable: bool = True) -> WebFile:
    return WebFile(
        body=body,
        # Without a time in it, the same file is the same bytes after every start.
        zipped=gzip.compress(body, mtime=0),
        content_type=_TYPES[path.rsplit(".", 1)[-1]],
        is_immutable=is_immutable,
    )
