"""Reported passports that were met, at either end, and bare counts of questions."""

from datetime import timedelta
from typing import Any, Final

from flask import Response, flash, request

from issuer.errors import Conflict
from issuer.web.access import Group, Needs, Pages
from issuer.web.case_words import may_do
from issuer.web.forms import Form, submit
from issuer.web.here import go_to, now, perform, render
from issuer.web.views.paging import Paging

pages = Pages("passport_hits")
DAYS: Final = 31
"""How far back the page counts questions."""


@pages.at(
    "/passport-hits",
    Needs("passport.hits"),
    menu=(
        "Passport hits",
        "Reported passports that were met, here or elsewhere.",
        "h",
        Group.NEIGHBOURS,
    ),
)
def index() -> Response:
    """List the hits, the oldest first."""
    return _page(Form())


@pages.at("/passport-hits/<int:hit>/close", Needs("passport.close_hit"),
          methods=("POST",))  # fmt: skip
def close(hit: int) -> Response:
    """Say what came of a hit."""
    form = Form.read()
    fields = {"hit": hit, "outcome": form.get("outcome")}
    if submit("passport.close_hit", form, fields) is None:
        return _page(form, tried=hit)
    flash("The hit is closed at this end; the other end closes its own.")
    return go_to("passport_hits.index")


def _page(form: Form, *, tried: int | None = None) -> Response:
    paging, closed = Paging.read(), "closed" in request.args
    asked = paging.fields() | {"include_closed": closed}
    page = perform("passport.hits", asked)
    since = (now() - timedelta(days=DAYS)).date()
    kept = {"closed": 1} if closed else {}
    return render(
        "passport_hits/index.html",
        status=form.status,
        form=form,
        tried=tried,
        blank=Form(),
        closed=closed,
        hits=page.hits,
        figures=perform("passport.figures", {"since": since}).figures,
        days=DAYS,
        register=_register(),
        **paging.links("passport_hits.index", page.next, **kept),
    )


def _register() -> Any:
    """Count the register; None for who may not, and where none is kept."""
    if not may_do("passport.count"):
        return None
    try:
        return perform("passport.count", {})
    except Conflict:
        return None
