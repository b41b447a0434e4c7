"""Plastic: what waits to be printed, how it will look, batches for the bureau."""

from base64 import b64decode
from types import MappingProxyType
from typing import Any, Final

from flask import Response, flash, make_response, request, send_file

from issuer.errors import Conflict
from issuer.store import PlasticState
from issuer.web.access import Group, Needs, Pages
from issuer.web.forms import REASON, Form, submit
from issuer.web.here import go_to, perform, render, site

pages = Pages("plastic")
_SIDES: Final = MappingProxyType({"front": "front", "reverse": "reverse"})


@pages.at(
    "/plastic",
    Needs("plastic.list"),
    menu=("Plastic", "Print, send to the bureau, hand over.", "6", Group.CARDS),
)
def index() -> Response:
    """Show what waits, or what is elsewhere on its way."""
    return _queue(Form())


@pages.at("/plastic/batch", Needs("plastic.batch"), methods=("POST",))
def batch() -> Response:
    """Make an archive for the bureau."""
    form = Form.read()
    done = submit("plastic.batch", form)
    if done is None:
        return _queue(form)
    return render("plastic/batch.html", batch=done)


@pages.at("/plastic/batch/<batch>/take", Needs("plastic.take_batch"), methods=("POST",))
def take(batch: str) -> Response:
    """Download an archive; that it left is in the log."""
    form = Form.read()
    found = submit("plastic.take_batch", form, {"batch": batch})
    if found is None:
        return _queue(form)
    path = site().office.installation.bureau / found.file
    return send_file(
        path, mimetype="application/zip", as_attachment=True, download_name=path.name
    )


@pages.at("/plastic/<int:credential>", Needs("card.plastic_files"))
def show(credential: int) -> Response:
    """Show front and reverse as they will be printed."""
    return _page(credential, Form())


@pages.at("/plastic/<int:credential>/<side>.png", Needs("card.plastic_files"))
def side(credential: int, side: str) -> Response:
    """Draw one side."""
    files = perform("card.plastic_files", {"credential": credential})
    answer = make_response(b64decode(getattr(files, _SIDES.get(side, "front"))))
    answer.mimetype = "image/png"
    return answer


@pages.at("/plastic/<int:credential>/card.pdf", Needs("card.plastic_files"))
def pdf(credential: int) -> Response:
    """Download both sides, each on a page of the size of a card."""
    files = perform("card.plastic_files", {"credential": credential})
    answer = make_response(b64decode(files.pdf))
    answer.mimetype = "application/pdf"
    answer.headers.set(
        "Content-Disposition", "attachment", filename=f"plastic-{credential}.pdf"
    )
    return answer


@pages.at(
    "/plastic/<int:credential>/hand-over", Needs("plastic.hand_over"), methods=("POST",)
)
def hand_over(credential: int) -> Response:
    """Record that the holder has it."""
    form = Form.read()
    done = submit("plastic.hand_over", form, {"credential": credential})
    if done is None:
        return _page(credential, form)
    flash("It was handed over.")
    return go_to("cards.show", card=done.card)


@pages.at("/plastic/<int:credential>/spoil", Needs("plastic.spoil"), methods=("POST",))
def spoil(credential: int) -> Response:
    """Record that it was spoiled, and make another."""
    form = Form.read()
    done = submit("plastic.spoil", form, {"credential": credential})
    if done is None:
        return _page(credential, form)
    if done.made_again:
        flash(
            f"It is spoiled and has ended. Plastic {done.made_again.document_number}"
            " takes its place and waits to be printed."
        )
    else:
        flash(f"It is spoiled. Nothing was made in its place: {done.not_made_again}.")
    return go_to("cards.show", card=done.card)


def _queue(form: Form) -> Response:
    wanted = request.args.get("state", PlasticState.TO_PRINT)
    state = wanted if wanted in {*PlasticState} else PlasticState.TO_PRINT
    after = request.args.get("after", type=int)
    if not form.get(REASON):
        form.values[REASON] = "cards to be printed"
    return render(
        "plastic/index.html",
        status=form.status,
        form=form,
        state=state,
        after=after,
        states=list(PlasticState),
        page=perform("plastic.list", {"state": state, "after": after}),
        batches=perform("plastic.batches", {}),
    )


def _page(credential: int, form: Form) -> Response:
    files: Any = None
    try:
        files = perform("card.plastic_files", {"credential": credential})
    except Conflict as error:
        form.take(error)
    if not form.get(REASON):
        form.values[REASON] = "printing"
    return render(
        "plastic/show.html",
        status=form.status,
        form=form,
        credential=credential,
        files=files,
    )
