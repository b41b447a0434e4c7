"""The desk's page and API: thin, behind the console's own guards."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final, cast

from flask import (
    Blueprint,
    Flask,
    Response,
    current_app,
    jsonify,
    redirect,
    request,
    send_from_directory,
)
from werkzeug.wrappers import Response as BaseResponse

from .. import failures, guards
from ..codes import Fault
from ..failures import RefusedError
from ..frames import Frames
from ..here import COOKIE, NAME
from ..requests import members, text
from ..session import Session
from . import passengers, words
from .counter import Counter, Told
from .passengers import ListError
from .questions import parse_question

MAX_BODY: Final = passengers.MAX_BYTES + 2**20
"""Bytes of the largest request: a list, written as JSON."""
_MAX_SMALL: Final = 64 * 2**10
_MAX_FRAME: Final = 8 * 2**20
_LIMITS: Final = {"api.list_of": MAX_BODY, "api.frame": _MAX_FRAME}
_CONSOLE: Final = "console"
_PAGE: Final = "index.html"
_NDJSON: Final = "application/x-ndjson"
api: Final = Blueprint(guards.API, __name__, url_prefix="/api")


class DeskSession(Session):
    """Lets several in that have opened an address; nothing here belongs to one."""

    def is_active(self, token: str) -> bool:
        """Tell whether this browser, or program, was let in."""
        return self.is_known(token)


@dataclass(slots=True, kw_only=True)
class Parts:
    """What a request finds; the guards look at port and session."""

    version: str
    port: int
    session: Session
    counter: Counter
    frames: Frames


def make_app(parts: Parts) -> Flask:
    """Make the web application of a desk."""
    app = Flask(__name__, static_folder=None)
    app.config.update(PROPAGATE_EXCEPTIONS=False, MAX_CONTENT_LENGTH=_MAX_SMALL)
    app.extensions[NAME] = parts
    failures.install(app)
    app.register_error_handler(ListError, _unreadable)
    app.before_request(_allow_body)
    guards.install(app)
    app.register_blueprint(api)
    app.add_url_rule("/start", view_func=start)
    app.add_url_rule("/", view_func=page, defaults={"path": _PAGE})
    app.add_url_rule(f"/{_CONSOLE}/<path:path>", view_func=shared)
    app.add_url_rule("/<path:path>", view_func=page)
    return app


def _here() -> Parts:
    return cast(Parts, current_app.extensions[NAME])


def _allow_body() -> None:
    request.max_content_length = _LIMITS.get(request.endpoint or "", _MAX_SMALL)


def _unreadable(error: ListError) -> Response:
    return failures.refusal(422, Fault.MALFORMED, str(error))


def start() -> BaseResponse:
    """Let the browser, or the program, in that shows the start key."""
    token = _here().session.start(request.args.get("key", ""))
    if token is None:
        raise RefusedError(403, Fault.START_KEY, "this address has been used")
    response = redirect("/", 303)
    response.set_cookie(COOKIE, token, httponly=True, samesite="Strict", path="/")
    return response


def page(path: str) -> Response:
    """Hand out a file of the desk's pages."""
    return send_from_directory(_folder("web"), path)


def shared(path: str) -> Response:
    """Hand out a file that the desk's pages share with the console's."""
    return send_from_directory(_folder("../web"), path)


def _folder(name: str) -> Path:
    return Path(str(resources.files(__package__).joinpath(name))).resolve()


@api.get("/state")
def state() -> Response:
    """Tell of when the data is, and what day it is at each destination."""
    counter = _here().counter
    return jsonify(
        {
            "version": _here().version,
            "now": counter.now().isoformat(timespec="seconds"),
            "languages": list(words.languages()),
            "today": counter.today(),
            "data": counter.data(),
            "register": counter.register is not None,
        }
    )


@api.get("/words/<language>")
def words_of(language: str) -> Response:
    """Return all words of a language."""
    try:
        return jsonify(words.words(language))
    except KeyError:
        raise RefusedError(404, Fault.NOT_FOUND) from None


@api.post("/answers")
def ask() -> Response:
    """Answer one question."""
    question = parse_question(request.get_data())
    return jsonify(_here().counter.ask(question))


@api.post("/frame")
def frame() -> Response:
    """Read the codes of a picture, for browsers that cannot."""
    width = height = 0
    if request.mimetype == "application/octet-stream":  # grey pixels
        width, height = (
            request.args.get(name, -1, type=int) for name in ("width", "height")
        )
    codes = _here().frames.read(request.get_data(), width=width, height=height)
    return jsonify({"codes": codes})


@api.post("/lists")
def list_of() -> Response:
    """Answer a list, row by row, as lines of JSON; the last holds the CSV file."""
    found = members(request.get_data(), required=["csv"])
    table = text(found, "csv", most=passengers.MAX_BYTES)
    count, answers = _here().counter.ask_all(table.encode())
    return Response(_lines(count, answers), mimetype=_NDJSON)


def _lines(count: int, answers: Iterator[Told]) -> Iterator[str]:
    yield _line({"rows": count})
    results = []
    for each in answers:
        results.append(each)
        yield _line(each)
    yield _line({"csv": passengers.as_csv(results)})


def _line(value: Told) -> str:
    return f"{json.dumps(value, ensure_ascii=False)}\n"
