"""Mails to applicants: what was not delivered, and what can be done about it."""

from types import MappingProxyType
from typing import Final

from flask import Response, flash, request
from werkzeug.exceptions import NotFound

from issuer.store import MailState
from issuer.web.access import Group, Needs, Pages
from issuer.web.forms import Form, submit
from issuer.web.here import go_to, perform, render

pages = Pages("mails")
_DONE: Final = MappingProxyType(
    {
        "retry": "The mail waits again; it is tried at once.",
        "drop": "The mail is given up, and forgotten.",
    }
)


@pages.at(
    "/mails",
    Needs("mail.list"),
    menu=(
        "Mail",
        "What was written to applicants, and did not arrive.",
        "m",
        Group.APPLICANTS,
    ),
)
def index() -> Response:
    """List mails by what became of them."""
    return _list(Form())


@pages.at("/mails/<int:mail>/<verb>", Needs("mail.retry"), methods=("POST",))
def act(mail: int, verb: str) -> Response:
    """Try a mail anew, or give it up."""
    if verb not in _DONE:
        raise NotFound
    form = Form.read()
    if submit(f"mail.{verb}", form, {"mail": mail}) is None:
        return _list(form)
    flash(_DONE[verb])
    return go_to("mails.index", state=MailState.DEAD)


def _list(form: Form) -> Response:
    asked = request.args.get("state", MailState.DEAD)
    state = MailState(asked) if asked in list(MailState) else MailState.DEAD
    after = request.args.get("after", type=int)
    return render(
        "mails/index.html",
        status=form.status,
        form=form,
        state=state,
        after=after,
        page=perform("mail.list", {"state": state, "after": after}),
    )
