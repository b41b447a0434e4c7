"""What the home economy waits for: answers of destinations, and passports that end."""

from flask import Response, request

from issuer.lifecycle import Preclearance
from issuer.web.access import Needs, Pages
from issuer.web.case_words import scheme
from issuer.web.forms import REASON, Form
from issuer.web.here import perform, render
from issuer.web.views.paging import Paging
from issuer.web.views.reasons import FROM
from issuer.web.views.sheets import download

pages = Pages("outgoing")


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
