"""Put the console together."""

from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Final

from flask import Flask, Response, redirect, request, send_from_directory
from werkzeug.wrappers import Response as BaseResponse

from ..errors import TrustError
from ..trust import Trust
from . import failures, guards
from .codes import Fault
from .failures import RefusedError
from .guide import blueprint
from .here import COOKIE, NAME, Console, console
from .views import api

MAX_BODY: Final = 32 * 2**20
"""Bytes of the largest request: a bundle of trust data."""
MAX_SMALL_BODY: Final = 64 * 2**10
"""Bytes of any other, but for a frame."""
MAX_FRAME: Final = 8 * 2**20
_LIMITS: Final = {"api.frame": MAX_FRAME, "api.update_file": MAX_BODY}
_WEB: Final = "web"
_PAGE: Final = "index.html"


def make_app(parts: Console) -> Flask:
    """Make the web application of a console.

    Args:
        parts: What it consists of; nothing here reads a clock or the environment.
    """
    app = Flask(__name__, static_folder=None)
    app.config.update(PROPAGATE_EXCEPTIONS=False, MAX_CONTENT_LENGTH=MAX_SMALL_BODY)
    app.extensions[NAME] = parts
    failures.install(app)
    app.before_request(_allow_body)
    guards.install(app)
    app.register_blueprint(api)
    app.register_blueprint(blueprint(_trust_of(parts), now=parts.device.clocks.now))
    app.add_url_rule("/start", view_func=start)
    app.add_url_rule("/", view_func=page, defaults={"path": _PAGE})
    app.add_url_rule("/<path:path>", view_func=page)
    return app


def _allow_body() -> None:
    request.max_content_length = _LIMITS.get(request.endpoint or "", MAX_SMALL_BODY)


def start() -> BaseResponse:
    """Let the browser in that shows the start key."""
    token = console().session.start(request.args.get("key", ""))
    if token is None:
        raise RefusedError(403, Fault.START_KEY, "this address has been used")
    response = redirect("/", 303)
    response.set_cookie(COOKIE, token, httponly=True, samesite="Strict", path="/")
    return response


def page(path: str) -> Response:
    """Hand out a file of the pages; they hold nothing of anybody."""
    place = resources.files(__package__).joinpath(_WEB)
    return send_from_directory(Path(str(place)), path)


def _trust_of(parts: Console) -> Callable[[], Trust | None]:
    def trust_of() -> Trust | None:
        try:
            return parts.device.load()
        except TrustError:
            return None

    return trust_of
