"""Where applicants come in: what this is, and signing in by a code in the mail."""

from datetime import timedelta
from math import ceil
from typing import Final

from flask import Response, current_app, request
from werkzeug.exceptions import TooManyRequests

from issuer.errors import NotProven, TooMany
from issuer.intake.fields import is_email
from issuer.pace import source_of
from issuer.portal import accounts
from issuer.web.forms import Form
from issuer.web.here import go_to, is_local, now, redirect_to, site
from issuer.web.limits import Limit
from issuer.web.portal import cookies
from issuer.web.portal.here import economy, mail, render, visitor
from issuer.web.portal.pages import EVERYBODY, SIGNED_IN, PortalPages
from issuer.web.portal.words import w

pages = PortalPages("apply")
LIMIT: Final = "abtc-portal-limit"
TRIES: Final = 20
"""Addresses and codes from one place within `WITHIN`."""
WITHIN: Final = timedelta(minutes=10)
_HOME: Final = "apply.index"


@pages.at("/", EVERYBODY, navigation="navigation.start")
def index() -> Response:
    """Say what this is."""
    return render("apply/index.html")


@pages.at("/sign-in", EVERYBODY, methods=("GET", "POST"))
def sign_in() -> Response:
    """Ask for an address, and send a code to it."""
    form = Form.read()
    if request.method == "GET":
        form.values["next"] = request.args.get("next", "")
        return _page("apply/sign_in.html", form)
    email = form.get("email").strip()
    if not is_email(email):
        form.refuse("email", w("problem.email.form"))
        return _page("apply/sign_in.html", form)
    _count()
    try:
        token = accounts.ask_code(
            site().office.store,
            site().settings.key,
            economy=economy(),
            email=email,
            place=source_of(request.remote_addr or ""),
            known=cookies.known(),
            queue=mail(),
            now=now(),
        )
    except TooMany as error:
        minutes = ceil(error.wait / timedelta(minutes=1))
        form.refuse("email", w("problem.codes", minutes=minutes), status=429)
        return _page("apply/sign_in.html", form)
    cookies.begin(token)
    return go_to("apply.code", next=_next(form) or None)


@pages.at("/code", EVERYBODY, methods=("GET", "POST"))
def code() -> Response:
    """Take the code."""
    form, who = Form.read(), visitor()
    if who is None:
        return go_to("apply.sign_in", next=request.args.get("next"))
    if who.applicant_id is not None:
        return go_to(_HOME)
    if request.method == "GET":
        form.values["next"] = request.args.get("next", "")
        return _page("apply/code.html", form)
    _count()
    try:
        token = accounts.show_code(
            site().office.store,
            site().settings.key,
            token=who.token,
            code=form.get("code"),
            now=now(),
        )
    except NotProven:
        form.refuse("code", w("problem.code.wrong"), status=401)
        return _page("apply/code.html", form)
    cookies.begin(token)
    cookies.remember(who.email)
    target = _next(form)
    return redirect_to(target) if target else go_to(_HOME)


@pages.at("/sign-out", SIGNED_IN, methods=("POST",))
def sign_out() -> Response:
    """End the session."""
    cookies.forget()
    return go_to(_HOME)


def _next(form: Form) -> str:
    """Return where to go afterwards: only to a page for applicants of this economy."""
    target = form.get("next")
    is_ours = is_local(target) and target.startswith(f"/apply/{economy()}/")
    return target if is_ours and "/.." not in target else ""


def _page(template: str, form: Form) -> Response:
    who = visitor()
    email = who.email if who else ""
    waits = who is not None and who.applicant_id is None
    return render(template, status=form.status, form=form, email=email, has_asked=waits)


def _count() -> None:
    limit: Limit = current_app.extensions[LIMIT]
    if not limit.allows(request.remote_addr or "", now=now()):
        raise TooManyRequests
