"""The guide inside the console, from the trust data of the moment."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from flask import Blueprint, Response, abort, request

from ...trust import Trust
from . import pages
from .pages import Guide
from .words import NAMES

NAME: Final = "guide"


def blueprint(
    trust_of: Callable[[], Trust | None], *, now: Callable[[], datetime]
) -> Blueprint:
    """Return the pages below ``/guide``; they tell nothing of anybody.

    Args:
        trust_of: The snapshot of the moment; None while there is no whole data: then
            the guide has no economies, and everything else.
        now: The present, timezone-aware.
    """

    def guide() -> Guide:
        return guide_of(trust_of(), now())

    views = Blueprint(NAME, __name__, url_prefix="/guide")

    @views.before_request
    def know_the_language() -> None:
        if (request.view_args or {}).get("language", "en") not in NAMES:
            abort(404)

    @views.get("/guide.css")
    def style() -> Response:
        return Response(pages.style(), mimetype="text/css")

    @views.get("/<language>/")
    @views.get("/<language>/index.html")
    def index(language: str) -> str:
        return pages.index(guide(), language)

    @views.get("/<language>/practice.html")
    def practice(language: str) -> str:
        return pages.practice(guide(), language)

    @views.get("/<language>/economies/<code>.html")
    def economy(language: str, code: str) -> str:
        known = guide()
        if code not in known.facts:
            abort(404)
        return pages.economy(known, language, code)

    return views


def guide_of(trust: Trust | None, now: datetime) -> Guide:
    """Return what a device can tell of economies at a moment."""
    if trust is None:
        return Guide(facts={}, with_rules=frozenset(), now=now, is_device=True)
    codes = sorted(trust.economies)
    return Guide(
        facts={code: trust.facts_of(code) for code in codes},
        with_rules=frozenset(code for code in codes if trust.rules_of(code)),
        now=now,
        is_device=True,
    )
