"""What a view for applicants has at hand: the economy, the moment, the applicant."""

from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

from flask import Response, current_app, g, make_response
from flask import render_template as render_text
from sqlalchemy.orm import Session
from werkzeug.exceptions import Unauthorized

from issuer.portal.accounts import Visitor
from issuer.portal.post import QueueMail
from issuer.scheme import Scheme
from issuer.web.here import now, site

MAIL: Final = "abtc-portal-mail"
"""Under which an app keeps what sends mail."""
_Result = TypeVar("_Result")


def economy() -> str:
    """Return the economy that the page is about, alpha-3; it is hosted here."""
    return cast(str, g.portal_economy)


def scheme() -> Scheme:
    """Return the scheme in force."""
    if "portal_scheme" not in g:
        office = site().office
        g.portal_scheme = office.store.read(office.scheme)
    return cast(Scheme, g.portal_scheme)


def visitor() -> Visitor | None:
    """Return who asks, also while they wait for their code."""
    return cast("Visitor | None", g.get("portal_visitor"))


def applicant() -> int:
    """Return the number of the applicant who asks.

    Raises:
        Unauthorized: Nobody has signed in.
    """
    who = visitor()
    if who is None or who.applicant_id is None:
        raise Unauthorized
    return who.applicant_id


def mail() -> QueueMail:
    """Return what sends mail."""
    return cast(QueueMail, current_app.extensions[MAIL])


def read(work: Callable[[Session], _Result]) -> _Result:
    """Run work that changes nothing."""
    return site().office.store.read(work)


def write(work: Callable[[Session], _Result]) -> _Result:
    """Run work as one transaction."""
    return site().office.store.write(work, now=now())


def render(template: str, *, status: int = 200, **values: Any) -> Response:
    """Return a page."""
    return make_response(render_text(template, **values), status)
