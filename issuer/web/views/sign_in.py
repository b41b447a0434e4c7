"""Signing in: password or the ministry's sign-on, then a second factor."""

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import urlsplit

from flask import Response, current_app, redirect, request, url_for
from werkzeug.exceptions import NotFound, TooManyRequests

from issuer import sessions, totp
from issuer.errors import Conflict, Invalid, NotProven
from issuer.errors import Forbidden as ForbiddenByRule
from issuer.sessions import Visitor
from issuer.sign_on import Pending, SignOnClient
from issuer.web import cookies
from issuer.web.access import EVERYBODY, SIGNED_IN, Pages
from issuer.web.forms import Form
from issuer.web.here import (
    actor,
    go_to,
    is_local,
    now,
    render,
    signed_in,
    site,
    visitor,
)
from issuer.web.limits import Limit
from issuer.web.pictures import qr_code

pages = Pages("sign_in")
NEXT: Final = "next"
CHALLENGE: Final = "challenge"
SEALED: Final = "totp"
_PENDING: Final = "sign_on"
_WRONG: Final = (
    "Login, password or code is not right, or the account waits after several tries. "
    "Check what you typed; after five tries wait a minute."
)
_USED: Final = "This code is not right, or was used already. Wait for the next one."
_NO_PASSKEY: Final = "The passkey was not accepted. Try again, or use another way."
_LINKED: Final = (
    "Your ministry's sign-on did not say who you are, or no account here is linked to "
    "you. An administrator of your economy can link it."
)


@pages.at("/sign-in", EVERYBODY, methods=("GET", "POST"))
def password() -> Response:
    """Ask for login and password."""
    if signed_in() is not None:
        return go_to("start.index")
    form = Form.read()
    if request.method == "POST":
        _take_try()
        try:
            number = site().entrance.password(
                form.get("login").strip().lower(), form.get("password"), now=now()
            )
        except NotProven:
            form.refuse("", _WRONG)
        else:
            return _half_way(number)
    return _with(form, "sign_in/password.html")


@pages.at("/sign-in/first", EVERYBODY, methods=("GET", "POST"))
def first() -> Response:
    """Take a one-time code, and a password for next time."""
    form = Form.read()
    if request.method == "POST":
        _take_try()
        number = _first(form)
        if number is not None:
            return _half_way(number)
    return _with(form, "sign_in/first.html")


@pages.at("/sign-in/ministry", EVERYBODY, methods=("POST",))
def ministry() -> Response:
    """Send the browser to the ministry's own sign-on."""
    _take_try()
    client = _sign_on()
    pending = Pending.new()
    state = {_PENDING: pending.fields(), NEXT: _next()}
    cookies.begin(account_id=None, is_signed_in=False, state=state)
    address = client.begin(client.discover(), pending)
    # A page, not a redirect: browsers hold a form's redirects to form-action.
    return render("sign_in/away.html", address=address, host=urlsplit(address).hostname)


@pages.at("/sign-in/ministry/back", EVERYBODY)
def ministry_back() -> Response:
    """Take what the browser brings back from the ministry's sign-on."""
    client, who = _sign_on(), visitor()
    form = Form()
    pending = (
        sessions.take(site().office.store, who, _PENDING, now=now()) if who else None
    )
    if pending is None:
        form.refuse("", _LINKED)
        return _with(form, "sign_in/password.html")
    try:
        subject = client.finish(request.args, Pending(**pending), now=now())
        number = site().entrance.signed_on(subject, client.settings.economy, now=now())
    except NotProven:
        form.refuse("", _LINKED)
        return _with(form, "sign_in/password.html")
    return _half_way(number)


@pages.at("/sign-in/factor", EVERYBODY, methods=("GET", "POST"))
def factor() -> Response:
    """Ask for a code of the authenticator app, or offer a passkey."""
    half = _half()
    if half is None:
        return go_to("sign_in.password")
    form = Form.read()
    factors = site().entrance.factors(half.number)
    if request.method == "POST" and _show_factor(half, form):
        return _arrived(half)
    if not factors:
        return go_to("sign_in.enrol")
    question = None
    if factors.passkeys:
        challenge = remember_challenge(half.visitor)
        question = site().entrance.passkeys.question(
            challenge=challenge, known=factors.credential_ids
        )
    return _with(
        form, "sign_in/factor.html", has_totp=factors.has_totp, question=question
    )


@pages.at("/sign-in/enrol", EVERYBODY, methods=("GET", "POST"))
def enrol() -> Response:
    """Set up the second factor that an account must have."""
    half = _half()
    if half is None:
        return go_to("sign_in.password")
    if site().entrance.factors(half.number):
        return go_to("sign_in.factor")
    form = Form.read()
    if request.method == "POST" and add_factor(half.visitor, half.number, form):
        return _arrived(half)
    return offer_factors(half.visitor, half.number, form, "sign_in/enrol.html")


@pages.at("/sign-out", SIGNED_IN, methods=("POST",))
def sign_out() -> Response:
    """End the session."""
    who = signed_in()
    if who is not None:
        site().entrance.signed_out(actor().account_id, now=now())
        sessions.end(site().office.store, who, now=now())
    cookies.forget()
    return go_to("sign_in.password")


def offer_factors(who: Visitor, number: int, form: Form, template: str) -> Response:
    """Show a page on which a second factor can be set up.

    The secret of an authenticator app stays the same while somebody mistypes its code.
    """
    sealed = who.state.get(SEALED)
    if sealed is None:
        sealed = site().entrance.seal_totp(number, totp.new_secret())
    secret = site().entrance.pending_totp(number, sealed)
    challenge = secrets.token_bytes(32)
    remember(who, {SEALED: sealed, CHALLENGE: _text(challenge)})
    login = _login(who)
    options = site().entrance.passkeys.registration(
        account_id=number,
        login=login,
        challenge=challenge,
        known=site().entrance.factors(number).credential_ids,
    )
    groups = [secret[at : at + 4] for at in range(0, len(secret), 4)]
    return _with(
        form,
        template,
        secret=" ".join(groups),
        picture=qr_code(totp.address(secret, login)),
        question=options,
        factors=site().entrance.factors(number),
    )


def add_factor(who: Visitor, number: int, form: Form) -> bool:
    """Set up the factor that a form brings; False with the problem in the form."""
    entrance, sealed = site().entrance, who.state.get(SEALED)
    challenge = _challenge(who)
    if sealed is None:  # the page was never shown to this session
        return False
    try:
        if form.get("passkey"):
            entrance.add_passkey(
                number,
                form.get("passkey"),
                label=form.get("label"),
                expected_challenge=challenge,
                now=now(),
            )
        else:
            entrance.add_totp(number, sealed, form.get("code"), now=now())
    except NotProven:
        if form.get("passkey"):
            form.refuse("", "The passkey could not be made. Try again.")
        else:
            form.refuse("code", "This is not the code that the app shows now.")
        return False
    except (Conflict, ForbiddenByRule) as error:
        form.take(error)
        return False
    return True


def remember(who: Visitor, values: dict[str, Any]) -> None:
    """Keep something in a session, beside what it has."""
    sessions.remember(site().office.store, who, {**who.state, **values}, now=now())


def remember_challenge(who: Visitor) -> bytes:
    """Draw a challenge for a passkey, in place of any before."""
    challenge = secrets.token_bytes(32)
    remember(who, {CHALLENGE: _text(challenge)})
    return challenge


@dataclass(frozen=True, slots=True, kw_only=True)
class _Half:
    """Somebody who still has to show a second factor."""

    visitor: Visitor
    number: int


def _half() -> _Half | None:
    who = visitor()
    if who is None or who.actor is None or who.signed_in_at is not None:
        return None
    return _Half(visitor=who, number=who.actor.account_id)


def _half_way(number: int) -> Response:
    before = visitor()
    target = (before.state.get(NEXT) if before else None) or _next()
    cookies.begin(account_id=number, is_signed_in=False, state={NEXT: target})
    return go_to("sign_in.factor")


def _arrived(half: _Half) -> Response:
    target = half.visitor.state.get(NEXT, "")
    cookies.begin(account_id=half.number, is_signed_in=True)
    address = target if is_local(target) else url_for("start.index")
    return cast(Response, redirect(address, 303))


def _show_factor(half: _Half, form: Form) -> bool:
    _take_try()
    entrance, answer = site().entrance, form.get("passkey")
    try:
        if answer:
            entrance.passkey(
                half.number,
                answer,
                expected_challenge=_challenge(half.visitor),
                now=now(),
            )
        else:
            entrance.totp(half.number, form.get("code"), now=now())
    except NotProven:
        form.refuse("" if answer else "code", _NO_PASSKEY if answer else _USED)
        return False
    return True


def _challenge(who: Visitor) -> bytes:
    """Return the challenge that was set, which is good once; else one nobody met."""
    kept = sessions.take(site().office.store, who, CHALLENGE, now=now())
    return urlsafe_b64decode(kept) if kept else secrets.token_bytes(32)


def _first(form: Form) -> int | None:
    if form.get("password") != form.get("again"):
        form.refuse("again", "The two passwords are not the same.")
        return None
    try:
        return site().entrance.first(
            form.get("login").strip().lower(),
            form.get("code"),
            form.get("password"),
            now=now(),
        )
    except Invalid as error:
        form.take(error)
    except NotProven:
        form.refuse("", _WRONG)
    return None


def _with(form: Form, template: str, **values: Any) -> Response:
    return render(
        template,
        status=form.status,
        form=form,
        next=_next(),
        sign_on=site().sign_on is not None,
        **values,
    )


def _next() -> str:
    target = request.values.get(NEXT, "")
    return target if is_local(target) else ""


def _take_try() -> None:
    limit = cast(Limit, current_app.extensions[Limit.NAME])
    if not limit.allows(request.remote_addr or "", now=now()):
        raise TooManyRequests


def _sign_on() -> SignOnClient:
    client = site().sign_on
    if client is None:
        raise NotFound
    return client


def _login(who: Visitor) -> str:
    return who.actor.login if who.actor else ""


def _text(challenge: bytes) -> str:
    return urlsafe_b64encode(challenge).decode()
