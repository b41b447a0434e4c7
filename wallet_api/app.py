"""Put the wallet's server together."""

from typing import Final

from flask import Flask, Response, request
from werkzeug.exceptions import TooManyRequests
from werkzeug.http import http_date
from werkzeug.middleware.proxy_fix import ProxyFix

from issuer.holding import Holders
from issuer.office import Office
from wallet_api import failures, own, protocol
from wallet_api.here import NAME, Site, now, site
from wallet_api.pace import Pace
from wallet_api.pages import WebWallet
from wallet_api.settings import Settings
from wallet_api.web_pages import packaged, routes_of

MAX_BODY: Final = 32 * 1024
"""Bytes of a request; the largest has a proof in it."""
_POLICY: Final = "default-src 'none'; frame-ancestors 'none'"
_YEAR: Final = 365 * 24 * 60 * 60
_UNCOUNTED: Final = frozenset({"pages", None})
"""Files cost nothing, and a browser fetches dozens at once."""


def make_app(
    office: Office, *, settings: Settings, pages: WebWallet | None = None
) -> Flask:
    """Make the web application of an open office for holders' phones.

    Args:
        office: The open installation.
        settings: How it is reached.
        pages: The web wallet; by default the one in this package.
    """
    wallet = settings.wallet
    app = Flask(__name__, static_folder=None)
    app.config.update(
        TRUSTED_HOSTS=list(wallet.hosts),
        MAX_CONTENT_LENGTH=MAX_BODY,
        PROPAGATE_EXCEPTIONS=False,
    )
    app.extensions[NAME] = Site(
        office=office,
        settings=settings,
        holders=Holders(office=office, key=settings.key),
        pace=Pace(per_address=wallet.per_address, overall=wallet.overall),
    )
    failures.install(app)
    app.before_request(_check)
    app.after_request(_dress)
    app.register_blueprint(protocol.routes)
    app.register_blueprint(own.routes)
    app.register_blueprint(routes_of(pages or packaged()))
    if wallet.proxies:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=wallet.proxies, x_proto=wallet.proxies, x_host=0
        )
    return app


def _check() -> None:
    # Flask compares with TRUSTED_HOSTS only where somebody asks for the name.
    _ = request.host
    if request.blueprint in _UNCOUNTED:
        return
    wait = site().pace.wait(request.remote_addr or "", now=now())
    if wait:
        raise TooManyRequests(retry_after=wait)


def _dress(response: Response) -> Response:
    headers = response.headers
    headers.setdefault("Content-Security-Policy", _POLICY)
    headers.setdefault("Cache-Control", "no-store")  # files say otherwise
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "no-referrer"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    # Phones set their clocks by it.
    headers["Date"] = http_date(now())
    if site().settings.wallet.secure:
        headers["Strict-Transport-Security"] = f"max-age={_YEAR}; includeSubDomains"
    return response
