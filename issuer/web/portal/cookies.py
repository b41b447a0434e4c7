"""The applicant's own cookie, and the token in each of their forms."""

import secrets
from datetime import timedelta
from hmac import compare_digest
from typing import Final

from flask import Response, g, request

from issuer.portal import accounts
from issuer.web.here import now, site
from issuer.web.portal.here import economy, visitor

_COOKIE: Final = "abtc-applicant"
_KNOWN: Final = "abtc-applicant-known"
"""By which a browser is known that has signed in before; it opens nothing."""
_KNOWN_FOR: Final = timedelta(days=365)
_KNOWN_MOST: Final = 4
"""Addresses of one browser, such as those of a family."""
_BETWEEN: Final = "~"
_USE: Final = "applicant form"
_LEAST: Final = 32
"""Characters; a shorter one is none of ours."""


def cookie_name(name: str = _COOKIE) -> str:
    """Return a cookie's name; ``__Host-`` binds it to this host and to https."""
    return f"__Host-{name}" if site().settings.web.secure else name


def load_visitor() -> None:
    """Find out who asks."""
    token = request.cookies.get(cookie_name(), "")
    g.portal_token = token if len(token) >= _LEAST else ""
    if g.portal_token:
        store = site().office.store
        g.portal_visitor = accounts.find(
            store, g.portal_token, economy=economy(), now=now()
        )


def begin(token: str) -> None:
    """Give the browser another token in place of the one it has."""
    g.portal_token = g.portal_new_token = token
    g.portal_visitor = accounts.find(
        site().office.store, token, economy=economy(), now=now()
    )


def known() -> list[str]:
    """Return what the browser has kept of earlier sign-ins."""
    kept = request.cookies.get(cookie_name(_KNOWN), "")[:2_000]
    return kept.split(_BETWEEN)[:_KNOWN_MOST]


def remember(email: str) -> None:
    """Let the browser be known by who has just signed in."""
    made = accounts.remembered(site().settings.key, economy=economy(), email=email)
    g.portal_known = _BETWEEN.join([made, *filter(None, known())][:_KNOWN_MOST])


def forget() -> None:
    """End the session, and take it away from the browser."""
    who = visitor()
    if who is not None:
        accounts.end(site().office.store, who, now=now())
    g.portal_visitor, g.portal_token, g.portal_new_token = None, "", ""


def set_cookie(response: Response) -> None:
    """Give the browser what it has to keep, if there is anything new."""
    token, remembered = g.get("portal_new_token"), g.get("portal_known")
    if token is not None:
        _set(response, _COOKIE, token, max_age=0 if not token else None)
    if remembered is not None:
        _set(response, _KNOWN, remembered, max_age=int(_KNOWN_FOR.total_seconds()))


def _set(response: Response, name: str, value: str, *, max_age: int | None) -> None:
    # Lax, not Strict: what is mailed to applicants holds links to these pages.
    response.set_cookie(
        cookie_name(name),
        value,
        max_age=max_age,
        secure=site().settings.web.secure,
        httponly=True,
        samesite="Lax",
        path="/",
    )


def form_token() -> str:
    """Return what every form must bring back; another one for each session."""
    if not g.get("portal_token"):
        # A browser that has shown nothing yet: its token stands for nobody.
        g.portal_token = g.portal_new_token = secrets.token_urlsafe(32)
    return site().settings.key.mark(_USE, g.portal_token)


def is_form_token(given: str) -> bool:
    """Tell whether a form was made for this browser."""
    if not g.get("portal_token"):
        return False
    return compare_digest(given.encode(), form_token().encode())
