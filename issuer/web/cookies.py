"""The session cookie, and the token in every form that only a page of ours can know."""

import secrets
from collections.abc import Mapping
from hmac import compare_digest
from typing import Final

from flask import Response, g, request, session

from issuer import sessions
from issuer.sessions import Visitor
from issuer.web.here import now, site, visitor

FORM_TOKEN: Final = "form_token"  # noqa: S105  # the name of a field
_COOKIE: Final = "abtc-session"
_VISIT: Final = "visit"
_USE: Final = "form token"


def cookie_name() -> str:
    """Return the cookie's name; ``__Host-`` binds it to this host and to https."""
    return f"__Host-{_COOKIE}" if site().settings.web.secure else _COOKIE


def load_visitor() -> None:
    """Find out who asks."""
    token = request.cookies.get(cookie_name(), "")
    if token:
        g.visitor = sessions.find(site().office.store, token, now=now())


def begin(
    *,
    account_id: int | None,
    is_signed_in: bool,
    state: Mapping[str, object] | None = None,
) -> Visitor:
    """Give the browser a new session in place of the one it has.

    Args:
        account_id: Whose; None where that is not known yet.
        is_signed_in: Every factor was shown.
        state: What signing in still needs.
    """
    before = visitor()
    # A new token for the same account does not prolong its day.
    since = before.signed_in_at if before else None
    token = sessions.start(
        site().office.store,
        account_id=account_id,
        signed_in_at=(since or now()) if is_signed_in else None,
        state=state or {},
        browser=request.headers.get("User-Agent", ""),
        replaces=before,
        now=now(),
    )
    session.pop(_VISIT, None)
    found = sessions.find(site().office.store, token, now=now())
    if found is None:
        raise RuntimeError("a session ended as it began")
    g.visitor, g.new_token = found, token
    return found


def forget() -> None:
    """Take the session away from the browser."""
    g.visitor, g.new_token = None, ""
    session.clear()


def set_cookie(response: Response) -> None:
    """Give the browser its new token, if it got one."""
    token = g.get("new_token")
    if token is None:
        return
    # Lax, not Strict: from the ministry's sign-on browsers come back by a link.
    response.set_cookie(
        cookie_name(),
        token,
        max_age=0 if not token else None,
        secure=site().settings.web.secure,
        httponly=True,
        samesite="Lax",
        path="/",
    )


def form_token() -> str:
    """Return what every form must bring back; another one for each session."""
    return site().settings.key.mark(_USE, _bound_to())


def is_form_token(given: str) -> bool:
    """Tell whether a form was made for this browser's session."""
    has_begun = visitor() is not None or _VISIT in session
    return has_begun and compare_digest(given.encode(), form_token().encode())


def _bound_to() -> str:
    who = visitor()
    if who is not None:
        return f"session:{who.token}"
    if _VISIT not in session:
        session[_VISIT] = secrets.token_urlsafe(32)
    return f"visit:{session[_VISIT]}"
