"""What waits at home: answers of others, passports that end, cards without a phone."""

from typing import Final

from flask import Response, request

from issuer.lifecycle import Preclearance
from issuer.phone_waits import Offered
from issuer.web.access import Needs, Pages
from issuer.web.case_words import scheme
from issuer.web.forms import REASON, Form
from issuer.web.here import actor, perform, render, site
from issuer.web.views.paging import Paging
from issuer.web.views.reasons import FROM
from issuer.web.views.sheets import download

pages = Pages("outgoing")
_AGES: Final = (0, 7, 30, 90)
"""Days, to choose from."""


@pages.at("/answers", Needs("preclearance.list"))
def index() -> Response:
    """List answers that are open, or overdue."""
    return _answers(Form(values={REASON: FROM["overdue"]}))


@pages.at("/answers/export", Needs("export.preclearances"), methods=("POST",))
def export() -> Response:
    """Download what economies answered as a sheet."""
    form = Form.read()
    destination = request.form.get("destination") or None
    sheet = download("export.preclearances", form, {"destination": destination})
    return _answers(form) if sheet is None else sheet


def _answers(form: Form) -> Response:
    paging = Paging.read()
    overdue = "overdue" in request.args
    destination = request.args.get("destination") or None
    fields = {"overdue": overdue, "destination": destination, **paging.fields()}
    lines = perform("preclearance.list", fields)
    kept = {"overdue": 1 if overdue else None, "destination": destination}
    return render(
        "applications/answers.html",
        status=form.status,
        form=form,
        lines=lines,
        overdue=overdue,
        destination=destination or "",
        economies=scheme().economies,
        pending=Preclearance.PENDING,
        **paging.links("outgoing.index", lines.after, **kept),
    )


@pages.at("/passports-short", Needs("queue.passports_short"))
def passports() -> Response:
    """List cards in use whose passport ends soon."""
    paging = Paging.read()
    lines = perform(
        "queue.passports_short", paging.fields(), reason="Letters about passports"
    )
    return render(
        "applications/passports.html",
        lines=lines,
        **paging.links("outgoing.passports", lines.after),
    )


@pages.at("/phones-waiting", Needs("queue.phones"))
def phones() -> Response:
    """List approved cards that no phone has fetched."""
    paging = Paging.read()
    days = request.args.get("days", 0, type=int)
    days = days if days in _AGES else 0
    offered = request.args.get("offered", "")
    offered = offered if offered in set(Offered) else ""
    lines = perform(
        "queue.phones",
        {"days": days, "offered": offered or None, **paging.fields()},
        reason="Bringing cards to phones",
    )
    kept = {"days": days or None, "offered": offered or None}
    return render(
        "applications/phones.html",
        lines=lines,
        days=days,
        ages=_AGES,
        offered=offered,
        by_themselves=actor().economy in site().office.installation.portal.phones,
        **paging.links("outgoing.phones", lines.after, **kept),
    )
