"""Addresses of the web wallet's files, below ``/wallet/``."""

import hashlib
from functools import cache
from importlib import resources
from typing import Final

from flask import Blueprint, Response, redirect, request
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as BaseResponse

from wallet_api.here import issuer_of, site
from wallet_api.pages import DEVICES, WebFile, WebWallet, load, policy_with
from wallet_api.protocol import Economy

_FOREVER: Final = "public, max-age=31536000, immutable"
_ASK_AGAIN: Final = "no-cache"


@cache
def packaged() -> WebWallet | None:
    """Return the web wallet in this package; None where it was left out."""
    folder = resources.files("wallet_api").joinpath("web")
    return load() if folder.is_dir() else None


def routes_of(wallet: WebWallet | None) -> Blueprint:
    """Make the addresses of a web wallet; without one, they lead nowhere."""
    made = Blueprint("pages", __name__)

    def file(path: str) -> Response:
        found = wallet.files.get(path) if wallet else None
        if found is None:
            raise NotFound
        return _dressed(found)

    made.add_url_rule("/wallet/", "page", lambda: file(""))
    made.add_url_rule("/wallet/<path:path>", "file", file)
    made.add_url_rule("/", "root", lambda: redirect("/wallet/"))
    made.add_url_rule(f"/{Economy}/", "economy", _economy)
    return made


def _economy(economy: str) -> BaseResponse:
    issuer_of(economy)
    # What stands behind the mark is for the page alone.
    return redirect(f"/wallet/#at={economy}")


def _dressed(file: WebFile) -> Response:
    is_zipped = request.accept_encodings.quality("gzip") > 0
    body = file.zipped if is_zipped else file.body
    response = Response(body, content_type=file.content_type)
    if is_zipped:
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Vary"] = "Accept-Encoding"
    response.headers["Cache-Control"] = _FOREVER if file.is_immutable else _ASK_AGAIN
    desks = site().settings.wallet.desks
    response.headers["Content-Security-Policy"] = policy_with(
        desks.origins if desks else ()
    )
    response.headers["Permissions-Policy"] = DEVICES
    response.set_etag(hashlib.sha256(body).hexdigest()[:32])
    response.make_conditional(request)
    return response
