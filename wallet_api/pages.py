"""The web wallet: files that a browser keeps and works with offline.

They lie in ``wallet_api/web`` as they are, without a build step.  All of one version
have its digest in their address, so that files of two versions never meet on one page;
the page itself names them by ``@/``, and the service worker is told what there is.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Final, Self

from flask import Blueprint, Response, redirect, request
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as BaseResponse

from wallet_api.here import issuer_of
from wallet_api.protocol import Economy

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; manifest-src 'self'; worker-src 'self'; media-src 'self'; "
    "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_DEVICES: Final = "camera=(self), microphone=(), geolocation=()"
_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "css": "text/css; charset=utf-8",
        "html": "text/html; charset=utf-8",
        "js": "text/javascript; charset=utf-8",
        "json": "application/json",
        "png": "image/png",
        "svg": "image/svg+xml",
        "txt": "text/plain; charset=utf-8",
        "webmanifest": "application/manifest+json",
        "woff2": "font/woff2",
    }
)
_PAGE: Final = "index.html"
_WORKER: Final = "sw.js"
_NOT_SERVED: Final = frozenset({_PAGE, _WORKER, "package.json"})
_ON_DEMAND: Final = ("words/", "vendor/qr-LICENSE")
"""Not kept by every phone: texts of other languages, and licences."""
_FOREVER: Final = "public, max-age=31536000, immutable"
_ASK_AGAIN: Final = "no-cache"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebWallet:
    """The files, read once."""

    version: str
    files: Mapping[str, bytes]
    """By path; without the page and the worker."""
    page: bytes
    worker: bytes

    @classmethod
    def load(cls, folder: Traversable) -> Self:
        """Read a folder; where there is none, there are no pages."""
        files = dict(sorted(_files(folder, ""))) if folder.is_dir() else {}
        digest = hashlib.sha256()
        for path, content in files.items():
            digest.update(f"{path}\0{len(content)}\0".encode() + content)
        version = digest.hexdigest()[:16]
        served = {path: each for path, each in files.items() if _is_served(path)}
        kept = [path for path in served if not path.startswith(_ON_DEMAND)]
        told = json.dumps({"version": version, "files": kept})
        return cls(
            version=version,
            files=MappingProxyType(served),
            page=files.get(_PAGE, b"").replace(b'"@/', f'"{version}/'.encode()),
            worker=f"const WALLET = {told};\n".encode() + files.get(_WORKER, b""),
        )

    def routes(self) -> Blueprint:
        """Make the addresses of the pages, below ``/wallet/``."""
        made = Blueprint("pages", __name__)
        made.add_url_rule("/wallet/", "page", self._page)
        made.add_url_rule(f"/wallet/{_WORKER}", "worker", self._worker)
        made.add_url_rule("/wallet/<version>/<path:path>", "file", self._file)
        made.add_url_rule("/", "root", lambda: redirect("/wallet/"))
        made.add_url_rule(f"/{Economy}/", "economy", _economy)
        return made

    def _page(self) -> Response:
        if not self.page:
            raise NotFound
        return _dressed(self.page, "html", _ASK_AGAIN)

    def _worker(self) -> Response:
        if not self.page:
            raise NotFound
        return _dressed(self.worker, "js", _ASK_AGAIN)

    def _file(self, version: str, path: str) -> Response:
        content = self.files.get(path) if version == self.version else None
        if content is None:
            raise NotFound
        return _dressed(content, path.rpartition(".")[2], _FOREVER)


def packaged() -> WebWallet:
    """Read the files that lie in this package."""
    return WebWallet.load(resources.files("wallet_api").joinpath("web"))


def _economy(economy: str) -> BaseResponse:
    issuer_of(economy)
    # What stands behind the mark is for the page alone.
    return redirect(f"/wallet/#at={economy}")


def _files(folder: Traversable, before: str) -> Iterator[tuple[str, bytes]]:
    for each in folder.iterdir():
        if each.is_dir():
            yield from _files(each, f"{before}{each.name}/")
        else:
            yield f"{before}{each.name}", each.read_bytes()


def _is_served(path: str) -> bool:
    return path not in _NOT_SERVED and path.rpartition(".")[2] in _TYPES


def _dressed(content: bytes, ending: str, caching: str) -> Response:
    response = Response(content, content_type=_TYPES[ending])
    response.headers["Cache-Control"] = caching
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Permissions-Policy"] = _DEVICES
    response.set_etag(hashlib.sha256(content).hexdigest()[:32])
    response.make_conditional(request)
    return response
