"""What a view has at hand: the office, the moment, the visitor and their desk."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from flask import Response, current_app, g, make_response, redirect, request
from flask import render_template as render_text
from flask import url_for as address_of
from werkzeug.exceptions import Unauthorized

from issuer.office import Actor, Desk, Office
from issuer.operations import Answer, all_operations
from issuer.sessions import Visitor
from issuer.sign_in import Entrance
from issuer.sign_on import SignOnClient
from issuer.web.access import Access, MenuEntry, Needs, Open
from issuer.web.settings import Settings

NAME = "abtc"
"""Under which an app keeps its `Site`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What all requests share."""

    office: Office
    settings: Settings
    entrance: Entrance
    sign_on: SignOnClient | None
    access: Mapping[str, Access]
    menu: tuple[MenuEntry, ...]


def site() -> Site:
    """Return what all requests share."""
    return cast(Site, current_app.extensions[NAME])


def now() -> datetime:
    """Return the moment of this request, the same for all of it."""
    if "now" not in g:
        g.now = site().settings.clock()
    return cast(datetime, g.now)


def visitor() -> Visitor | None:
    """Return who asks, also while they are still signing in."""
    return cast("Visitor | None", g.get("visitor"))


def signed_in() -> Visitor | None:
    """Return who asks, once every factor was shown."""
    who = visitor()
    return who if who is not None and who.signed_in_at is not None else None


def actor() -> Actor:
    """Return who asks.

    Raises:
        Unauthorized: Nobody has signed in.
    """
    who = signed_in()
    if who is None or who.actor is None:
        raise Unauthorized
    return who.actor


def desk(reason: str, *, request_key: str | None = None) -> Desk:
    """Return the desk of who asks, for this request.

    Args:
        reason: Why, for the audit log: the visitor's words, or the page that was read.
        request_key: That of a form, so that sending it twice does it once.
    """
    return Desk(
        office=site().office,
        actor=actor(),
        now=now(),
        reason=reason,
        request_key=request_key,
    )


def perform(
    name: str,
    fields: Mapping[str, Any],
    *,
    reason: str | None = None,
    request_key: str | None = None,
) -> Any:
    """Perform an operation as who asks, and return its answer.

    Raises:
        IssuerError: As `issuer.operations.Operation.perform`.
    """
    why = reason or f"page {request.endpoint}"
    answer: Answer = all_operations()[name].perform(
        desk(why, request_key=request_key), fields
    )
    return answer


def may(access: Access) -> bool:
    """Tell whether who asks may see a page."""
    who = signed_in()
    if isinstance(access, Needs):
        return who is not None and bool(who.actor and who.actor.roles & access.roles)
    return access is Open.EVERYBODY or who is not None


def render(template: str, *, status: int = 200, **values: Any) -> Response:
    """Return a page."""
    return make_response(render_text(template, **values), status)


def go_to(endpoint: str, **values: Any) -> Response:
    """Send the browser to a page, with a GET."""
    return cast(Response, redirect(address_of(endpoint, **values), 303))


def redirect_to(path: str) -> Response:
    """Send the browser to a page by its path here, with a GET."""
    return cast(Response, redirect(path, 303))


def is_local(address: str) -> bool:
    """Tell whether an address is a page here, whatever a browser makes of it."""
    return (
        address.startswith("/")
        and not address.startswith(("//", "/\\"))
        and all(" " < letter <= "~" and letter != "\\" for letter in address)
    )
