"""The desk on the web: one application for phones, and one for the counter.

They are two so that nothing the public reaches can show an answer: put the phones'
behind the house's https, and the counter's where only its staff can come.
"""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from io import BytesIO
from typing import Final
from urllib.parse import urlsplit

from flask import Flask, Response, abort, redirect, render_template, request, url_for
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

import verifier
from examples.desk.answers import MalformedError
from examples.desk.book import Asked, TooManyError
from examples.desk.desk import Desk
from examples.desk.identity import REQUEST_TYPE
from examples.desk.questions import Destination, Purpose, Question
from issuer.plastic.codes import qr_image

MAX_ANSWER: Final = 32 * 1024
"""Bytes of what a phone may send: a card has at most 8,192 characters."""
_MAX_FORM: Final = 4 * 1024
_FORM: Final = "application/x-www-form-urlencoded"
_MAX_NONCE: Final = 256
_MODULE: Final = 5
_PHONES_MAY: Final = "default-src 'none'; frame-ancestors 'none'"
_COUNTER_MAY: Final = (
    "default-src 'none'; img-src 'self'; style-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
_OWN: Final = {None, "same-origin", "none"}
"""What a browser says of a form that our own page sends; old ones say nothing."""
_THIS_MACHINE: Final = ("127.0.0.1", "localhost")
Clock = Callable[[], datetime]


def phones_app(desk: Desk, clock: Clock) -> Flask:
    """Make what phones reach: requests are fetched, answers are posted."""
    app = Flask(__name__, static_folder=None)
    app.config.update(
        TRUSTED_HOSTS=[urlsplit(desk.url).hostname], MAX_CONTENT_LENGTH=MAX_ANSWER
    )
    app.after_request(_dressed_for(_PHONES_MAY))
    app.after_request(_for_any_page)

    @app.errorhandler(HTTPException)
    def refuse(error: HTTPException) -> tuple[dict[str, str], int]:
        code = error.code or 500
        return {"error": "invalid_request" if code < 500 else "server_error"}, code

    @app.route("/request/<request_id>", methods=["GET", "POST"])
    def request_object(request_id: str) -> Response:
        signed = desk.request(request_id, _wallet_nonce(), clock())
        if signed is None:
            abort(404)
        return Response(signed, mimetype=f"application/{REQUEST_TYPE}")

    @app.post("/response")
    def response() -> dict[str, str]:
        if request.mimetype != _FORM:
            abort(400)
        try:
            answer = desk.read(request.form.to_dict(flat=False), clock())
        except MalformedError:
            abort(400)
        if not desk.receive(answer, clock()):
            abort(400)
        # The phone is not told what was decided: that is for the counter.
        return {}

    return app


def counter_app(
    desk: Desk,
    destinations: dict[str, Destination],
    purpose: Purpose,
    clock: Clock,
    *,
    hosts: Sequence[str] = (),
) -> Flask:
    """Make what the staff see: a form, a code to scan, and the answer.

    Args:
        desk: Whose.
        destinations: By code; the first is offered first.
        purpose: What is asked.
        clock: What time it is.
        hosts: Names that the page has besides those of this machine for itself.
    """
    app = Flask(__name__)
    app.config.update(
        TRUSTED_HOSTS=[*_THIS_MACHINE, *hosts], MAX_CONTENT_LENGTH=_MAX_FORM
    )
    app.after_request(_dressed_for(_COUNTER_MAY))

    @app.get("/")
    def ask() -> str:
        return _form(destinations, purpose, "")

    @app.post("/")
    def asked() -> AnyResponse | tuple[str, int]:
        if request.headers.get("Sec-Fetch-Site") not in _OWN:
            abort(403)
        try:
            question = _question(destinations, purpose)
        except ValueError as error:
            return _form(destinations, purpose, str(error)), 400
        try:
            opened = desk.book.open(question, clock())
        except TooManyError:
            abort(503)
        return redirect(url_for("show", ticket=opened.ticket), 303)

    @app.get("/asked/<ticket>")
    def show(ticket: str) -> Response:
        found = _found(desk, ticket, clock())
        is_over = clock() >= found.expires_at
        page = render_template(
            "asked.html", asked=found, link=desk.link(found), is_over=is_over
        )
        answer = Response(page)
        if found.outcome is None and not is_over:
            answer.headers["Refresh"] = "2"
        return answer

    @app.get("/asked/<ticket>/code.png")
    def code(ticket: str) -> Response:
        picture = BytesIO()
        found = _found(desk, ticket, clock())
        qr_image(desk.link(found), module_pixels=_MODULE).save(picture, format="PNG")
        return Response(picture.getvalue(), mimetype="image/png")

    return app


def _wallet_nonce() -> str | None:
    values = request.form.getlist("wallet_nonce")
    if not values:
        return None
    (nonce, *others) = values
    if others or not 0 < len(nonce) <= _MAX_NONCE or not nonce.isascii():
        abort(400)
    return nonce


def _question(destinations: dict[str, Destination], purpose: Purpose) -> Question:
    destination = destinations.get(request.form.get("destination", ""))
    if destination is None:
        raise ValueError("Choose a destination.")
    lines = request.form.get("passport", "").strip()
    return Question(
        purpose=purpose,
        destination=destination,
        passport=verifier.Passport.from_mrz(lines) if lines else None,
        arrival=_arrival() if purpose is Purpose.JOURNEY else None,
    )


def _arrival() -> date | None:
    try:
        return date.fromisoformat(request.form.get("arrival", ""))
    except ValueError:
        return None


def _form(destinations: dict[str, Destination], purpose: Purpose, problem: str) -> str:
    return render_template(
        "ask.html",
        destinations=destinations.values(),
        is_airline=purpose is not Purpose.HOTEL,
        has_day=purpose is Purpose.JOURNEY,
        problem=problem,
    )


def _found(desk: Desk, ticket: str, now: datetime) -> Asked:
    found = desk.book.seen(ticket, now)
    if found is None:
        abort(404)
    return found


def _for_any_page(response: Response) -> Response:
    """Let a wallet that is a page read the request, and that its answer arrived.

    What is here is for whoever has its address, and no cookie makes it anybody's.
    """
    response.headers["Access-Control-Allow-Origin"] = "*"
    return response


def _dressed_for(policy: str) -> Callable[[Response], Response]:
    def dress(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = policy
        response.headers["Cache-Control"] = "no-store"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    return dress
