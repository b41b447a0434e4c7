"""The audit log: who read, who changed, whether it is whole; and one account's work."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from flask import Response, flash, request

from issuer.errors import AuditError, Invalid, NotFound
from issuer.web.access import Group, Needs, Pages
from issuer.web.forms import REASON, Form, submit
from issuer.web.here import perform, redirect_to, render

pages = Pages("logbook")
_BY: Final = ("subject", "actor", "what", "since", "until")


@pages.at(
    "/audit",
    Needs("audit.list"),
    menu=("Audit", "Who read and who changed what.", "v", Group.OFFICE),
)
def index() -> Response:
    """Show the log, the newest first."""
    return _page(Form(values=request.args.to_dict()))


@pages.at("/audit/verify", Needs("audit.verify"), methods=("POST",))
def verify() -> Response:
    """Follow the log from its beginning."""
    form = Form.read()
    try:
        found = submit("audit.verify", form, needs_reason=False)
    except AuditError as error:
        form.refuse("", f"What was kept outside the database is damaged: {error}.")
        found = None
    return _page(form, found)


@pages.at("/operators/<int:account>", Needs("operator.issued"))
def operator(account: int) -> Response:
    """Show everything that an account has issued."""
    return _operator(account, Form())


@pages.at(
    "/operators/<int:account>/revoke", Needs("credential.revoke"), methods=("POST",)
)
def propose(account: int) -> Response:
    """Propose to revoke all of it; a second person releases that."""
    form = Form.read()
    wanted: dict[str, Any] = {"issued_by": account}
    since = _moment(form, "issued_since")
    if since:
        wanted["issued_since"] = since.isoformat()
    typed, form.values = form.values, {REASON: form.get(REASON)}
    fields = {"action": "credential.revoke", "filter": wanted}
    done = None if form.problems else submit("bulk.propose", form, fields)
    form.values = typed
    if done is None:
        return _operator(account, form)
    flash("It is proposed, and nothing was revoked yet: another person releases it.")
    return redirect_to(f"/bulk/{done.bulk}")


def _page(form: Form, verified: Any = None) -> Response:
    found = None
    fields: dict[str, Any] = {
        name: form.get(name).strip()
        for name in ("subject", "actor", "what", "before")
        if form.get(name).strip()
    }
    since, until = _moment(form, "since"), _moment(form, "until")
    if since:
        fields["since"] = since
    if until:
        fields["until"] = until + timedelta(days=1)
    if request.method == "GET" and not form.problems:
        try:
            found = perform("audit.list", fields)
        except Invalid as error:
            form.take(error)
        except NotFound:
            form.refuse("actor", "Nobody of this economy has that login.", status=404)
    return render(
        "audit/index.html",
        status=form.status,
        form=form,
        found=found,
        verified=verified,
        kept={name: form.get(name) for name in _BY if form.get(name)},
    )


def _moment(form: Form, name: str) -> datetime | None:
    text = form.get(name).strip()
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None
    except ValueError:
        form.refuse(name, "Write the day as YYYY-MM-DD.")
        return None


def _operator(account: int, form: Form) -> Response:
    before = request.args.get("before", type=int)
    found = perform("operator.issued", {"account": account, "before": before})
    return render(
        "audit/operator.html",
        status=form.status,
        form=form,
        found=found,
        before=before,
    )
