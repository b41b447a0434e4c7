"""Publication: what devices have, what is wrong with it, and publishing now."""

from typing import Any

from flask import Response

from issuer.errors import IssuerError
from issuer.web.access import Group, Needs, Pages
from issuer.web.failures import sentence_of
from issuer.web.forms import REASON, Form, submit
from issuer.web.here import now, perform, render

pages = Pages("publication")


@pages.at(
    "/publication",
    Needs("publication.status"),
    menu=(
        "Publication",
        "What officers' devices have; publish now.",
        "l",
        Group.OFFICE,
    ),
)
def index() -> Response:
    """Show the health of what is published."""
    return _page(_blank())


@pages.at("/publication/publish", Needs("lists.publish"), methods=("POST",))
def publish() -> Response:
    """Publish everything that this economy says."""
    form = Form.read()
    fields = {"approval": form.get("approval") or None, "overdue": _ticked(form)}
    done = submit("lists.publish", form, fields)
    return _page(form) if done is None else _page(_blank(), done=done)


@pages.at("/publication/shrink", Needs("lists.propose_shrink"), methods=("POST",))
def propose_shrink() -> Response:
    """Ask a second person to let something go."""
    form = Form.read()
    asked = submit("lists.propose_shrink", form, {})
    return _page(form, asked=asked)


@pages.at("/publication/approve", Needs("lists.approve_shrink"), methods=("POST",))
def approve_shrink() -> Response:
    """Let something go, as the second person."""
    form = Form.read()
    fields = {"id": form.get("id") or 0}
    return _page(form, asked=submit("lists.approve_shrink", form, fields))


def _blank() -> Form:
    return Form(values={REASON: "lists are due"})


def _ticked(form: Form) -> bool:
    return form.get("overdue") == "yes"


def _page(form: Form, *, done: Any = None, asked: Any = None) -> Response:
    preview, unreadable = None, None
    try:
        preview = perform("lists.preview", {})
    except IssuerError as error:
        unreadable = sentence_of(error)
    status = perform("publication.status", {})
    return render(
        "publication/index.html",
        status=form.status,
        form=form,
        health=status,
        preview=preview,
        unreadable=unreadable,
        done=done,
        asked=asked,
        at=now(),
    )
