"""Pages for applicants: where they stand, who may see them, what guards them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from flask import Blueprint, Response, g, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.exceptions import Forbidden, NotFound, Unauthorized

from issuer.portal.opening import is_open
from issuer.store import HostedEconomy, PortalOpening
from issuer.web.access import EVERYBODY, SIGNED_IN, Open
from issuer.web.cookies import FORM_TOKEN
from issuer.web.guards import (
    APPLICANTS,
    check_is_form,
)
from issuer.web.here import go_to, is_local, now
from issuer.web.portal import cookies, failures
from issuer.web.portal.here import economy, read, scheme, visitor
from issuer.web.portal.words import language, languages, w

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_View = TypeVar("_View", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class NavigationEntry:
    """A page that is named at the top of every page."""

    endpoint: str
    words: str
    """Key of its words."""
    access: Open


class PortalPages(Blueprint):
    """Some pages for applicants that belong together.

    Args:
        name: Begins with ``apply``: the back office's guards leave it alone.
    """

    def __init__(self, name: str) -> None:
        if not name.startswith(APPLICANTS):
            raise ValueError(f"{name} does not begin with {APPLICANTS}")
        super().__init__(
            name,
            __name__,
            url_prefix="/apply/<economy>",
            template_folder="templates",
        )
        self.access: dict[str, Open] = {}
        self.navigation: list[NavigationEntry] = []
        self.url_value_preprocessor(_take_economy)
        self.url_defaults(_give_economy)
        self.before_request(self._check)
        self.after_request(_dress)
        self.context_processor(_every_page)
        failures.install(self)

    def at(
        self,
        rule: str,
        access: Open,
        *,
        methods: tuple[str, ...] = ("GET",),
        navigation: str | None = None,
    ) -> Callable[[_View], _View]:
        """Put a view at an address below ``/apply/<ECONOMY>``.

        Args:
            rule: As Flask has it; the economy is not among the view's arguments.
            access: `SIGNED_IN`, or `EVERYBODY`.
            methods: ``GET`` for pages, ``POST`` for what changes something.
            navigation: Key of the words under which every page leads to it.
        """

        def put(view: _View) -> _View:
            endpoint = f"{self.name}.{view.__name__}"
            self.access[endpoint] = access
            if navigation is not None:
                self.navigation.append(
                    NavigationEntry(endpoint=endpoint, words=navigation, access=access)
                )
            self.add_url_rule(rule, view.__name__, view, methods=list(methods))
            return view

        return put

    def _check(self) -> Response | None:
        _check_economy()
        cookies.load_visitor()
        if request.method not in _SAFE:
            check_is_form()
            if not cookies.is_form_token(request.form.get(FORM_TOKEN, "")):
                raise Forbidden(w("failure.form"))
        access = self.access[str(request.endpoint)]
        who = visitor()
        if access is EVERYBODY or (who is not None and who.applicant_id is not None):
            return None
        if request.method not in _SAFE:
            raise Unauthorized
        target = request.full_path.rstrip("?")
        return go_to("apply.sign_in", next=target if is_local(target) else None)


def economies_of(session: Session) -> tuple[str, ...]:
    """Return the economies here that ever let people apply online, by code."""
    codes = select(PortalOpening.economy).distinct().order_by(PortalOpening.economy)
    return tuple(session.scalars(codes))


def _take_economy(endpoint: str | None, values: dict[str, Any] | None) -> None:
    g.portal_economy = (values or {}).pop("economy", "")


def _give_economy(endpoint: str, values: dict[str, Any]) -> None:
    if "portal_economy" in g:
        values.setdefault("economy", g.portal_economy)


def _check_economy() -> None:
    """Refuse an economy that is not here, or never let people apply online."""

    def work(session: Session) -> bool:
        row = session.get(HostedEconomy, economy())
        g.portal_is_open = row is not None and is_open(session, economy(), now())
        return row is not None and economy() in economies_of(session)

    if not (len(economy()) == 3 and economy().isalpha() and read(work)):
        g.portal_economy = ""
        raise NotFound


def _dress(response: Response) -> Response:
    cookies.set_cookie(response)
    return response


def _every_page() -> dict[str, Any]:
    who = visitor()
    code = g.get("portal_economy")
    return {
        "w": w,
        "language": language(),
        "languages": languages(),
        "applicant": who if who is not None and who.applicant_id is not None else None,
        "economy": code,
        "economy_name": scheme().economy(code).name if code else "",
        "is_open": g.get("portal_is_open", False),
        "navigation": _navigation() if code else [],
        "form_token": cookies.form_token,
    }


def _navigation() -> list[tuple[str, str, bool]]:
    from issuer.web.portal.all_pages import VIEWS  # noqa: PLC0415  # they are made of this

    who = visitor()
    is_in = who is not None and who.applicant_id is not None
    return [
        (url_for(each.endpoint), w(each.words), request.endpoint == each.endpoint)
        for pages in VIEWS
        for each in pages.navigation
        if is_in or each.access is EVERYBODY
    ]


__all__ = ["EVERYBODY", "SIGNED_IN", "NavigationEntry", "PortalPages"]
